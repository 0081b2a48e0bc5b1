// Package machine tells how much of the machine this process may use.
package machine

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
	for _, g := range groups(root) {
		// A limit of a group above counts as much as one of its own.
		for dir := g.dir; ; dir = filepath.Dir(dir) {
			if n := limit(filepath.Join(g.mount, dir, g.file)); n > 0 && (n < most || most == 0) {
				most, from = n, "cgroup"
			}
			if dir == "/" {
				break
			}
		}
	}
	return most, from
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

// limit is the number in the file, 0 when there is none. Version 2 says max for
// none, version 1 a number that no machine has.
func limit(file string) int64 {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
	return n
}

// group is a control group of this process that may limit memory.
type group struct {
	mount string // where its hierarchy is mounted
	dir   string // below that, from "/"
	file  string // of the limit
}

// groups are the groups of this process: of version 2, of version 1, or of both.
func groups(root string) (all []group) {
	of, _ := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	mounts, _ := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
	for line := range strings.Lines(string(of)) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) != 3 {
			continue
		}
		sort, file := "cgroup2", "memory.max"
		switch {
		case f[0] == "0" && f[1] == "":
		case hasWord(f[1], "memory"):
			sort, file = "cgroup", "memory.limit_in_bytes"
		default:
			continue
		}
		for mount := range strings.Lines(string(mounts)) {
			if at, top, ok := hierarchy(mount, sort); ok {
				all = append(all, group{filepath.Join(root, at), below(top, f[2]), file})
			}
		}
	}
	return all
}

// hierarchy parses a line of mountinfo: where a hierarchy of the wanted sort is
// mounted, and which of its groups is seen there.
func hierarchy(line, sort string) (at, top string, ok bool) {
	mount, fs, ok := strings.Cut(line, " - ")
	m, f := strings.Fields(mount), strings.Fields(fs)
	if !ok || len(m) < 5 || len(f) < 3 || f[0] != sort || sort == "cgroup" && !hasWord(f[2], "memory") {
		return "", "", false
	}
	return m[4], m[3], true
}

// below is the group dir as it is seen where top is mounted. In a container both
// may be named as the host names them, or dir may not be seen at all: then top is
// what there is.
func below(top, dir string) string {
	if rest, ok := strings.CutPrefix(dir, strings.TrimSuffix(top, "/")); ok && (rest == "" || rest[0] == '/') {
		return filepath.Clean("/" + rest)
	}
	return "/"
}

// hasWord reports whether list, with commas, has the word.
func hasWord(list, word string) bool {
	for w := range strings.SplitSeq(list, ",") {
		if w == word {
			return true
		}
	}
	return false
}
