package behind_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/worker"
)

// till is the protocol of the worker that these tests have on both walls.
type till struct{}

type (
	// add adds and returns the sum; by whom is remembered.
	add struct {
		worker.In[till, int]
		N  int
		By string
	}
	// read returns what was added, in order.
	read struct{ worker.In[till, []string] }
	// fail ends as it is told.
	fail struct {
		worker.In[till, string]
		How, Text string
		N         int
	}
	// hold tells the gate that it has begun, and waits until that lets it go, or
	// its context ends.
	hold struct {
		worker.In[till, string]
		Gate string
		Deaf bool // it ignores its context
	}
	// self has the worker do something to itself.
	self struct {
		worker.In[till, string]
		Do string
	}
)

// mine is an error with a type of its own.
type mine struct{ Text string }

func (e *mine) Error() string { return e.Text }

// opening is what a till is launched with.
type opening struct {
	Start int
	How   string // to fail
	Log   string // the gate that is told what the callbacks hear
	Wants string // "close": Close fails with a panic
}

type drawer struct {
	self   worker.Self[till]
	p      opening
	sum    int
	by     []string
	busy   atomic.Bool
	pulled int
}

// unsuited has a response that may not be encoded.
type unsuited struct {
	worker.In[till, picky]
	Text string
}

// picky refuses some texts, on its way there or back.
type picky struct{ Text string }

func (p picky) MarshalText() ([]byte, error) {
	if p.Text == "unsendable" {
		return nil, errors.New("it is not to be sent")
	}
	return []byte(p.Text), nil
}

func (p *picky) UnmarshalText(b []byte) error {
	if p.Text = string(b); p.Text == "unreadable" {
		return errors.New("it is not to be read")
	}
	return nil
}

// sends is a request that may not be encoded.
type sends struct {
	worker.In[till, string]
	What picky
}

func (s *drawer) tell(format string, args ...any) {
	if s.p.Log != "" {
		c, err := net.Dial("unix", s.p.Log)
		if err != nil {
			return // nobody listens any more
		}
		_, _ = fmt.Fprintf(c, format+"\n", args...)
		_, _ = io.ReadAll(c) // until it was heard
		_ = c.Close()
	}
}

func tills() *worker.Def[till, string, opening, *drawer] {
	d := &worker.Def[till, string, opening, *drawer]{
		Group: "till",
		Launch: func(ctx context.Context, self worker.Self[till], _ string, p opening) (*drawer, error) {
			s := &drawer{self: self, p: p, sum: p.Start}
			if _, err := do(ctx, p.How, "at launch"); err != nil {
				return nil, err
			}
			return s, nil
		},
		OnError: func(ctx context.Context, s *drawer, q worker.Post[till], err error) worker.Verdict {
			own, typed := errors.AsType[*mine](err)
			s.tell("error %T %s %v %v", q, ganger.OutcomeOf(err), typed, ctx.Err() != nil)
			switch {
			case !typed:
			case own.Text == "stop":
				return worker.Stop
			case own.Text == "crash":
				return worker.Crash
			case own.Text == "panic in OnError":
				panic("OnError fell")
			}
			return worker.Continue
		},
		OnDone: func(_ context.Context, s *drawer, q worker.Post[till], pushed, started, ended time.Time) {
			if q, ok := q.(add); ok && q.By == "panic in OnDone" {
				panic("OnDone fell")
			}
			if s.p.Wants == "done" {
				s.tell("done %T %v", q, !started.Before(pushed) && !ended.Before(started))
			}
		},
		OnIdle: func(_ context.Context, s *drawer) {
			if s.p.Wants == "panic in OnIdle" {
				panic("OnIdle fell")
			}
			s.tell("idle")
		},
		Close: func(_ context.Context, s *drawer, why error) error {
			s.tell("close %v", why)
			if s.p.Wants == "panic in Close" {
				panic("Close fell")
			}
			return nil
		},
	}
	worker.Handle(d, func(_ context.Context, s *drawer, q add) (int, error) {
		if !s.busy.CompareAndSwap(false, true) {
			return 0, errors.New("two at once")
		}
		defer s.busy.Store(false)
		s.sum += q.N
		if q.By != "" {
			s.by = append(s.by, fmt.Sprint(q.By, " ", q.N))
		}
		return s.sum, nil
	})
	worker.Handle(d, func(_ context.Context, s *drawer, _ read) ([]string, error) { return s.by, nil })
	worker.Handle(d, func(ctx context.Context, _ *drawer, q fail) (string, error) { return do(ctx, q.How, q.Text) })
	worker.Handle(d, holding)
	worker.Handle(d, func(ctx context.Context, s *drawer, q self) (string, error) { return s.toItself(ctx, q.Do) })
	worker.Handle(d, func(_ context.Context, _ *drawer, q unsuited) (picky, error) { return picky{q.Text}, nil })
	worker.Handle(d, func(context.Context, *drawer, sends) (string, error) { return "sent", nil })
	return d
}

