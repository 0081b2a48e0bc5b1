package pool

import (
	"errors"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
)

// follows makes entries of what follows from e. They join its group and its
// family before e ends, so that whoever waits for these, or cancels them, misses
// none.
func (c *core[T, Q, R, C]) follows(e *entry[T, Q, R, C], tasks []Task[T]) []*entry[T, Q, R, C] {
	if len(tasks) == 0 {
		return nil
	}
	c.mu.Lock()
	head := e.tiesLocked()
	c.mu.Unlock()
	elder := head.elder
	if head.heir { // what follows from it in turn is of the same family
		head = head.of
	}
	var all []*entry[T, Q, R, C]
	for _, t := range tasks {
		if t.Group == nil {
			t.Group = e.Group
		}
		f := c.newEntry(t)
		f.ties = &ties{task: f, core: c, elder: elder, of: head, heir: true}
		if t.Group != nil {
			if as := t.Group.circle.join(f); as != nil {
				f.cancelAs(as)
			}
		}
		if as := head.kin.join(f); as != nil {
			f.cancelAs(as)
		}
		all = append(all, f)
	}
	return all
}

// followLocked accepts what follows from e, which h has just performed. It waits
// for any life, or for h alone. What cannot wait is added to out.
func (h *holder[T, Q, R, C]) followLocked(out *aftermath[T, Q, R, C], e *entry[T, Q, R, C], follows []*entry[T, Q, R, C], bound bool) {
	c := h.core
	for _, f := range follows {
		c.numberLocked(f, e)
		as := f.asked
		f.asked = nil
		if as == nil && e.asked != nil && e.asked.Outcome == ganger.Cancelled {
			as = e.asked
		}
		if err := f.Task.check(); as == nil && err != nil {
			as = &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseInput, Err: err}
		}
		switch hopeless := c.hopelessLocked(); {
		case as != nil:
		case c.phase == closed:
			as = &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseShutdown, Err: ErrClosed}
		case bound && !h.staysLocked():
			as = h.partedLocked()
		case !bound && hopeless != nil:
			as = hopeless
		}
		if as != nil {
			c.overLocked(f)
			var none R
			out.add(f, none, as)
			continue
		}
		if bound {
			f.bound = h
		}
		c.enqueueLocked(f)
		if f.QueueTimeout > 0 || f.TotalTimeout > 0 {
			f.armLocked(f.posted)
		}
	}
}

// staysLocked reports whether the life will perform what is bound to it. One that
// is replaced for its age, or for the number of its tasks, does so before it goes.
func (h *holder[T, Q, R, C]) staysLocked() bool {
	return !h.parted && !h.doomed && h.leaving == ""
}

// partedLocked is how a task ends that was bound to a life that has gone.
func (h *holder[T, Q, R, C]) partedLocked() *ganger.Error {
	return &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseHolder, Worker: h.worker, Err: ErrHolder}
}

// bereftLocked is how a task ends that was bound to the life, and would run again
// but for the life's end: it crashed if that was under it.
func (h *holder[T, Q, R, C]) bereftLocked(err error) *ganger.Error {
	if death, ok := errors.AsType[*ganger.Error](err); ok && death.Outcome == ganger.Crashed {
		return death
	}
	return h.partedLocked()
}

// part ends what is bound to the life, which takes nothing more.
func (h *holder[T, Q, R, C]) part() {
	c := h.core
	c.mu.Lock()
	var all []*entry[T, Q, R, C]
	for e, ok := c.popLocked(&h.bound, nil); ok; e, ok = c.popLocked(&h.bound, nil) {
		c.overLocked(e)
		all = append(all, e)
	}
	as := h.partedLocked()
	c.mu.Unlock()
	var none R
	for _, e := range all {
		c.tell(e, none, as)
	}
}

// emitQueuedLocked tells the hub that e was accepted: before anybody can take it.
func (c *core[T, Q, R, C]) emitQueuedLocked(e *entry[T, Q, R, C]) {
	if c.cfg.Hub.Watched() {
		c.emit(inspect.Event{Name: inspect.EventQueued, Task: e.ticket.id})
	}
}

// numberLocked makes e an accepted task; parent is what it follows from, or what
// submitted it in mid-task, nil for none.
func (c *core[T, Q, R, C]) numberLocked(e, parent *entry[T, Q, R, C]) {
	c.lastID++
	c.open++
	e.ticket.id, e.posted = c.lastID, c.now()
	c.rankLocked(e)
	if c.kind.Commit != nil {
		c.commits.appendLocked(e, parent)
	}
	c.emitQueuedLocked(e)
}
