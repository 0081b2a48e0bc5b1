package pool

import (
	"context"
	"runtime/debug"

	"github.com/ganger-dev/ganger"
)

// do is Submit, Wait, and Cancel when ctx ends. If nothing waits and a life
// with one slot rests, the caller's own goroutine performs the task on it,
// which saves the switch to the serving goroutine and the one back.
func (c *core[T, Q, R, C]) do(ctx context.Context, t Task[T]) (R, error) {
	if t.Group == nil && t.check() == nil && askerOf(ctx).ties == nil {
		if e, h := c.borrow(t); e != nil {
			return c.lend(ctx, e, h)
		}
	}
	ticket, err := c.submit(ctx, t)
	if err != nil {
		var none R
		return none, err
	}
	return see(ctx, ticket)
}

// see waits for a ticket and cancels its task when ctx ends.
func see[R any](ctx context.Context, t *Ticket[R]) (R, error) {
	done := t.Done()
	defer lendFor(ctx)()
	select {
	case <-done:
	case <-ctx.Done():
		t.entry.cancelAs(withdrawn(ctx))
		<-done // the grace bounds it
	}
	return t.r, t.err
}

func withdrawn(ctx context.Context) *ganger.Error {
	return &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseWithdrawn, Err: context.Cause(ctx)}
}

// borrow accepts t and puts it into the hand of a resting life with a runner;
// it returns nothing if there is none, or if others were there first.
func (c *core[T, Q, R, C]) borrow(t Task[T]) (*entry[T, Q, R, C], *holder[T, Q, R, C]) {
	c.mu.Lock()
	if c.phase != accepting || len(c.ready) == 0 || c.waitingLocked()+len(c.room) > 0 || c.fullLocked() {
		c.mu.Unlock()
		return nil, nil
	}
	e := c.newEntry(t)
	for i := len(c.ready) - 1; i >= 0; i-- {
		h := c.ready[i]
		if h.runner == nil || !h.roomLocked() || !h.mayTakeLocked(e) {
			continue
		}
		c.numberLocked(e, nil)
		h.unlistLocked()
		h.takeLocked(e)
		after := h.claimedLocked()
		c.mu.Unlock()
		after.carry(h)
		return e, h
	}
	c.mu.Unlock()
	return nil, nil
}

// lend performs e, which h has in hand, on this goroutine.
func (c *core[T, Q, R, C]) lend(ctx context.Context, e *entry[T, Q, R, C], h *holder[T, Q, R, C]) (R, error) {
	// The kind's functions run on this goroutine now, and its caller may be one
	// that recovers, as net/http does: then the task would never end and the life
	// be lost. Such a panic ends the program here as on any other goroutine.
	performed := false
	defer func() {
		if !performed {
			words := "pool: a function of the kind panicked, or ended its goroutine, in Do\n" + string(debug.Stack())
			go panic(words)
		}
	}()
	if ctx.Done() == nil {
		h.perform(e)
	} else {
		stop := context.AfterFunc(ctx, func() { e.cancelAs(withdrawn(ctx)) })
		h.perform(e)
		stop()
	}
	performed = true
	var o offered[T, Q, R, C]
	c.mu.Lock()
	if c.waitingLocked()+h.bound.len() == 0 {
		o = h.listLocked() // its goroutine rests on
	}
	wake := !h.listed
	c.mu.Unlock()
	o.carry()
	if wake {
		signal(h.wake)
	}
	if r, err, ok := e.ticket.result(); ok {
		return r, err
	}
	return see(ctx, &e.ticket) // it runs again, elsewhere
}
