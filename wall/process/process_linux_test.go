package process

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// hang is how long a test waits for what must happen before it calls it a hang.
const hang = 20 * time.Second

// roles are what this test binary can be instead of a test: a coordinator to
// be killed, or one to be looked at. It is chosen by roleName.
var roles = map[string]func(args []string){}

const roleName = "PROCESS_TEST_ROLE"

// leaked are the descriptors that whoever started the tests left to them, and
// to all their children.
var leaked []int

func TestMain(m *testing.M) {
	Main()
	for _, fd := range inheritedFDs(2) {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			leaked = append(leaked, fd)
		}
	}
	slices.Sort(leaked)
	if role := roles[os.Getenv(roleName)]; role != nil {
		_ = os.Unsetenv(roleName)
		role(os.Args[1:])
		return
	}
	goleak.VerifyTestMain(m)
}

// sh is a worker written in shell.
func sh(script string, args ...string) Command {
	return Command{Path: "sh", Args: append([]string{"-c", script, "sh"}, args...)}
}

// tidy checks at the end of the test that no process, goroutine or descriptor
// of it is left.
func tidy(t *testing.T) {
	t.Helper()
	if err := house.enter(nil); err != nil { // what stays open for good is opened now
		t.Fatal(err)
	}
	house.leave()
	if _, err := null(); err != nil {
		t.Fatal(err)
	}
	before := descriptors(t)
	t.Cleanup(func() {
		if left := marked(house.token + "."); len(left) > 0 {
			t.Errorf("processes left: %v", left)
		}
		if after := descriptors(t); len(after) > len(before) {
			t.Errorf("descriptors: %d before, %d after: %v", len(before), len(after), after)
		}
		goleak.VerifyNone(t)
	})
}

func descriptors(t *testing.T) []string {
	t.Helper()
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var fds []string
	for _, e := range dir {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		// The poller's own descriptors come when they are first needed.
		if err == nil && !strings.HasPrefix(to, "anon_inode:[event") && !strings.HasPrefix(to, "/proc/") {
			fds = append(fds, e.Name()+" "+to)
		}
	}
	return fds
}

// marked lists the living processes whose environment holds text.
func marked(text string) []int {
	var pids []int
	paths, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, p := range paths {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(p)))
		if env, err := os.ReadFile(p); err == nil && pid != os.Getpid() && strings.Contains(string(env), text) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// open opens a life that ends with the test.
func open(t *testing.T, c Command, s wall.Start) *stream {
	t.Helper()
	if s.Name == "" {
		s.Name, s.Incarnation = "w", 1
	}
	l, err := c.Open(t.Context(), s)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		l.Kill(ganger.LeavingStopped)
		gone(t, l)
	})
	return l.(*stream)
}

// gone waits for the end of l.
func gone(t *testing.T, l wall.Life) ganger.Exit {
	t.Helper()
	select {
	case <-l.Gone():
	case <-time.After(hang):
		t.Fatalf("%s is not gone after %v", l.ID(), hang)
	}
	return l.Exit()
}

// readAll reads to the end of what the life says.
func readAll(t *testing.T, r io.Reader) string {
	t.Helper()
	type result struct {
		b   []byte
		err error
	}
	c := make(chan result, 1)
	go func() {
		b, err := io.ReadAll(r)
		c <- result{b, err}
	}()
	select {
	case got := <-c:
		if got.err != nil {
			t.Errorf("Read: %v", got.err)
		}
		return string(got.b)
	case <-time.After(hang):
		t.Fatalf("Read hangs")
		return ""
	}
}

// expect reads exactly len(want) bytes.
func expect(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(r, got)
	if err != nil || string(got) != want {
		t.Fatalf("read %q, %v; want %q", got[:n], err, want)
	}
}

// eventually polls what other processes do until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(hang); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not after %v: %s", hang, what)
		}
	}
}

// running reports whether pid is a process that is not a zombie.
func running(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// number reads the process number that a worker says on a line.
func number(t *testing.T, r io.Reader) int {
	t.Helper()
	var line []byte
	for b := make([]byte, 1); ; {
		if _, err := io.ReadFull(r, b); err != nil {
			t.Fatalf("reading a process number: %v after %q", err, line)
		}
		if b[0] == '\n' {
			break
		}
		line = append(line, b[0])
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(line)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// endDaemons ends what was started with the name of the test in P_DAEMON.
func endDaemons(t *testing.T) {
	t.Helper()
	eventually(t, "the daemons are dead", func() bool {
		left := marked("P_DAEMON=" + t.Name())
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		return len(left) == 0
	})
}
