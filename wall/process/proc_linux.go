package process

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What the kernel tells of processes that are not ours to wait for. Any of it
// may be old when it is returned.

// processes lists the numbers of all processes.
func processes() []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	pids := make([]int, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// environ returns the environment that pid was started with; nothing for a
// zombie, a process of others and a part of the kernel. A process that is just
// executing another program, or is dying, shows nothing for a moment, so that is
// waited for; told is false if it lasts.
func environ(pid int) (env []byte, told bool) {
	proc := "/proc/" + strconv.Itoa(pid)
	for tries, wiped := 0, false; ; tries++ {
		b, err := os.ReadFile(proc + "/environ")
		if len(b) > 0 || err != nil && !errors.Is(err, syscall.ESRCH) {
			return b, true
		}
		if s, ok := statusOf(pid); !ok || s.dead || s.group == 0 { // the kernel's are in group 0
			return nil, true
		}
		if tries == 3 {
			return nil, wiped
		}
		// One that wiped its environment still shows its arguments.
		line, _ := os.ReadFile(proc + "/cmdline")
		wiped = len(line) > 0
		time.Sleep(500 * time.Microsecond)
	}
}

// status is what one line of the kernel, /proc/PID/stat, tells of a process.
type status struct {
	dead                   bool // a zombie, or nearly
	parent, group, session int
	started                int64         // in the kernel's ticks; tells two processes of one number apart
	memory                 int64         // bytes resident
	cpu                    time.Duration // with that of the children it waited for
}

// tick is the unit of times in /proc, the same on every Linux.
const tick = 10 * time.Millisecond

func statusOf(pid int) (s status, ok bool) {
	return readStatus(pid, make([]byte, 1024))
}

// readStatus is statusOf with the memory to read into.
func readStatus(pid int, buf []byte) (s status, ok bool) {
	line, err := slurp("/proc/"+strconv.Itoa(pid)+"/stat", buf)
	if err != nil {
		return s, false
	}
	return parseStatus(line)
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

// parseStatus reads a line of /proc/PID/stat.
func parseStatus(line []byte) (s status, ok bool) {
	// The name, in parentheses, may hold anything. The fields are counted from
	// what follows it, the state, which is field 3 in the manual.
	const state = 3
	var fields [24 - state + 1]int64
	n := 0
	for f := range bytes.FieldsSeq(line[bytes.LastIndexByte(line, ')')+1:]) {
		if n == 0 {
			s.dead = string(f) == "Z" || string(f) == "X"
		}
		fields[n], _ = strconv.ParseInt(string(f), 10, 64)
		if n++; n == len(fields) {
			break
		}
	}
	field := func(i int) int64 { return fields[i-state] }
	s.parent, s.group, s.session = int(field(4)), int(field(5)), int(field(6))
	s.cpu = time.Duration(field(14)+field(15)+field(16)+field(17)) * tick
	s.started, s.memory = field(22), field(24)*pageSize
	return s, n == len(fields)
}

// groupLives reports whether a process of the group is not dead.
func groupLives(group int) bool {
	for _, pid := range processes() {
		if s, ok := statusOf(pid); ok && s.group == group && !s.dead {
			return true
		}
	}
	return false
}
