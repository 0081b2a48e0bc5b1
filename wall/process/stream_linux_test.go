package process

import (
	"context"
	"errors"
	"fmt"
	"io"
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

	"github.com/google/go-cmp/cmp"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

func TestChannels(t *testing.T) {
	for _, test := range []struct {
		name    string
		channel Channel
		script  string
		fds     string
	}{
		{"private", Private, `while read x <&3; do echo "$GANGER_FD:$x" >&4; done`, "3,4"},
		{"pair", Pair, `while read x <&3; do echo "$GANGER_FD:$x" >&3; done`, "3,3"},
		{"stdio", Stdio, `while read x; do echo "$GANGER_FD:$x"; done`, "0,1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tidy(t)
			c := sh(test.script)
			c.Channel = test.channel
			s := open(t, c, wall.Start{})
			for _, word := range []string{"one", "two"} {
				if _, err := io.WriteString(s, word+"\n"); err != nil {
					t.Fatal(err)
				}
				expect(t, s, test.fds+":"+word+"\n")
			}
			if s.Waiting() {
				t.Error("Waiting with nothing there")
			}
			_ = s.Close()
			if rest := readAll(t, s); rest != "" {
				t.Errorf("rest %q", rest)
			}
			x := gone(t, s)
			if x.Reason != "exit 0" || x.Asked {
				t.Errorf("exit %+v, want exit 0, not asked", x)
			}
		})
	}
}

// TestDescriptors: a worker has exactly the descriptors that it should have,
// beside those that this program leaves to every child.
func TestDescriptors(t *testing.T) {
	tidy(t)
	open(t, sh("read x <&3"), wall.Start{}) // whose descriptors are not for the others
	list := func(pid int) (fds []int) {
		dir, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range dir {
			fd, _ := strconv.Atoi(e.Name())
			fds = append(fds, fd)
		}
		slices.Sort(fds)
		return fds
	}
	for channel, want := range map[Channel][]int{Private: {0, 1, 2, 3, 4}, Pair: {0, 1, 2, 3}, Stdio: {0, 1, 2}} {
		want = append(want, slices.DeleteFunc(slices.Clone(leaked), func(fd int) bool { return fd <= want[len(want)-1] })...)
		s := open(t, Command{Path: "sleep", Args: []string{"1000"}, Channel: channel}, wall.Start{})
		// A program that has just been executed opens its libraries for a moment.
		got := list(s.child.pid)
		for end := time.Now().Add(10 * time.Second); !slices.Equal(got, want) && time.Now().Before(end); got = list(s.child.pid) {
			time.Sleep(time.Millisecond)
		}
		if !slices.Equal(got, want) {
			t.Errorf("channel %d: descriptors %v, want %v", channel, got, want)
		}
	}
}

func TestEnvironmentAndDir(t *testing.T) {
	tidy(t)
	t.Setenv("P_INHERITED", "i")
	t.Setenv("P_BOTH", "i")
	dir := t.TempDir()
	c := sh(`echo $P_INHERITED $P_BOTH $P_COMMAND $P_START $(pwd) >&4`)
	c.Dir = dir
	c.Env = []string{"P_BOTH=c", "P_COMMAND=c", "P_START=c"}
	s := open(t, c, wall.Start{Env: []string{"P_START=s"}})
	if got, want := readAll(t, s), "i c c s "+dir+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRelativePathIsRelativeToDir(t *testing.T) {
	tidy(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tool"), []byte("#!/bin/sh\necho here >&4\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := open(t, Command{Path: "./tool", Dir: dir}, wall.Start{})
	if got := readAll(t, s); got != "here\n" {
		t.Errorf("got %q", got)
	}
}

func TestP17CannotStart(t *testing.T) {
	tidy(t)
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, test := range []struct {
		name string
		c    Command
		is   error
		says string
	}{
		{"not found", Command{Path: "no-such-program-anywhere"}, exec.ErrNotFound, "no-such-program-anywhere"},
		{"missing file", Command{Path: dir + "/none"}, os.ErrNotExist, "no such file"},
		{"not executable", Command{Path: file("plain", "text", 0o644)}, os.ErrPermission, "permission denied"},
		{"a directory", Command{Path: dir}, nil, "directory"},
		{"no interpreter", Command{Path: file("noint", "#!/no/such/interpreter\n", 0o755)}, os.ErrNotExist, "interpreter"},
		{"no format", Command{Path: file("noformat", "echo\n", 0o755)}, syscall.ENOEXEC, "#!/bin/sh"},
		{"no directory", Command{Path: "sh", Dir: dir + "/none"}, os.ErrNotExist, dir + "/none"},
		{"empty", Command{}, nil, "no program"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.c.Open(t.Context(), wall.Start{Name: "w", Incarnation: 7})
			se, ok := errors.AsType[*wall.StartError](err)
			if !ok {
				t.Fatalf("Open: %v (%T), want a StartError", err, err)
			}
			if se.Worker != "w#7" || test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %q, want worker w#7, %v, and %q in it", err, test.is, test.says)
			}
		})
	}
}

func TestOpenAfterItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	late := errors.New("too late")
	cancel(late)
	if _, err := sh("exit").Open(ctx, wall.Start{}); !errors.Is(err, late) {
		t.Errorf("err %v, want %v", err, late)
	}
}

// TestT20WorkerKilledWhileBusy: a read that waits for an answer ends at the death.
func TestT20WorkerKilledWhileBusy(t *testing.T) {
	for _, channel := range []Channel{Private, Pair, Stdio} {
		t.Run(fmt.Sprint(channel), func(t *testing.T) {
			tidy(t)
			c := sh("sleep 1000")
			c.Channel = channel
			s := open(t, c, wall.Start{})
			said := make(chan string, 1)
			go func() { said <- readAll(t, s) }()
			_ = syscall.Kill(s.child.pid, syscall.SIGKILL)
			x := gone(t, s)
			if got := <-said; got != "" {
				t.Errorf("read %q", got)
			}
			want := ganger.Exit{Reason: "signal 9", Code: -1, Signal: "SIGKILL", CPU: x.CPU, PeakMemory: x.PeakMemory}
			if diff := cmp.Diff(want, x); diff != "" {
				t.Errorf("exit (-want +got):\n%s", diff)
			}
		})
	}
}

// TestT21WorkerKilledWhileIdle: nobody reads or writes, and the death is noticed.
func TestT21WorkerKilledWhileIdle(t *testing.T) {
	tidy(t)
	s := open(t, sh("read x <&3"), wall.Start{})
	_ = syscall.Kill(s.child.pid, syscall.SIGSEGV)
	x := gone(t, s)
	if x.Reason != "signal 11" || x.Signal != "SIGSEGV" || x.Asked {
		t.Errorf("exit %+v", x)
	}
	if _, err := io.WriteString(s, "x"); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("Write after the death: %v, want io.ErrClosedPipe", err)
	}
	if n, err := s.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("Read after the death: %d, %v, want io.EOF", n, err)
	}
}

func TestStopRungs(t *testing.T) {
	for _, test := range []struct {
		name, script string
		why          ganger.Leaving
		code         int
		signal       string
	}{
		{"at the end of input", `echo up >&4; read x <&3; exit 5`, ganger.LeavingStopped, 5, ""},
		{"at TERM", `trap 'exit 6' TERM; echo up >&4; while :; do sleep 0.01; done`, ganger.LeavingTTL, 6, ""},
		{"at KILL", `trap '' TERM; echo up >&4; while :; do sleep 0.01; done`, ganger.LeavingIdle, -1, "SIGKILL"},
		{"TERM first when cancelled", `trap 'exit 6' TERM; echo up >&4; while read x <&3; do :; done; exit 5`, ganger.LeavingCancelled, 6, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			tidy(t)
			c := sh(test.script)
			c.Grace = 150 * time.Millisecond
			if test.code >= 0 {
				c.Grace = time.Second
			}
			s := open(t, c, wall.Start{})
			expect(t, s, "up\n")
			s.Stop(t.Context(), test.why)
			select {
			case <-s.Gone():
			default:
				t.Error("Stop returned before the life was gone")
			}
			s.Stop(t.Context(), ganger.LeavingMaxTasks) // only waits
			x := s.Exit()
			if x.Reason != test.why || !x.Asked || x.Code != test.code || x.Signal != test.signal {
				t.Errorf("exit %+v, want %s, asked, code %d, signal %q", x, test.why, test.code, test.signal)
			}
		})
	}
}

func TestStopKillsWhenItsContextEnds(t *testing.T) {
	tidy(t)
	c := sh(`trap '' TERM; echo up >&4; while :; do sleep 0.01; done`)
	c.Grace = time.Hour
	s := open(t, c, wall.Start{})
	expect(t, s, "up\n")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.Stop(ctx, ganger.LeavingStopped)
	if x := gone(t, s); x.Signal != "SIGKILL" || x.Reason != ganger.LeavingStopped {
		t.Errorf("exit %+v", x)
	}
}

func TestFirstReasonWins(t *testing.T) {
	tidy(t)
	s := open(t, sh(`echo up >&4; exec sleep 1000`), wall.Start{})
	s.Kill(ganger.LeavingMemoryHard)
	s.Kill(ganger.LeavingStopped)
	if x := gone(t, s); x.Reason != ganger.LeavingMemoryHard {
		t.Errorf("reason %q", x.Reason)
	}
	t.Run("also its own", func(t *testing.T) {
		s := open(t, sh(`exit 9`), wall.Start{})
		eventually(t, "a zombie", func() bool { return !running(s.child.pid) })
		s.Kill(ganger.LeavingProtocol)
		if x := gone(t, s); x.Reason != "exit 9" || x.Asked {
			t.Errorf("exit %+v, want its own", x)
		}
	})
}

