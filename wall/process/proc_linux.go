package process

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
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

// status is a part of /proc/PID/stat.
type status struct {
	dead                   bool // a zombie, or nearly
	parent, group, session int
}

func statusOf(pid int) (s status, ok bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return s, false
	}
	// The name, in parentheses, may hold anything.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 4 {
		return s, false
	}
	s.dead = f[0] == "Z" || f[0] == "X"
	s.parent, _ = strconv.Atoi(f[1])
	s.group, _ = strconv.Atoi(f[2])
	s.session, _ = strconv.Atoi(f[3])
	return s, true
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
