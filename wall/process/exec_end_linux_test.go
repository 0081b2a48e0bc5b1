package process

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

func TestExecCancel(t *testing.T) {
	cancelled := &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseTask}
	timedOut := &ganger.Error{Outcome: ganger.TimedOut, Cause: ganger.CauseExec}
	for _, test := range []struct {
		name, script string
		as           *ganger.Error
		exit         ganger.Exit
	}{
		{"obeys", `trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done`, cancelled, ganger.Exit{Reason: "cancelled"}},
		{"deaf", `trap '' TERM; echo up; while :; do sleep 0.01; done`, timedOut, ganger.Exit{Reason: "exec-timeout", Signal: "SIGKILL"}},
		{"deaf child", `(trap '' TERM; while :; do sleep 0.01; done) & echo up; wait`, cancelled, ganger.Exit{Reason: "cancelled", Signal: "SIGTERM"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tidy(t)
			i := openExec(t, Exec{}, wall.Start{Grace: 200 * time.Millisecond})
			q := shell(test.script)
			var out lockedBuffer
			q.Stdout = &out
			p := begin(i, q)
			eventually(t, "up", func() bool { return out.String() != "" })
			i.Cancel(&p.Call, test.as)
			i.Cancel(&p.Call, timedOut) // the first counts
			r, err := p.wait(t)
			if err == nil || err.Outcome != test.as.Outcome || err.Cause != test.as.Cause || err.Worker != "w#1" {
				t.Errorf("ended with %v, want %v", err, test.as)
			}
			if r.Exit.Reason != test.exit.Reason || r.Exit.Signal != test.exit.Signal || !r.Exit.Asked {
				t.Errorf("exit %+v, want %+v", r.Exit, test.exit)
			}
			if _, err := wall.Do(t.Context(), i, Request{Path: "true"}, nil); err != nil {
				t.Errorf("the next task: %v", err)
			}
		})
	}
	t.Run("T19 late", func(t *testing.T) {
		tidy(t)
		i := openExec(t, Exec{}, wall.Start{})
		p := begin(i, Request{Path: "true"})
		_, err := p.wait(t)
		i.Cancel(&p.Call, cancelled)
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	})
	t.Run("T15 before the start", func(t *testing.T) {
		tidy(t)
		i := openExec(t, Exec{}, wall.Start{})
		p := &pending{ended: make(chan struct{})}
		p.End = p
		i.Cancel(&p.Call, cancelled)
		i.Start(Request{Path: "true"}, &p.Call)
		if r, err := p.wait(t); err == nil || err.Outcome != ganger.Cancelled || r.PID != 0 {
			t.Errorf("ended with %v, pid %d", err, r.PID)
		}
	})
}

// TestHammerExecCancel cancels around the start: one end each, nothing left.
func TestHammerExecCancel(t *testing.T) {
	tidy(t)
	i := openExec(t, Exec{Slots: 4}, wall.Start{Grace: -1})
	var seats sync.WaitGroup
	for seat := range 4 {
		seats.Go(func() {
			for n := range 50 {
				p := begin(i, Request{Path: "sleep", Args: []string{"1000"}})
				for begun := time.Now(); time.Since(begun) < time.Duration(seat*n)*20*time.Microsecond; {
					_ = p.Ended() // until the moment of the fault
				}
				i.Cancel(&p.Call, &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseTask})
				<-p.ended
				if ganger.OutcomeOf(p.Err) != ganger.Cancelled {
					t.Errorf("ended with %v", p.Err)
				}
			}
		})
	}
	seats.Wait()
}

func TestExecStopAndKill(t *testing.T) {
	for _, test := range []struct {
		name   string
		end    func(i wall.Instance[Request, Result])
		signal string
	}{
		{"Stop", func(i wall.Instance[Request, Result]) { i.Stop(context.Background(), ganger.LeavingStopped) }, "SIGTERM"},
		{"Kill", func(i wall.Instance[Request, Result]) { i.Kill(ganger.LeavingStopped) }, "SIGKILL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tidy(t)
			i := openExec(t, Exec{Slots: 2}, wall.Start{})
			a, b := begin(i, Request{Path: "sleep", Args: []string{"1000"}}), begin(i, Request{Path: "sleep", Args: []string{"1000"}})
			eventually(t, "both run", func() bool { return len(marked(house.token+".")) == 2 })
			test.end(i)
			if x := gone(t, i); x.Reason != ganger.LeavingStopped || !x.Asked {
				t.Errorf("exit %+v", x)
			}
			for _, p := range []*pending{a, b} {
				if _, err := p.wait(t); err == nil || err.Outcome != ganger.Crashed || err.Cause != "stopped" || err.Exit.Signal != test.signal {
					t.Errorf("ended with %v", err)
				}
			}
			c := begin(i, Request{Path: "true"})
			<-c.ended
			if c.Err != wall.ErrUnsent {
				t.Errorf("a call after the end: %v, want ErrUnsent", c.Err)
			}
		})
	}
}

// TestHammerExecKill kills a life around the starts of its calls: each call has
// one end, and the life is gone.
func TestHammerExecKill(t *testing.T) {
	tidy(t)
	for round := range 30 {
		i, err := Exec{Slots: 4}.Open(t.Context(), wall.Start{Name: "w", Incarnation: 1})
		if err != nil {
			t.Fatal(err)
		}
		calls := make(chan *pending, 4)
		for range 4 {
			go func() { calls <- begin(i, Request{Path: "sleep", Args: []string{"1000"}}) }()
		}
		for begun := time.Now(); time.Since(begun) < time.Duration(round)*100*time.Microsecond; {
			_ = i.Usage() // until the moment of the fault
		}
		i.Kill(ganger.LeavingStopped)
		gone(t, i)
		for range 4 {
			p := <-calls
			if <-p.ended; p.Err != wall.ErrUnsent && ganger.OutcomeOf(p.Err) != ganger.Crashed {
				t.Errorf("round %d: ended with %v", round, p.Err)
			}
		}
	}
}
