package process

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

func init() {
	roles["stubborn"] = stubborn
	roles["churn"] = churn
	roles["idle"] = idle
}

// nasty are workers that do not want to die, each with what it leaves behind.
// The tag stands in every command line.
var nasty = []string{
	// Deaf to the end of input and to TERM.
	`trap '' TERM INT HUP QUIT; echo up >&4; while :; do sh -c 'read x; sleep 0.05' tag$1; done`,
	// A child in the group.
	`sh -c 'while :; do sleep 86400; done' tag$1 & echo up >&4; wait`,
	// A child with a session of its own, deaf too.
	`setsid sh -c 'trap "" TERM HUP; echo up >&4; while :; do sleep 86400; done' tag$1 & wait`,
	// A daemon by the book: its parent is gone.
	`(setsid sh -c '(sh -c "echo up >&4; while :; do sleep 86400; done" tag$1 &)' tag$1 $1 &); read x <&3`,
	// A child in the group without the mark.
	`env -i sh -c 'while :; do sleep 86400; done' tag$1 & echo up >&4; wait`,
	// It holds every descriptor it has, and its leader has gone deaf.
	`setsid sh -c 'while :; do sleep 86400; done' tag$1 & trap '' TERM; echo up >&4; while :; do sleep 0.05; done`,
}

// stubborn is a coordinator of nasty workers that are all up when it says so.
func stubborn(args []string) {
	for _, script := range nasty {
		l, err := sh(script, args[0]).Open(context.Background(), wall.Start{})
		if err != nil {
			fmt.Println("error", err)
			return
		}
		if _, err := io.ReadFull(l, make([]byte, 3)); err != nil {
			fmt.Println("error", err)
			return
		}
	}
	fmt.Println("token", house.token)
	select {}
}

// churn is a coordinator whose workers come and go all the time. Not among them
// is the one that wipes the environment of a child in its group: that child is
// out of reach while the group is not yet noted.
func churn(args []string) {
	fmt.Println("token", house.token)
	nasty := slices.DeleteFunc(slices.Clone(nasty), func(s string) bool { return strings.Contains(s, "env -i") })
	var seats sync.WaitGroup
	for i := range 4 {
		seats.Go(func() {
			for n := i; ; n++ {
				l, err := sh(nasty[n%len(nasty)], args[0]).Open(context.Background(), wall.Start{})
				if err != nil {
					return
				}
				if n%3 > 0 {
					_, _ = io.ReadFull(l, make([]byte, 3))
				}
				l.Kill(ganger.LeavingStopped)
				<-l.Gone()
			}
		})
	}
	seats.Wait()
}

// idle is a coordinator that has nothing to do, with workers that may not take
// all the memory.
func idle([]string) {
	limits := Limits{MemoryHard: 1 << 40}
	for _, channel := range []Channel{Private, Pair, Stdio} {
		c := Command{Path: "sleep", Args: []string{"86400"}, Channel: channel, Limits: limits}
		l, err := c.Open(context.Background(), wall.Start{Line: func(bool, []byte) {}})
		if err != nil {
			fmt.Println("error", err)
			return
		}
		go func() { _, _ = l.Read(make([]byte, 1)) }() // a session that reads, until the program ends
		l.(wall.Metered).Idle()
	}
	i, _ := Exec{Limits: limits}.Open(context.Background(), wall.Start{})
	if _, err := wall.Do(context.Background(), i, Request{Path: "true"}, nil); err != nil {
		fmt.Println("error", err)
		return
	}
	fmt.Println("token", house.token)
	select {}
}

// coordinator is a run of this test binary in a role.
type coordinator struct {
	cmd   *exec.Cmd
	token string
}

