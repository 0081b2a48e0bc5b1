package process

import (
	"bytes"
	"os"
	"strconv"
)

// person is a process of a census.
type person struct {
	pid int
	status
}

// census looks at all processes. It is not taken at one moment: processes that
// come and go meanwhile may be missing.
func census(people []person) []person {
	people = people[:0]
	buf := make([]byte, 1024)
	for _, pid := range processes() {
		if s, ok := readStatus(pid, buf); ok {
			people = append(people, person{pid, s})
		}
	}
	return people
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
