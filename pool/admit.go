package pool

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
)

// submit accepts t, or says why not.
func (c *core[T, Q, R, C]) submit(ctx context.Context, t Task[T]) (*Ticket[R], error) {
	if err := t.check(); err != nil {
		return nil, &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseInput, Err: err}
	}
	e := c.newEntry(t)
	if t.Group != nil { // before it can end
		if as := t.Group.join(e); as != nil {
			e.cancelAs(as)
		}
	}
	if err := c.admit(ctx, e); err != nil {
		if t.Group != nil {
			t.Group.leave(e)
		}
		return nil, err
	}
	if c.cfg.Hub.Watched() {
		c.emit(inspect.Event{Name: inspect.EventQueued, Task: e.id, At: e.posted})
	}
	c.offer()
	return &e.ticket, nil
}

func (c *core[T, Q, R, C]) newEntry(t Task[T]) *entry[T, Q, R, C] {
	e := &entry[T, Q, R, C]{Task: t, core: c}
	e.ticket.entry = e
	return e
}

// admit puts e into the queue, waiting for room if that is the policy.
func (c *core[T, Q, R, C]) admit(ctx context.Context, e *entry[T, Q, R, C]) error {
	var turn chan struct{} // ours among those who wait for room
	for {
		c.mu.Lock()
		if c.phase != accepting {
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
		// Who waited goes first; a newcomer queues behind those who wait.
		full := c.cfg.QueueLimit > 0 && c.queue.len() >= c.cfg.QueueLimit
		if !full && (turn != nil || len(c.room) == 0) {
			carry := c.acceptLocked(e)
			next := c.roomLocked()
			c.mu.Unlock()
			signal(next)
			carry()
			return nil
		}
		if c.cfg.QueuePolicy == Reject {
			c.mu.Unlock()
			return &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseFull, Err: fmt.Errorf("%d tasks wait, as many as QueueLimit lets in", c.cfg.QueueLimit)}
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
			return &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseWithdrawn, Err: context.Cause(ctx)}
		}
	}
}

// roomLocked takes the next of those who wait for room if there is some.
func (c *core[T, Q, R, C]) roomLocked() chan struct{} {
	if len(c.room) == 0 || (c.phase == accepting && c.queue.len() >= c.cfg.QueueLimit) {
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

// acceptLocked queues e. If it was asked to end while it waited for room, that
// is to be carried out.
func (c *core[T, Q, R, C]) acceptLocked(e *entry[T, Q, R, C]) (carry func()) {
	c.numberLocked(e)
	e.place = queued
	c.queue.push(e)
	if as := e.asked; as != nil {
		e.asked = nil
		return c.askLocked(e, as)
	}
	if e.QueueTimeout > 0 || e.TotalTimeout > 0 {
		e.armLocked(e.posted)
	}
	return func() {}
}

// numberLocked makes e an accepted task.
func (c *core[T, Q, R, C]) numberLocked(e *entry[T, Q, R, C]) {
	c.lastID++
	c.open++
	e.id, e.ticket.id, e.posted = c.lastID, c.lastID, time.Now()
}
