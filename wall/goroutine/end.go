package goroutine

import (
	"context"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// forever is the patience of an end that somebody else bounds.
const forever time.Duration = -1

// begin takes the first step to the end: nothing more is taken, and every
// context ends. What is in hand has patience to return. It reports false if the
// end had begun before; the exit is the first one's.
func (l *life[Q, R]) begin(x ganger.Exit, sake bool, patience time.Duration) (first bool) {
	l.mu.Lock()
	if l.ending {
		l.mu.Unlock()
		return false
	}
	l.ending, l.exit, l.sake = true, x, sake
	hand := l.heldLocked()
	if patience > 0 && len(hand) > 0 {
		l.last = time.AfterFunc(patience, l.finish)
	}
	l.mu.Unlock()
	cause := &ganger.Error{Outcome: ganger.Crashed, Cause: x.Reason.Cause(), Worker: l.worker, Exit: &x}
	l.own(cause)
	for _, r := range hand {
		r.Cancel(cause)
	}
	switch {
	case len(hand) == 0:
		l.finish()
	case patience == 0:
		go l.finish() // not here: it tells the End of what is in hand
	}
	return true
}

// heldLocked returns what is in hand.
func (l *life[Q, R]) heldLocked() []*request[Q, R] {
	var hand []*request[Q, R]
	for _, r := range l.hand {
		if r != nil {
			hand = append(hand, r)
		}
	}
	return hand
}

// finish takes the second step: what is still in hand is given up. Only the
// first call does anything.
func (l *life[Q, R]) finish() {
	l.mu.Lock()
	if l.dead {
		l.mu.Unlock()
		return
	}
	l.dead = true
	left := l.heldLocked()
	for _, r := range left {
		l.releaseLocked(r)
		if r.taken {
			abandoned.Add(1)
		}
	}
	last := l.last
	resting := l.resting
	l.resting = 0
	l.mu.Unlock()
	if last != nil {
		last.Stop()
	}
	for range resting {
		l.wake <- struct{}{}
	}
	close(l.gone)
	for _, r := range left {
		var none R
		r.call.TryConclude(none, l.verdict(r, context.Canceled, true))
	}
}

// fell takes a call that panicked, with v, or ended its goroutine, with nil.
func (l *life[Q, R]) fell(r *request[Q, R], v any, stack string) {
	l.mu.Lock()
	mine, last := l.releaseLocked(r)
	l.mu.Unlock()
	if !mine {
		abandoned.Add(-1)
		return
	}
	x := ganger.Exit{Reason: ganger.LeavingPanic, Stack: stack}
	e := &ganger.Error{Outcome: ganger.Crashed, Cause: ganger.CausePanic, Worker: l.worker, Exit: &x, Err: fallen(v)}
	if as := r.call.Asked(); as != nil {
		e = &ganger.Error{Outcome: as.Outcome, Cause: as.Cause, Worker: l.worker, Exit: &x, Err: as.Err}
	}
	r.Cancel(e)
	if !l.begin(x, false, l.grace) && last {
		l.finish()
	}
	var none R
	r.call.TryConclude(none, e)
}

// abandon gives up a call whose grace is over, and the life with it.
func (l *life[Q, R]) abandon(r *request[Q, R]) {
	l.mu.Lock()
	mine, last := l.releaseLocked(r)
	taken := r.taken
	if mine && taken {
		abandoned.Add(1)
	}
	l.mu.Unlock()
	if !mine {
		return // it returned just now
	}
	var x *ganger.Exit
	if taken { // else no goroutine is lost
		x = &ganger.Exit{Reason: ganger.LeavingAbandoned, Asked: true}
		if !l.begin(*x, true, l.grace) && last {
			l.finish()
		}
	}
	as := r.call.Asked()
	var none R
	r.call.TryConclude(none, &ganger.Error{Outcome: as.Outcome, Cause: as.Cause, Worker: l.worker, Exit: x, Err: as.Err})
}

// verdict is what a call that has no response ends with. err are the worker's
// own words, unless the life is ending: then they tell only that.
func (l *life[Q, R]) verdict(r *request[Q, R], err error, ending bool) error {
	var exit *ganger.Exit
	l.mu.Lock()
	sake, taken := l.sake, r.taken
	if ending {
		exit = new(l.exit)
	}
	l.mu.Unlock()
	if as := r.call.Asked(); as != nil {
		return &ganger.Error{Outcome: as.Outcome, Cause: as.Cause, Worker: l.worker, Exit: exit, Err: as.Err}
	}
	if ending {
		if !taken {
			return wall.ErrUnsent
		}
		e := &ganger.Error{Outcome: ganger.Crashed, Cause: exit.Reason.Cause(), Worker: l.worker, Exit: exit}
		if sake {
			e.Err = wall.ErrNeighbour
		}
		return e
	}
	// Not one that is wrapped, and no other outcome: that tells of something else,
	// such as a task that the work had another pool perform.
	if e, ok := err.(*ganger.Error); ok && e.Outcome == ganger.Failed {
		return &ganger.Error{Outcome: ganger.Failed, Cause: e.Cause, Worker: l.worker, Exit: e.Exit, Err: e.Err}
	}
	return &ganger.Error{Outcome: ganger.Failed, Worker: l.worker, Err: err}
}

// Stop ends every context and waits for what is in hand until ctx ends; what
// has not returned by then is abandoned.
func (l *life[Q, R]) Stop(ctx context.Context, why ganger.Leaving) {
	l.begin(ganger.Exit{Reason: why, Asked: true}, false, forever)
	select {
	case <-l.gone:
		return
	default:
	}
	select {
	case <-l.gone:
	case <-ctx.Done():
		go l.finish() // not here: it tells the End of what is in hand
		<-l.gone
	}
}

// Kill ends every context and abandons what is in hand.
func (l *life[Q, R]) Kill(why ganger.Leaving) {
	if !l.begin(ganger.Exit{Reason: why, Asked: true}, false, 0) {
		go l.finish()
	}
}