func TestSignal(t *testing.T) {
	tidy(t)
	s := open(t, sh(`trap 'echo interrupted >&4' INT; echo up >&4; while :; do sleep 0.01; done`), wall.Start{})
	expect(t, s, "up\n")
	if err := s.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	expect(t, s, "interrupted\n")
	s.Kill(ganger.LeavingStopped)
	gone(t, s)
	if err := s.Signal(syscall.SIGINT); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Signal after the end: %v, want os.ErrProcessDone", err)
	}
}

// TestP7StrayOutput: what is printed beside a private channel is a log; on a
// channel of standard output the error shows its first bytes.
func TestP7StrayOutput(t *testing.T) {
	t.Run("private", func(t *testing.T) {
		tidy(t)
		var mu sync.Mutex
		var lines []string
		s := open(t, sh(`echo hello; echo warning >&2; read x <&3; echo "[$x]" >&4; printf 'no end'`), wall.Start{
			Line: func(stderr bool, line []byte) {
				mu.Lock()
				defer mu.Unlock()
				lines = append(lines, fmt.Sprint(stderr, string(line)))
			},
		})
		_, _ = io.WriteString(s, "q\n")
		expect(t, s, "[q]\n")
		x := gone(t, s)
		if x.Stderr != "warning" || x.Stray != "" {
			t.Errorf("exit %+v", x)
		}
		got := map[string]bool{}
		for _, l := range lines {
			got[l] = true
		}
		if want := map[string]bool{"falsehello": true, "truewarning": true, "falseno end": true}; !cmp.Equal(want, got) {
			t.Errorf("lines (-want +got):\n%s", cmp.Diff(want, got))
		}
	})
	t.Run("stdio", func(t *testing.T) {
		tidy(t)
		c := sh(`echo loading model; exec sleep 1000`)
		c.Channel = Stdio
		s := open(t, c, wall.Start{})
		expect(t, s, "loading")
		s.Kill(ganger.LeavingProtocol)
		if x := gone(t, s); !strings.HasPrefix(x.Stray, "loading") {
			t.Errorf("stray %q", x.Stray)
		}
	})
}

// TestLogsEndAtTheDeath although a daemon holds them.
func TestLogsEndAtTheDeath(t *testing.T) {
	tidy(t)
	c := sh(`setsid sleep 1000 & echo "last words" >&2; exit 4`)
	c.KeepDaemons = true
	s := open(t, c, wall.Start{Env: []string{"P_DAEMON=" + t.Name()}})
	defer endDaemons(t)
	if x := gone(t, s); x.Stderr != "last words" || x.Reason != "exit 4" {
		t.Errorf("exit %+v", x)
	}
}

// TestT10EndedWorkerLeavesNoZombie, and the next has another number and id.
func TestT10EndedWorkerLeavesNoZombie(t *testing.T) {
	tidy(t)
	first := open(t, sh(`read x <&3`), wall.Start{})
	first.Stop(t.Context(), ganger.LeavingMaxTasks)
	if _, err := os.Stat("/proc/" + strconv.Itoa(first.child.pid)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old process is still there: %v", err)
	}
	next := open(t, sh(`read x <&3`), wall.Start{})
	if next.ID() == first.ID() {
		t.Errorf("both are %s", next.ID())
	}
}

// TestT54LivesAreNotConfused: a thousand starts and stops, ten at a time; no
// mark is used twice, and nothing is left.
func TestT54LivesAreNotConfused(t *testing.T) {
	tidy(t)
	var mu sync.Mutex
	seen := map[string]bool{}
	var seats sync.WaitGroup
	for range 10 {
		seats.Go(func() {
			for range lives / 10 {
				s, err := sh(`echo "$GANGER_LIFE" >&4`).Open(t.Context(), wall.Start{})
				if err != nil {
					t.Error(err)
					return
				}
				life := readAll(t, s)
				gone(t, s)
				mu.Lock()
				if seen[life] || life == "\n" {
					t.Errorf("the mark %q twice", life)
				}
				seen[life] = true
				mu.Unlock()
			}
		})
	}
	seats.Wait()
	if len(seen) != lives {
		t.Errorf("%d marks, want %d", len(seen), lives)
	}
}

func BenchmarkPingPong(b *testing.B) {
	for _, channel := range []Channel{Private, Pair, Stdio} {
		b.Run(fmt.Sprint(channel), func(b *testing.B) {
			c := sh([]string{Private: `exec cat <&3 >&4`, Pair: `exec cat <&3 >&3`, Stdio: `exec cat`}[channel])
			c.Channel = channel
			s, err := c.Open(b.Context(), wall.Start{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Stop(b.Context(), ganger.LeavingStopped)
			msg := make([]byte, 64)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Write(msg); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(s, msg); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpenAndStop(b *testing.B) {
	for b.Loop() {
		s, err := Command{Path: "/bin/cat", Channel: Stdio}.Open(b.Context(), wall.Start{})
		if err != nil {
			b.Fatal(err)
		}
		s.Stop(b.Context(), ganger.LeavingStopped)
	}
}
