package walltest

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
)

// blow is a fault that comes from outside, while a script runs.
type blow struct {
	name string
	hit  func(s Subject, c *call)
}

var blows = []blow{
	{"nothing", func(Subject, *call) {}},
	{"a cancel", func(_ Subject, c *call) { c.cancel() }},
	{"a stop", func(_ Subject, c *call) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		c.o.Stop(ctx, ganger.LeavingStopped)
	}},
	{"a kill", func(_ Subject, c *call) { c.o.Kill(ganger.LeavingMemoryHard) }},
	{"a stranger's kill", func(s Subject, c *call) {
		if s.Kill != nil {
			s.Kill(c.o)
		}
	}},
}

// pairs: every fault of the worker together with every one from outside, and
// every two of those, at times that race. Of each: one end, an outcome that one
// of the two allows, Gone closes.
func pairs(t *testing.T, s Subject) {
	scripts := append([]string{"echo x", "sleep 300ms", "deaf 300ms"}, s.Breaks...)
	scripts = append(scripts, slices.Sorted(maps.Keys(s.Deaths))...)
	causes := []ganger.Cause{
		ganger.CauseProtocol, ganger.CauseMemory, ganger.LeavingStopped.Cause(), ganger.LeavingCancelled.Cause(),
		s.deaf().Cause(), s.Killed.Cause(), ganger.LeavingEnded.Cause(), ganger.LeavingExit(0).Cause(), "signal 15", "signal 9",
	}
	for _, cause := range s.Deaths {
		causes = append(causes, cause)
	}
	for _, script := range scripts {
		for n, first := range blows {
			for _, second := range blows[n:] {
				// Where a life is dear only some are tried, others each time.
				if s.loops() >= full || rand.IntN(4) == 0 {
					s.pair(t, script, first, second, causes)
				}
			}
		}
	}
}

func (s Subject) pair(t *testing.T, script string, first, second blow, causes []ganger.Cause) {
	t.Helper()
	before := t.Failed()
	o := s.open(t, 1)
	c := newCall(o, script)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, b := range []blow{first, second} {
			pause(rand.IntN(50))
			b.hit(s, c)
		}
	}()
	pause(rand.IntN(50))
	o.Start(script, &c.Call)
	c.wants(wantAnswer, wantCancelled, wantUnsent, wantCrash(causes...), wantFailed(""))
	<-done
	o.close()
	if t.Failed() && !before {
		t.Errorf("that was %q with %s and %s", script, first.name, second.name)
	}
}
