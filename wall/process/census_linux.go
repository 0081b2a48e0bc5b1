package process

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// person is what one line of the kernel tells of a process.
type person struct {
	pid, parent, group int
	started            int64         // in the kernel's ticks; tells two processes of one number apart
	memory             int64         // bytes resident
	cpu                time.Duration // with that of the children it waited for
}

// tick is the unit of times in /proc, the same on every Linux.
const tick = 10 * time.Millisecond

// census looks at all processes. It is not taken at one moment: processes that
// come and go meanwhile may be missing.
func census(people []person) []person {
	people = people[:0]
	buf := make([]byte, 1024)
	for _, pid := range processes() {
		line, err := slurp("/proc/"+strconv.Itoa(pid)+"/stat", buf)
		if err != nil {
			continue
		}
		if p, ok := parsePerson(line); ok {
			p.pid = pid
			people = append(people, p)
		}
	}
	return people
}

// slurp reads a file of /proc that fits into buf by three system calls.
func slurp(path string, buf []byte) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}

// parsePerson reads a line of /proc/PID/stat.
func parsePerson(line []byte) (p person, ok bool) {
	// The name, in parentheses, may hold anything. The fields are counted from
	// what follows it, the state, which is field 3 in the manual.
	const state = 3
	var fields [24 - state + 1]int64
	rest := line[bytes.LastIndexByte(line, ')')+1:]
	n := 0
	for f := range bytes.FieldsSeq(rest) {
		fields[n], _ = strconv.ParseInt(string(f), 10, 64)
		if n++; n == len(fields) {
			break
		}
	}
	field := func(i int) int64 { return fields[i-state] }
	return person{
		parent: int(field(4)), group: int(field(5)), started: field(22), memory: field(24) * pageSize,
		cpu: time.Duration(field(14)+field(15)+field(16)+field(17)) * tick,
	}, n == len(fields)
}

// kinship tells for each process of a census to which of some lives it belongs.
type kinship struct {
	people  []person
	index   map[int]int    // process number to its place among people
	leaders map[int]*meter // by process number
	owner   []*meter       // of each of people; nil: none, or not known yet
	known   []bool
	adopted func(p person) *meter // tells whose a process is whose parents are gone; may be nil
}

// of returns the life that the process at place i belongs to, nil for none:
// that of which it is the leader, or in whose group it is, or to which its
// parent belongs.
func (k *kinship) of(i int) *meter {
	if k.known[i] {
		return k.owner[i]
	}
	k.known[i] = true // before the parent is asked: numbers that were given anew could make a circle
	p := k.people[i]
	m := k.leaders[p.pid]
	if m == nil {
		m = k.leaders[p.group]
	}
	if m == nil && p.parent == os.Getpid() {
		if k.adopted != nil {
			m = k.adopted(p)
		}
	} else if at, ok := k.index[p.parent]; m == nil && ok {
		m = k.of(at)
	}
	k.owner[i] = m
	return m
}

// proportional is the resident memory of some processes in which what is shared
// counts in parts. It takes milliseconds for a large process. ok is false if it
// cannot be told for all of them.
func proportional(pids []int) (sum int64, ok bool) {
	for _, pid := range pids {
		b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
		if err != nil {
			return 0, false
		}
		_, rest, found := bytes.Cut(b, []byte("\nPss:"))
		value, _, _ := bytes.Cut(bytes.TrimLeft(rest, " \t"), []byte{' '})
		kib, err := strconv.ParseInt(string(value), 10, 64)
		if !found || err != nil {
			return 0, false
		}
		sum += kib << 10
	}
	return sum, true
}
