package life

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// Tenure is the time of one life on its seat, as its serve sees it. Its methods
// are safe for concurrent use, and do nothing once the life has left.
type Tenure[L wall.Life] struct {
	Life        L
	Incarnation uint64

	signal func()        // wakes the seat
	leave  chan struct{} // closed by the seat, once
	why    atomic.Pointer[ganger.Leaving]
	mercy  atomic.Bool // Excuse was called

	// What follows belongs to the goroutine of Run alone.
	born, died time.Time
	pid        int
	aging      *time.Timer    // asks for the recycling at the end of TTL; nil: never
	leaving    bool           // leave is closed
	said       ganger.Leaving // what serve returned; "" while it serves
	state      ganger.State
}

// Leave is closed when the life should go: its serve takes nothing more,
// finishes what it has in hand, and returns [Tenure.Why].
func (t *Tenure[L]) Leave() <-chan struct{} { return t.leave }

// Why returns the reason for which the life is to be replaced, "" if it is not.
func (t *Tenure[L]) Why() ganger.Leaving {
	if why := t.why.Load(); why != nil {
		return *why
	}
	return ""
}

// Recycle asks for a replacement, for the given reason. It does not wait. With
// [Keeper.Overlap] the life serves on until its successor is ready, or came to
// nothing; then, and without Overlap at once, Leave is closed. Serve may return
// before that. The first reason wins; more calls change nothing.
func (t *Tenure[L]) Recycle(why ganger.Leaving) {
	if t.why.CompareAndSwap(nil, &why) {
		t.signal()
	}
}

// Excuse says that whatever ended or will end this life is the fault of its
// work, which answers for it elsewhere: the end is followed by no delay and is
// not held against the worker. It must be called before serve returns.
func (t *Tenure[L]) Excuse() { t.mercy.Store(true) }

// over reports whether the life is gone and its serve has returned.
func (t *Tenure[L]) over() bool { return t.said != "" && !t.died.IsZero() }

// watch waits for the death of the life and ends the context of its serve then.
// One that grows too heavy is replaced.
func (s *seat[L]) watch(t *Tenure[L], died context.CancelCauseFunc) {
	var heavy <-chan struct{}
	if l, ok := any(t.Life).(wall.Heavier); ok {
		heavy = l.Heavy()
	}
	select {
	case <-heavy:
		t.Recycle(ganger.LeavingMemorySoft)
		<-t.Life.Gone()
	case <-t.Life.Gone():
	}
	s.news <- func() { s.onGone(t) } // first, else the seat would think that serve let a living life go
	x := t.Life.Exit()
	died(&ganger.Error{Outcome: ganger.Crashed, Cause: x.Reason.Cause(), Worker: s.worker(t.Incarnation), Exit: &x})
}

// lend calls serve for a life and ends the life after that, if it still lives.
func (s *seat[L]) lend(ctx context.Context, t *Tenure[L]) {
	why := ganger.LeavingStopped
	if ctx.Err() == nil {
		if said := s.serve(ctx, t); said != "" {
			why = said
		}
	}
	s.news <- func() { s.onServed(t, why) }
	// Stop outlives the context of the seat: it is what cleans up after it.
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.stopGrace)
	defer cancel()
	t.Life.Stop(stop, why)
}
