package pool

import (
	"context"
	"fmt"
	"slices"

	"github.com/ganger-dev/ganger"
)

// submit accepts t, or says why not.
func (c *core[T, Q, R, C]) submit(ctx context.Context, t Task[T]) (*Ticket[R], error) {
	if err := t.check(); err != nil {
		return nil, &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseInput, Err: err}
	}
	e := c.newEntry(t)
	if elder := elderOf(ctx); elder != nil {
		e.ties = &ties{task: e, core: c, elder: elder, of: elder}
		e.asked = elder.task.adopt(e)
	}
	if t.Group != nil { // before it can end
		if as := t.Group.circle.join(e); as != nil {
			e.cancelAs(as)
		}
	}
	o, err := c.admit(ctx, e)
	if err != nil {
		if t.Group != nil {
			t.Group.leave(e)
		}
		if e.ties != nil {
			e.ties.leave()
		}
		return nil, err
	}
	o.carry()
	return &e.ticket, nil
}

func (c *core[T, Q, R, C]) newEntry(t Task[T]) *entry[T, Q, R, C] {
	e := &entry[T, Q, R, C]{Task: t, core: c, deaths: int32(t.Deaths), suspect: t.Deaths > 0}
	e.ticket.entry = e
	return e
}

// admit puts e into the queue, waiting for room if that is the policy, and
// returns to whom it is to be offered.
func (c *core[T, Q, R, C]) admit(ctx context.Context, e *entry[T, Q, R, C]) (offered[T, Q, R, C], error) {
	var none offered[T, Q, R, C]
	var turn chan struct{} // ours among those who wait for room
	for {
		c.mu.Lock()
		inner := e.ties != nil // it belongs to a task that was let in already
		if c.phase == closed || c.phase == draining && !inner {
			next := c.roomLocked() // each of those who wait tells the next
			c.mu.Unlock()
			signal(next)
			return none, &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseClosed, Err: ErrClosed}
		}
		if err := c.hopelessLocked(); err != nil {
			next := c.roomLocked()
			c.mu.Unlock()
			signal(next)
			return none, err
		}
		// Who waited goes first; a newcomer queues behind those who wait.
		var old *entry[T, Q, R, C]
		if !inner {
			old = c.supplantLocked(e)
		}
		if inner || old != nil || !c.fullLocked() && (turn != nil || len(c.room) == 0) {
			carry := c.acceptLocked(e, old)
			next, o := c.roomLocked(), c.offerLocked()
			c.mu.Unlock()
			signal(next)
			if carry != nil {
				carry()
			}
			return o, nil
		}
		if c.cfg.QueuePolicy == Reject {
			c.mu.Unlock()
			return none, &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseFull, Err: fmt.Errorf("%d tasks wait, as many as QueueLimit lets in", c.cfg.QueueLimit)}
		}
		mine := make(chan struct{}, 1)
		if turn == nil {
			c.room = append(c.room, mine)
		} else { // woken too early: keep the place
			c.room = append([]chan struct{}{mine}, c.room...)
		}
		turn = mine
		c.mu.Unlock()
		select {
		case <-turn:
		case <-ctx.Done():
			c.leaveRoom(turn)
			return none, withdrawn(ctx)
		}
	}
}

// roomLocked takes the next of those who wait for room if there is some.
func (c *core[T, Q, R, C]) roomLocked() chan struct{} {
	if len(c.room) == 0 || (c.phase == accepting && c.fullLocked()) {
		return nil
	}
	next := c.room[0]
	c.room = c.room[1:]
	return next
}

// leaveRoom gives up a place, or passes on the signal that came meanwhile.
func (c *core[T, Q, R, C]) leaveRoom(turn chan struct{}) {
	c.mu.Lock()
	n := len(c.room)
	c.room = slices.DeleteFunc(c.room, func(x chan struct{}) bool { return x == turn })
	var next chan struct{}
	if len(c.room) == n {
		next = c.roomLocked()
	}
	c.mu.Unlock()
	signal(next)
}

// signal wakes one waiter; the channel has room for it.
func signal(ch chan struct{}) {
	if ch != nil {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// acceptLocked queues e, in the place of old if that is not nil. If it was asked
// to end while it waited for room, that is to be carried out, as is the end of
// old; nil for neither.
func (c *core[T, Q, R, C]) acceptLocked(e, old *entry[T, Q, R, C]) (carry func()) {
	c.numberLocked(e, c.elderLocked(e))
	if old != nil {
		if c.cfg.QueuePolicy == Replace {
			e.rank = old.rank
		}
		carry = func() {
			var none R
			c.tell(old, none, superseded)
		}
	}
	c.enqueueLocked(e)
	if as := e.asked; as != nil {
		e.asked = nil
		first, then := carry, c.askLocked(e, as)
		return func() {
			if first != nil {
				first()
			}
			then()
		}
	}
	if e.QueueTimeout > 0 || e.TotalTimeout > 0 {
		e.armLocked(e.posted)
	}
	return carry
}

// elderLocked returns the task of this pool in whose mid e was submitted, nil for none.
func (c *core[T, Q, R, C]) elderLocked(e *entry[T, Q, R, C]) *entry[T, Q, R, C] {
	if e.ties == nil || e.ties.elder == nil || e.ties.elder.core != any(c) {
		return nil
	}
	p := e.ties.elder.task.(*entry[T, Q, R, C])
	if p.place == over { // it has been told, or soon is
		return nil
	}
	return p
}
