package walltest

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
)

// begin starts a script and waits until the worker performs it, if the subject
// can tell; a call may be cancelled at any time, so the rows hold either way.
func (s Subject) begin(o opened, script string) *call {
	o.t.Helper()
	if !s.Speaks {
		return o.start(script)
	}
	c := o.start("tell began;" + script)
	Await(o.t, c.began, "the worker to begin")
	return c
}

// softCancel: a worker that can be asked gives the call up and lives.
func softCancel(t *testing.T, s Subject) {
	if !s.Soft {
		t.Skip("this worker cannot be asked")
	}
	o := s.openFor(t, 1, Patience) // a busy machine may take its time
	defer o.close()
	for range 10 {
		c := s.begin(o, "sleep 1h")
		c.cancel()
		c.cancel() // again changes nothing
		c.wants(wantCancelled)
		o.usable()
	}
}

func (s Subject) deaf() ganger.Leaving {
	if s.Deaf == "" {
		return ganger.LeavingCancelled
	}
	return s.Deaf
}

// deafCancel: one that does not obey is ended, after the grace and not before.
func deafCancel(t *testing.T, s Subject) {
	o := s.open(t, 1)
	defer o.close()
	c := s.begin(o, "deaf 3s")
	start := time.Now()
	c.cancel()
	c.wants(wantCancelled)
	took := time.Since(start)
	if s.Soft && took < s.grace() || s.Bubble && took > s.grace() {
		t.Errorf("a deaf call ended %v after its cancel, with a grace of %v", took, s.grace())
	}
	o.gone(s.deaf())
	o.unusable()
}

// timedOut: the same for a clock, with the clock's reason.
func timedOut(t *testing.T, s Subject) {
	o := s.open(t, 1)
	defer o.close()
	c := s.begin(o, "deaf 3s")
	o.Cancel(&c.Call, &ganger.Error{Outcome: ganger.TimedOut, Cause: ganger.CauseExec})
	Await(t, c.done, "the end of a call that timed out")
	if ganger.OutcomeOf(c.Err) != ganger.TimedOut || ganger.CauseOf(c.Err) != ganger.CauseExec {
		t.Errorf("it ended with %v, want timed-out (exec)", c.Err)
	}
	want := ganger.LeavingExecTimeout
	if s.Deaf != "" {
		want = s.Deaf
	}
	o.gone(want)
}

// lateCancel: after the end a cancel changes nothing, also when the grace is over.
func lateCancel(t *testing.T, s Subject) {
	o := s.open(t, 1)
	defer o.close()
	c := o.start("echo x")
	c.wants(wantDone("x"))
	c.cancel()
	time.Sleep(s.grace() + s.grace()/2) // what must not happen has no other sign
	o.usable()
	if c.Err != nil || c.ends.Load() != 1 {
		t.Errorf("after a late cancel: %v, %d ends", c.Err, c.ends.Load())
	}
}

// earlyCancel: a cancel before the start is remembered, and costs the worker nothing.
func earlyCancel(t *testing.T, s Subject) {
	o := s.open(t, 1)
	defer o.close()
	c := newCall(o, "kill")
	c.cancel()
	if c.ends.Load() != 0 {
		t.Error("a cancel ended a call that was not started")
	}
	o.Start(c.script, &c.Call)
	c.wants(wantCancelled)
	o.usable()
}

// racingCancel: wherever a cancel hits a call, there is one end, and no wrong one.
func racingCancel(t *testing.T, s Subject) {
	o := s.open(t, 1)
	defer func() { o.close() }()
	for n := range s.loops() {
		script := "echo x"
		if s.Soft && n%2 == 0 {
			script = "sleep 1h" // a cancel that is lost shows
		}
		c := newCall(o, script)
		var both sync.WaitGroup
		var ready atomic.Int32 // both spin until both are here: else they would seldom meet
		meet := func() {
			for ready.Add(1); ready.Load() < 2; {
				runtime.Gosched()
			}
		}
		both.Go(func() {
			meet()
			o.Start(c.script, &c.Call)
		})
		both.Go(func() {
			meet()
			pause(n)
			c.cancel()
		})
		both.Wait()
		c.wants(wantDone("x"), wantCancelled)
		if s.Soft {
			continue
		}
		select { // it may have been ended for the cancel
		case <-o.Gone():
			o = s.open(t, 1)
		case <-time.After(s.grace() / 20):
		}
	}
	if s.Soft {
		o.usable()
	}
}

// pause passes a little time, more or less, so that races come out both ways.
func pause(n int) {
	for range rand.IntN(1 + n%50*20) {
		_ = n // a busy wait of nanoseconds to microseconds
	}
}

// neighbours: those that die of the kill for a deaf call are not to blame.
func neighbours(t *testing.T, s Subject) {
	if s.Slots < 2 {
		t.Skip("one slot")
	}
	o := s.open(t, 2)
	defer o.close()
	other := s.begin(o, "sleep 1h")
	c := s.begin(o, "deaf 3s")
	c.cancel()
	c.wants(wantCancelled)
	other.wants(wantNeighbour)
	o.gone(s.deaf())
}
