package process

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// TestReadEndsAlthoughDescendantHoldsTheOtherEnd: the leader dies; a descendant
// that is to be kept holds, and even writes, all that it inherited.
func TestReadEndsAlthoughDescendantHoldsTheOtherEnd(t *testing.T) {
	for _, test := range []struct{ name, descendant string }{
		{"silent", `exec sleep 1000`},
		{"talking", `trap "" PIPE; while echo noise >&4; do :; done; exec sleep 1000`},
	} {
		for _, when := range []string{"reading", "not reading"} {
			t.Run(test.name+", "+when, func(t *testing.T) {
				tidy(t)
				c := sh(`
					setsid sh -c 'echo $$ >&2; read go <&3; ` + test.descendant + `' &
					read x <&3; echo last >&4; exit 7`)
				c.KeepDaemons = true
				daemon := make(chan string, 1)
				s := open(t, c, wall.Start{Line: func(_ bool, line []byte) { daemon <- string(line) }})
				pid, _ := strconv.Atoi(<-daemon)
				defer func() {
					_ = syscall.Kill(pid, syscall.SIGKILL)
					eventually(t, "daemon dead", func() bool { return !running(pid) })
				}()
				said := make(chan string, 1)
				read := func() { said <- readAll(t, s) }
				if when == "reading" {
					go read()
				}
				_, _ = io.WriteString(s, "go\ngo\n")
				x := gone(t, s)
				if when != "reading" {
					go read()
				}
				got := <-said
				if !strings.HasPrefix(strings.ReplaceAll(got, "noise\n", ""), "last\n") {
					t.Errorf("read %.100q, want what was said before the death", got)
				}
				if got = strings.ReplaceAll(strings.ReplaceAll(got, "last\n", ""), "noise\n", ""); got != "" && !strings.HasPrefix("noise\n", got) {
					t.Errorf("read %q beside it", got)
				}
				if x.Reason != "exit 7" {
					t.Errorf("exit %+v", x)
				}
				if !running(pid) {
					t.Error("the daemon was not kept")
				}
			})
		}
	}
}

// TestAllThatWasSaidBeforeTheDeathIsRead: also when nobody was reading.
func TestAllThatWasSaidBeforeTheDeathIsRead(t *testing.T) {
	for _, channel := range []Channel{Private, Pair, Stdio} {
		t.Run(fmt.Sprint(channel), func(t *testing.T) {
			tidy(t)
			c := sh(`head -c 60000 /dev/zero >&$1; kill -9 $$`, map[Channel]string{Private: "4", Pair: "3", Stdio: "1"}[channel])
			c.Channel = channel
			s := open(t, c, wall.Start{})
			gone(t, s)
			if !s.Waiting() {
				t.Error("nothing is waiting")
			}
			if got := len(readAll(t, s)); got != 60000 {
				t.Errorf("read %d bytes, want 60000", got)
			}
			if s.Waiting() {
				t.Error("something is still waiting")
			}
		})
	}
}

// TestHammerReadAndDeath races the death of a worker that talks with a reader
// of every pace: never a byte too many or too few.
func TestHammerReadAndDeath(t *testing.T) {
	tidy(t)
	const size = 5000
	for i := range 60 {
		c := sh(`setsid sleep 1000 & head -c ` + strconv.Itoa(size) + ` /dev/zero >&4; kill -9 $$`)
		s := open(t, c, wall.Start{})
		buf := make([]byte, 1+i*7)
		total := 0
		for {
			n, err := s.Read(buf)
			for _, b := range buf[:n] {
				if b != 0 {
					t.Fatalf("round %d: a byte %#x that the worker never said", i, b)
				}
			}
			total += n
			if err != nil {
				break
			}
		}
		if total != size {
			t.Fatalf("round %d: read %d bytes, want %d", i, total, size)
		}
		gone(t, s)
	}
}

// TestWorkerThatClosesItsEndIsHeard: the end of its answers, while it lives on.
func TestWorkerThatClosesItsEndIsHeard(t *testing.T) {
	tidy(t)
	s := open(t, sh("exec 4>&-; exec sleep 1000"), wall.Start{})
	if got := readAll(t, s); got != "" {
		t.Errorf("read %q", got)
	}
	select {
	case <-s.Gone():
		t.Error("it is gone")
	default:
	}
}

// TestBlockedWriteEndsAtTheDeath: with and without a descendant that holds the
// other end and never reads.
func TestBlockedWriteEndsAtTheDeath(t *testing.T) {
	for _, channel := range []Channel{Private, Pair, Stdio} {
		for _, script := range []string{`echo up >&2; exec sleep 1000`, `setsid sh -c 'echo up >&2; exec sleep 1000' & exec sleep 1000`} {
			t.Run(fmt.Sprint(channel, script), func(t *testing.T) {
				tidy(t)
				c := sh(script)
				c.Channel, c.KeepDaemons = channel, true
				up := make(chan struct{}, 1)
				s := open(t, c, wall.Start{Env: []string{"P_DAEMON=" + t.Name()}, Line: func(bool, []byte) { up <- struct{}{} }})
				defer endDaemons(t)
				<-up
				wrote := make(chan error, 1)
				go func() {
					n, err := s.Write(make([]byte, 4<<20))
					if n == 4<<20 {
						err = errors.New("all was written")
					}
					wrote <- err
				}()
				eventually(t, "the write is blocked", func() bool {
					n, ok := s.Unread()
					return ok && n > 0 || channel == Pair
				})
				s.Kill(ganger.LeavingStopped)
				gone(t, s)
				if err := <-wrote; !errors.Is(err, io.ErrClosedPipe) {
					t.Errorf("Write: %v, want io.ErrClosedPipe", err)
				}
			})
		}
	}
}

// TestUnreadTells how much of the requests was never taken, alive and dead.
func TestUnreadTells(t *testing.T) {
	tidy(t)
	s := open(t, sh(`dd bs=4 count=1 <&3 2>/dev/null; echo ok >&4; exec sleep 1000`), wall.Start{})
	_, _ = io.WriteString(s, "taken and left")
	expect(t, s, "ok\n")
	want := len("taken and left") - len("take")
	for _, dead := range []bool{false, true} {
		if dead {
			_ = syscall.Kill(s.child.pid, syscall.SIGKILL)
			gone(t, s)
		}
		if n, ok := s.Unread(); !ok || n != want {
			t.Errorf("dead %v: Unread %d, %v; want %d", dead, n, ok, want)
		}
	}
}