func do(_ context.Context, how, text string) (string, error) {
	switch how {
	case "error":
		return "", &mine{text}
	case "panic":
		panic(text)
	case "exit":
		os.Exit(3)
	case "killed":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "garbage":
		_, err := os.NewFile(4, "protocol").WriteString("this is no frame at all, and long enough to be seen as one")
		return "", err
	case "print":
		fmt.Println("a stray line")
	}
	return text, nil
}

func holding(ctx context.Context, _ *drawer, q hold) (string, error) {
	c, err := net.Dial("unix", q.Gate)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	_, _ = fmt.Fprintln(c, "begun")
	went := make(chan struct{})
	go func() { // ends with the connection
		_, _ = io.ReadAll(c)
		close(went)
	}()
	ended := ctx.Done()
	if q.Deaf {
		ended = nil
	}
	select {
	case <-went:
		return "went", nil
	case <-ended:
		return "", ctx.Err()
	}
}

func (s *drawer) toItself(ctx context.Context, what string) (string, error) {
	text := func(err error) string {
		if err == nil {
			return "nil"
		}
		return err.Error()
	}
	switch what {
	case "stop":
		return text(s.self.Stop(ctx)), nil
	case "trigger":
		s.self.Trigger(errors.New("enough"))
		return "triggered", nil
	case "push":
		return text(s.self.Push(add{N: 100, By: "self"})), nil
	case "crash":
		s.self.Crash(errors.New("I give up"))
		return "crashed", nil
	case "status":
		state, n := s.self.Status()
		return fmt.Sprint(s.self.Name(), " ", state, " ", n, " ", s.self.Describe().Group, " ", text(s.self.Err())), nil
	case "late":
		later := make(chan error, 1)
		c, err := net.Dial("unix", s.p.Log)
		if err != nil {
			return "", err
		}
		go func() { // ends once the log lets it
			_, _ = fmt.Fprintln(c, "later")
			_, _ = io.ReadAll(c)
			later <- s.self.Push(add{N: 1})
			s.tell("late %v", <-later)
		}()
		return "begun", nil
	}
	return "", errors.New("unknown: " + what)
}

// gate is where handlers tell that they have begun and wait to be let go.
type gate struct {
	path  string
	begun chan net.Conn
}

func newGate(t *testing.T) *gate {
	t.Helper()
	dir, err := os.MkdirTemp("", "till")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "gate"))
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{l.Addr().String(), make(chan net.Conn, 16)}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			g.begun <- c
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		accepting.Wait()
		_ = os.RemoveAll(dir)
	})
	return g
}

// next waits for somebody at the gate and returns what it says.
func (g *gate) next(t *testing.T) (net.Conn, string) {
	t.Helper()
	select {
	case c := <-g.begun:
		_ = c.SetReadDeadline(time.Now().Add(patience))
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil {
			t.Fatalf("at the gate: %v", err)
		}
		return c, strings.TrimSuffix(line, "\n")
	case <-time.After(patience):
		t.Fatal("nobody came to the gate")
		return nil, ""
	}
}

// heard is next for what only tells something.
func (g *gate) heard(t *testing.T) string {
	t.Helper()
	c, line := g.next(t)
	_ = c.Close()
	return line
}
