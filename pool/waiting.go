package pool

import (
	"github.com/ganger-dev/ganger"
)

// queueOf returns the queue that a waiting entry is in, or belongs to.
func (c *core[T, Q, R, C]) queueOf(e *entry[T, Q, R, C]) queue[*entry[T, Q, R, C]] {
	switch {
	case e.bound != nil:
		return &e.bound.bound
	case e.suspect:
		return c.suspects
	}
	return c.queue
}

// enqueueLocked lets e wait for a life.
func (c *core[T, Q, R, C]) enqueueLocked(e *entry[T, Q, R, C]) {
	e.place = queued
	c.queueOf(e).push(e)
	c.countLocked(e, 1)
}

// dequeueLocked takes a waiting e out of its queue.
func (c *core[T, Q, R, C]) dequeueLocked(e *entry[T, Q, R, C]) {
	c.queueOf(e).remove(e)
	c.countLocked(e, -1)
}

// popLocked takes the first entry of q that match accepts.
func (c *core[T, Q, R, C]) popLocked(q queue[*entry[T, Q, R, C]], match func(*entry[T, Q, R, C]) bool) (*entry[T, Q, R, C], bool) {
	e, ok := q.pop(match)
	if ok {
		c.countLocked(e, -1)
	}
	return e, ok
}

// countLocked keeps the counts of what waits.
func (c *core[T, Q, R, C]) countLocked(e *entry[T, Q, R, C], n int) {
	if e.countedLocked() {
		c.fresh += n
		if c.cfg.QueuePolicy == Replace && e.Key != "" {
			if n > 0 {
				c.newest[e.Key] = e
			} else if c.newest[e.Key] == e {
				delete(c.newest, e.Key)
			}
		}
	}
	if e.Key != "" {
		c.warm.waiting += n
	}
	if e.ties != nil && e.ties.elder != nil && e.bound == nil {
		if n > 0 {
			c.inner[e] = struct{}{}
		} else {
			delete(c.inner, e)
		}
	}
}

// countedLocked reports whether e, which waits, counts against the limit of the
// queue: it has never left it, and came from outside.
func (e *entry[T, Q, R, C]) countedLocked() bool { return e.attempts == 0 && e.ties == nil }

// waitingLocked is how many tasks wait for any life.
func (c *core[T, Q, R, C]) waitingLocked() int { return c.queue.len() + c.suspects.len() }

// fullLocked reports whether the queue takes no more.
func (c *core[T, Q, R, C]) fullLocked() bool {
	return c.cfg.QueueLimit > 0 && c.fresh+c.commits.waiting >= c.cfg.QueueLimit
}

// againLocked queues an entry once more: where it was, which is before all that
// came later, or behind all when another should go first.
func (c *core[T, Q, R, C]) againLocked(e *entry[T, Q, R, C], behind bool) {
	e.call, e.death, e.asked, e.waits = nil, nil, nil, unpassed
	if behind {
		c.turn++
		e.rank.turn = c.turn
	}
	c.enqueueLocked(e)
	if e.slot != 0 || e.TotalTimeout > 0 {
		e.armLocked(c.now())
	}
}

// superseded is how a task ends that a newer one took the place of.
var superseded = &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseSuperseded}

// oldestLocked returns the task that has waited longest of those that count.
func (c *core[T, Q, R, C]) oldestLocked() *entry[T, Q, R, C] {
	var oldest *entry[T, Q, R, C]
	_, fifo := c.queue.(*list[*entry[T, Q, R, C]])
	for e := range c.queue.each {
		if e.countedLocked() && (oldest == nil || e.ticket.id < oldest.ticket.id) {
			oldest = e
			if fifo {
				break
			}
		}
	}
	return oldest
}

// supplantLocked makes way for e as the policy says, and returns the task that e
// takes the place of; nil for none.
func (c *core[T, Q, R, C]) supplantLocked(e *entry[T, Q, R, C]) *entry[T, Q, R, C] {
	var old *entry[T, Q, R, C]
	switch c.cfg.QueuePolicy {
	case DropOldest:
		// Ends that wait for Commit make no room when another joins them.
		if c.fullLocked() && c.commits.waiting < c.cfg.QueueLimit {
			old = c.oldestLocked()
		}
	case Replace:
		old = c.newest[e.Key] // nil without a key
	}
	if old != nil {
		c.dequeueLocked(old)
		c.overLocked(old)
	}
	return old
}
