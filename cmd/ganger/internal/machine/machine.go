// Package machine tells how much of the machine this process may use, of which a
// container may leave it a part.
package machine

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
)

// Memory returns how much memory this process may use and what says so: the
// smallest limit of its control groups ("cgroup"), or else what the machine has
// ("machine"). It returns 0 and "" where that cannot be found out.
func Memory() (bytes int64, from string) { return memory("/") }

// memory is Memory with the file system at root.
func memory(root string) (most int64, from string) {
	if most = total(root); most > 0 {
		from = "machine"
	}
	for g := range groups(root, "memory") {
		file := "memory.max"
		if g.version == 1 {
			file = "memory.limit_in_bytes"
		}
		if n := number(filepath.Join(g.dir, file)); n > 0 && (n < most || most == 0) {
			most, from = n, "cgroup"
		}
	}
	return most, from
}

// CPUs returns how many CPUs this process may keep busy and what says so: the
// variable GOMAXPROCS ("GOMAXPROCS"), which is obeyed as every Go program does; the
// smallest quota of its control groups, of which a fraction counts as one more
// ("cgroup"); or else how many it may run on ("machine"). The runtime's own number
// is no less than two, whatever the quota.
func CPUs() (n int, from string) {
	if os.Getenv("GOMAXPROCS") != "" {
		return runtime.GOMAXPROCS(0), "GOMAXPROCS"
	}
	return cpus("/", runtime.NumCPU())
}

// cpus is CPUs without the variable, with the file system at root, of a process that
// may run on so many.
func cpus(root string, most int) (n int, from string) {
	n, from = most, "machine"
	for g := range groups(root, "cpu") {
		var quota, period int64
		if g.version == 1 {
			quota, period = number(filepath.Join(g.dir, "cpu.cfs_quota_us")), number(filepath.Join(g.dir, "cpu.cfs_period_us"))
		} else {
			b, _ := os.ReadFile(filepath.Join(g.dir, "cpu.max"))
			if f := bytes.Fields(b); len(f) == 2 {
				quota, _ = strconv.ParseInt(string(f[0]), 10, 64)
				period, _ = strconv.ParseInt(string(f[1]), 10, 64)
			}
		}
		if quota <= 0 || period <= 0 { // no limit is max or -1
			continue
		}
		if q := (quota-1)/period + 1; q < int64(n) {
			n, from = int(q), "cgroup"
		}
	}
	return n, from
}

// total is the memory of the machine, 0 when it is not known.
func total(root string) int64 {
	b, _ := os.ReadFile(filepath.Join(root, "proc/meminfo"))
	for line := range bytes.Lines(b) {
		rest, ok := bytes.CutPrefix(line, []byte("MemTotal:"))
		if f := bytes.Fields(rest); ok && len(f) == 2 {
			n, _ := strconv.ParseInt(string(f[0]), 10, 53)
			return n << 10
		}
	}
	return 0
}

// number is the number in the file, 0 when there is none. For no limit of memory
// version 2 says max, version 1 a number that no machine has.
func number(file string) int64 {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
	return n
}
