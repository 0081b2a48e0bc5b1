package walltest

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// deaths: whatever ends the life under a call, and wherever in the call, is told
// with its cause, and nothing runs on it any more.
func deaths(t *testing.T, s Subject) {
	for _, script := range slices.Sorted(maps.Keys(s.Deaths)) {
		before := []string{""}
		if s.Speaks {
			before = append(before, "feedback 5;")
		}
		if s.Asks {
			before = append(before, "ask why;")
		}
		for _, b := range before {
			o := s.open(t, 1)
			o.usable()
			o.start(b + script).wants(wantCrash(s.Deaths[script]))
			o.gone(ganger.Leaving(s.Deaths[script]))
			o.unusable()
			o.close()
		}
	}
}

// kills returns how a life can be ended from outside, and the reason then.
func (s Subject) kills() map[ganger.Leaving]func(wall.Life) {
	m := map[ganger.Leaving]func(wall.Life){
		ganger.LeavingMemoryHard: func(l wall.Life) { l.Kill(ganger.LeavingMemoryHard) },
	}
	if s.Kill != nil {
		m[s.Killed] = s.Kill
	}
	return m
}

func killedBusy(t *testing.T, s Subject) {
	for why, kill := range s.kills() {
		o := s.open(t, 1)
		c := s.begin(o, "deaf 3s")
		kill(o)
		// Without feedback the request may not have been on its way yet.
		if c.wants(wantCrash(why.Cause()), s.unlessUnsent()); s.Speaks && c.Err == wall.ErrUnsent {
			t.Error("a call that the worker had begun is called unsent")
		}
		o.gone(why)
		o.unusable()
		o.close()
	}
}

// unlessUnsent allows ErrUnsent where the test cannot know better.
func (s Subject) unlessUnsent() want {
	if s.Speaks {
		return wantNever
	}
	return wantUnsent
}

// killedIdle: the death of an idle life is noticed without anything being sent.
func killedIdle(t *testing.T, s Subject) {
	for why, kill := range s.kills() {
		o := s.open(t, 1)
		o.usable()
		kill(o)
		o.gone(why)
		o.unusable()
		o.close()
	}
}

// killedAtSend: a life is killed just when a request is sent. Each call has one
// end: its response, the death, or that it was never sent.
func killedAtSend(t *testing.T, s Subject) {
	var done, crashed, unsent int
	for n := range s.loops() {
		o := s.open(t, 1)
		why, kill := ganger.LeavingMemoryHard, func(l wall.Life) { l.Kill(ganger.LeavingMemoryHard) }
		if s.Kill != nil {
			why, kill = s.Killed, s.Kill
		}
		hit := make(chan struct{})
		delay := rand.IntN(1 + n%100*200)
		go func() {
			defer close(hit)
			for i := range delay {
				_ = i // a busy wait of nanoseconds to microseconds
			}
			kill(o)
		}()
		c := o.start("echo x")
		c.wants(wantDone("x"), wantCrash(why.Cause()), wantUnsent)
		<-hit
		o.gone(why)
		switch {
		case c.Err == nil:
			done++
		case c.Err == wall.ErrUnsent:
			unsent++
		default:
			crashed++
		}
		o.close()
	}
	t.Logf("%d done, %d crashed, %d never sent", done, crashed, unsent)
}

// panics: a panic is told with its message, and with a stack.
func panics(t *testing.T, s Subject) {
	if !s.Panics {
		t.Skip("a panic ends this worker without a word of the protocol")
	}
	o := s.open(t, 1)
	defer o.close()
	c := o.start("panic no such table")
	Await(t, c.done, "the end of a call that panicked")
	if oc := ganger.OutcomeOf(c.Err); oc != ganger.Crashed || ganger.CauseOf(c.Err) != ganger.CausePanic {
		t.Errorf("a panic ended with %v, want crashed (panic)", c.Err)
	}
	c.check(t)
	if c.Err != nil && !strings.Contains(c.Err.Error(), "no such table") {
		t.Errorf("a panic ended with %v, without its message", c.Err)
	}
	o.gone("")
}

// breaks: what breaks the protocol ends the life with that reason.
func breaks(t *testing.T, s Subject) {
	if len(s.Breaks) == 0 {
		t.Skip("there is no protocol to break")
	}
	for _, script := range s.Breaks {
		o := s.open(t, 1)
		o.usable()
		start := time.Now()
		o.start(script).wants(wantCrash(ganger.CauseProtocol))
		// What lives on behind a closed channel may be on its way to its end; what
		// spoke nonsense is not waited for.
		if took := time.Since(start); s.Bubble && took > 0 && !strings.Contains(script, "close") {
			t.Errorf("%q held up its call for %v", script, took)
		}
		o.gone(ganger.LeavingProtocol)
		o.unusable()
		o.close()
	}
}

// unasked: bytes that are there before a request would be taken for its answer.
// They cost the life, and the request nothing.
func unasked(t *testing.T, s Subject) {
	if s.Early == "" {
		t.Skip("nothing can be said unasked")
	}
	for _, slots := range slices.Compact([]int{1, max(s.Slots, 1)}) {
		o := s.open(t, slots)
		o.start("late " + strconv.QuoteToASCII(s.Early) + ";echo x").wants(wantDone("x"))
		time.Sleep(5 * lateness) // until they are there: with one slot nobody reads them
		o.start("echo y").wants(wantUnsent)
		o.gone(ganger.LeavingProtocol)
		o.close()
	}
}

// stopBusy: a life that is stopped with a call in hand goes, and the call with it.
func stopBusy(t *testing.T, s Subject) {
	for _, script := range []string{"sleep 1h", "deaf 3s"} {
		o := s.open(t, 1)
		c := s.begin(o, script)
		o.close()
		Await(t, c.done, "the end of a call whose life was stopped")
		if c.Err == nil {
			t.Errorf("%q is done although its life was stopped", script)
		}
		c.check(t)
		o.gone("")
		o.unusable()
	}
}

// badStarts: a life that never becomes ready is an error that says so, in time.
func badStarts(t *testing.T, s Subject) {
	if len(s.BadStarts) == 0 {
		t.Skip("this wall does not wait for its worker")
	}
	for _, at := range s.BadStarts {
		ctx, cancel := patience()
		if strings.HasPrefix(at, "deaf") {
			cancel()
			ctx, cancel = timeout(s.grace())
		}
		_, err := s.Wall(1, at).Open(ctx, wall.Start{Name: "w", Incarnation: 7, Grace: s.grace()})
		cancel()
		se, ok := asStart(err)
		if !ok || se.Worker != "w#7" || se.Exit == nil || se.Exit.Reason == "" {
			t.Errorf("a start that does %q: %v, want a StartError of w#7 with an exit", at, err)
		}
	}
}
