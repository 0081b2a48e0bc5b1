package worker

import (
	"context"
	"reflect"

	"github.com/ganger-dev/ganger"
)

// Fifo is a ref to a worker that performs every request, in order: [Queue] and
// [Bounded].
type Fifo[W any] interface{ fifo(W) *core }

// Box is a ref to a worker that performs the latest request: [Latest].
type Box[W any] interface{ box(W) *core }

// Call performs q on the worker and returns its response. The error is the
// handler's own, as it is, or a [*ganger.Error] that tells any other end:
//
//   - Crashed: the life ended under it. It is not performed again.
//   - Rejected (closed): the worker is dead for good, or was before q's turn came;
//     Cancelled (shutdown): it was stopped with q waiting or in hand; Cancelled
//     (holder): the life in hand was ended for its group, or the table drops what
//     waits at a restart.
//   - TimedOut (exec): its handler took longer than [Config].Limit.
//   - Cancelled (withdrawn): ctx ended first. If q waited it is never performed;
//     if it was in hand its handler's context ends, and what it returns is dropped.
//   - Cancelled (superseded): a full mailbox dropped it for a newer one.
//   - Failed (unhandled): no handler is for it.
//
// It waits for room if there is none. Called with the context of a handler of
// that same worker it returns [ErrSelf]: it would wait for itself. With a context
// that never ends it allocates nothing.
func Call[Q Request[W, R], W, R any](ctx context.Context, to Fifo[W], q Q) (R, error) {
	var w W
	return call[Q, R](ctx, to.fifo(w), q, (*core).post)
}

// CallLatest is [Call] on a box. It never merges: q replaces what is there, whose
// caller gets Cancelled (superseded), as q's own does if something newer comes
// before its turn.
func CallLatest[Q Request[W, R], W, R any](ctx context.Context, to Box[W], q Q) (R, error) {
	var w W
	return call[Q, R](ctx, to.box(w), q, (*core).replace)
}

func call[Q, R any](ctx context.Context, c *core, q Q, post func(*core, context.Context, *item) error) (r R, err error) {
	h, err := c.kindOf(reflect.TypeFor[Q]())
	if err != nil {
		return r, err
	}
	if of(ctx) == c {
		return r, ErrSelf
	}
	if ctx.Err() != nil {
		return r, withdrawn(c, ctx)
	}
	k := h.handled.(*kind[Q, R])
	e := k.seal(h, q)
	done := ctx.Done()
	e.withdrawable = done != nil
	// The process does the work, so the caller's goroutine may as well wait for it as
	// for another that waits: that is worth two switches and a fresh stack.
	e.here = done == nil && c.table.far != nil && c.table.onDone == nil
	if err := post(c, ctx, &e.item); err != nil {
		k.discard(e)
		return r, err
	}
	if done == nil {
		<-e.done
		return k.open(e)
	}
	select {
	case <-e.done:
	case <-done:
		if end := withdrawn(c, ctx); c.withdraw(&e.item, end) {
			return r, end
		}
		<-e.done // its end came first
	}
	return k.open(e)
}

// withdrawn is the end of a call whose caller has given up.
func withdrawn(c *core, ctx context.Context) error {
	return &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseWithdrawn, Worker: c.seat.name(), Err: context.Cause(ctx)}
}

// withdraw settles it for its caller, who has given up, and reports whether it
// had no end yet.
func (c *core) withdraw(it *item, end error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch it.at {
	case settled:
		return false
	case pending:
		c.waiting.take(it)
		c.admitLocked()
	case blocked:
		c.x.blocked.take(it)
	case inHand:
		c.tell(c.request, end)
	}
	c.settleLocked(it, end) // its caller is here: nobody is to be woken
	return true
}
