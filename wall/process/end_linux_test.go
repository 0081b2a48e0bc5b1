package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

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
