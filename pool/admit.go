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
	if by := askerOf(ctx); by.ties != nil {
		e.ties = &ties{task: e, core: c, elder: by.ties, of: by.ties}
		if as := by.task.adopt(e, by.attempt); as != nil {
			e.cancelAs(as)
		}
	}
	if t.Group != nil { // before it can end
		if as := t.Group.circle.join(e); as != nil {
			e.cancelAs(as)
		}
	}
	if err := c.admit(ctx, e); err != nil {
		if t.Group != nil {
			t.Group.leave(e)
		}
		if e.ties != nil {
			e.ties.leave()
		}
		return nil, err
	}
	return &e.ticket, nil
}

func (c *core[T, Q, R, C]) newEntry(t Task[T]) *entry[T, Q, R, C] {
	e := &entry[T, Q, R, C]{Task: t, core: c, deaths: int32(t.Deaths), suspect: t.Deaths > 0}
	e.ticket.entry = e
	return e
}

// admit puts e into the queue, waiting for room if that is the policy, and offers
// it. If it is asked to end while it waits, it is accepted at once, and ends.
func (c *core[T, Q, R, C]) admit(ctx context.Context, e *entry[T, Q, R, C]) error {
	for {
		c.mu.Lock()
		inner := e.ties != nil // it belongs to a task that was let in already
		if c.phase == closed || c.phase == draining && !c.livesOnLocked(e) {
			next := c.roomLocked() // each of those who wait tells the next
			c.mu.Unlock()
			signal(next)
			return &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseClosed, Err: ErrClosed}
		}
		if err := c.hopelessLocked(); err != nil {
			next := c.roomLocked()
			c.mu.Unlock()
			signal(next)
			return err
		}
		asked := e.asked != nil
		// Who waited goes first; a newcomer queues behind those who wait.
		var old *entry[T, Q, R, C]
		if !inner && !asked {
			old = c.supplantLocked(e)
		}
		if inner || asked || old != nil || !c.fullLocked() && (e.turn != nil || len(c.room) == 0) {
			if e.turn != nil {
				c.unlineLocked(e.turn)
			}
			carry := c.acceptLocked(e, old)
			next, o := c.roomLocked(), c.offerLocked()
			c.mu.Unlock()
			signal(next)
			o.carry() // before old is told, which may take its time
			if carry != nil {
				carry()
			}
			return nil
		}
		if c.cfg.QueuePolicy == Reject {
			c.mu.Unlock()
			return &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseFull, Err: fmt.Errorf("%d tasks wait, as many as QueueLimit lets in", c.cfg.QueueLimit)}
		}
		turn := make(chan struct{}, 1)
		if e.turn == nil {
			c.room = append(c.room, turn)
		} else { // woken too early: keep the place
			c.room = append([]chan struct{}{turn}, c.room...)
		}
		e.turn = turn
		c.mu.Unlock()
		select {
		case <-turn:
		case <-ctx.Done():
			c.leaveRoom(turn)
			return withdrawn(ctx)
		}
	}
}

// livesOnLocked reports whether e was submitted, perhaps through other pools, in
// the midst of a task of this one that has not ended.
func (c *core[T, Q, R, C]) livesOnLocked(e *entry[T, Q, R, C]) bool {
	if e.ties == nil {
		return false
	}
	for t := e.ties.elder; t != nil; t = t.elder {
		if p, ok := t.task.(*entry[T, Q, R, C]); ok && p.core == c && p.place != over {
			return true
		}
	}
	return false
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

// unlineLocked takes a place out of those that wait for room, and reports false if
// it was not among them any more.
func (c *core[T, Q, R, C]) unlineLocked(turn chan struct{}) bool {
	i := slices.Index(c.room, turn)
	if i >= 0 {
		c.room = slices.Delete(c.room, i, i+1)
	}
	return i >= 0
}

// leaveRoom gives up a place, or passes on the signal that came meanwhile.
func (c *core[T, Q, R, C]) leaveRoom(turn chan struct{}) {
	c.mu.Lock()
	var next chan struct{}
	if !c.unlineLocked(turn) {
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