// run starts a coordinator and waits until it says its token.
func run(t *testing.T, role string, args ...string) *coordinator {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), roleName+"="+role, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &coordinator{cmd: cmd}
	t.Cleanup(func() { c.kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	word, token, _ := strings.Cut(strings.TrimSpace(line), " ")
	if err != nil || word != "token" {
		t.Fatalf("the coordinator says %q, %v", line, err)
	}
	c.token = token
	return c
}

func (c *coordinator) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// guards are the process numbers of its guard.
func (c *coordinator) guards() []int { return marked(guardName + "=" + c.token) }

// left are the processes that it left, by mark or by tag.
func (c *coordinator) left(tag string) []int {
	pids := marked(c.token + ".")
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range paths {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(p)))
		if line, err := os.ReadFile(p); err == nil && strings.Contains(string(line), "tag"+tag) && running(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// tag is a text that no other process has in its command line.
func tag() string { return fmt.Sprintf("%d-%x", os.Getpid(), rand.Uint64()) }

// goneInTime checks the promise: two seconds after the kill nothing is left.
func (c *coordinator) goneInTime(t *testing.T, tag string) {
	t.Helper()
	killed := time.Now()
	c.kill()
	var left []int
	for time.Since(killed) < 2*time.Second {
		if left = c.left(tag); len(left) == 0 {
			t.Logf("all gone %v after the kill", time.Since(killed))
			eventually(t, "the guard has gone too", func() bool { return len(c.guards()) == 0 })
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	for _, pid := range left {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		st, _ := statusOf(pid)
		t.Errorf("left after 2s: %d %q, group %d, session %d, environment %q", pid, line, st.group, st.session, env)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// TestP10KilledCoordinatorLeavesNothing: workers that ignore the end of input
// and TERM, their children, and daemons in sessions of their own.
func TestP10KilledCoordinatorLeavesNothing(t *testing.T) {
	tag := tag()
	c := run(t, "stubborn", tag)
	if n := len(c.left(tag)); n < len(nasty) {
		t.Fatalf("only %d processes are up", n)
	}
	c.goneInTime(t, tag)
}

// TestP10GuardKilledFirst changes nothing: there is a new one.
func TestP10GuardKilledFirst(t *testing.T) {
	tag := tag()
	c := run(t, "stubborn", tag)
	for range 3 {
		old := c.guards()
		if len(old) != 1 {
			t.Fatalf("guards: %v, want one", old)
		}
		_ = syscall.Kill(old[0], syscall.SIGKILL)
		eventually(t, "a new guard", func() bool {
			now := c.guards()
			return len(now) == 1 && now[0] != old[0]
		})
	}
	c.goneInTime(t, tag)
}

// TestP10GuardIsDeafToTheTerminal: what ends a foreground job spares the guard.
func TestP10GuardIsDeafToTheTerminal(t *testing.T) {
	tag := tag()
	c := run(t, "stubborn", tag)
	g := c.guards()
	if len(g) != 1 {
		t.Fatalf("guards: %v, want one", g)
	}
	st, _ := statusOf(g[0])
	if st.session != g[0] || st.group != g[0] {
		t.Errorf("the guard %d is in session %d, group %d", g[0], st.session, st.group)
	}
	eventually(t, "the guard ignores signals", func() bool {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", g[0]))
		_, rest, _ := strings.Cut(string(b), "SigIgn:\t")
		mask, _ := strconv.ParseUint(strings.SplitN(rest, "\n", 2)[0], 16, 64)
		for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
			if mask&(1<<(s-1)) == 0 {
				return false
			}
		}
		return true
	})
	c.goneInTime(t, tag)
}

// TestP10RandomKills kills a coordinator whose workers are just being started
// and ended, at moments of every kind.
func TestP10RandomKills(t *testing.T) {
	for i := range randomKills {
		tag := tag()
		c := run(t, "churn", tag)
		time.Sleep(rand.N(200 * time.Millisecond)) // the moment of the fault
		c.goneInTime(t, tag)
		if t.Failed() {
			t.Fatalf("at kill %d", i)
		}
	}
}

// TestT43BusyWorkersOfKilledCoordinator: two seconds is the promise.
func TestT43BusyWorkersOfKilledCoordinator(t *testing.T) {
	c := run(t, "idle")
	if n := len(c.left("-")); n != 3 {
		t.Fatalf("%d workers, want 3", n)
	}
	c.goneInTime(t, "-")
}

// TestStoppedGuardHoldsNobodyUp: lives come and go although the guard does not
// run at all.
func TestStoppedGuardHoldsNobodyUp(t *testing.T) {
	tidy(t)
	keep := open(t, sh("read x <&3"), wall.Start{}) // the guard is being watched
	pid := house.guard.number()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(pid, syscall.SIGCONT) }()
	for range 50 {
		s := open(t, sh("exit"), wall.Start{})
		gone(t, s)
	}
	if house.guard.number() != pid {
		t.Error("the stopped guard was replaced")
	}
	if got := house.guard.table.groups(); len(got) != 1 || got[0] != keep.child.pid {
		t.Errorf("groups %v, want %d", got, keep.child.pid)
	}
}

// TestGuardInheritsNothing: nobody waits for an end of file that it withholds.
func TestGuardInheritsNothing(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	self, _ := os.Executable()
	cmd := exec.Command(self, "-")
	cmd.Env = append(os.Environ(), roleName+"=idle", "GORACE=atexit_sleep_ms=0")
	cmd.ExtraFiles = []*os.File{nil, nil, nil, nil, w} // descriptor 7, not closed on exec
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	c := &coordinator{cmd, strings.TrimSpace(strings.TrimPrefix(line, "token "))}
	defer c.kill()
	_ = w.Close()
	g := c.guards()
	if len(g) != 1 {
		t.Fatalf("guards: %v, want one", g)
	}
	eventually(t, "the guard has closed it", func() bool {
		_, err := os.Stat(fmt.Sprintf("/proc/%d/fd/7", g[0]))
		return os.IsNotExist(err)
	})
	_ = r.Close()
	c.goneInTime(t, "-")
}

// TestP28IdleCostsNothing: no thread of an idle coordinator, and none of its
// guard, is switched to or from.
func TestP28IdleCostsNothing(t *testing.T) {
	c := run(t, "idle")
	watched := append(c.guards(), c.cmd.Process.Pid)
	eventually(t, fmt.Sprintf("%v without a context switch", idleFor), func() bool {
		before := switches(t, watched)
		time.Sleep(idleFor)
		return switches(t, watched) == before
	})
}

// switches adds up the context switches of all threads of the processes.
func switches(t *testing.T, pids []int) (n int) {
	t.Helper()
	for _, pid := range pids {
		paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		if len(paths) == 0 {
			t.Fatalf("no process %d", pid)
		}
		for _, p := range paths {
			b, _ := os.ReadFile(p)
			for line := range strings.Lines(string(b)) {
				if _, count, ok := strings.Cut(line, "ctxt_switches:"); ok {
					m, _ := strconv.Atoi(strings.TrimSpace(count))
					n += m
				}
			}
		}
	}
	return n
}
