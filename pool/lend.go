package pool

import (
	"time"

	"github.com/ganger-dev/ganger"
)

// A worker that asks for other tasks and waits for them holds a slot that does
// nothing. So that depth never locks the pool up, the slot is lent: an additional
// seat, which takes nothing but what somebody may wait for, performs as many
// tasks as slots are lent. It stays for a while, for the next time.

// lentIdle is how long the life of an additional seat may be without a task.
const lentIdle = 10 * time.Second

// tiesLocked returns the ties of e, which are made if it has none.
func (e *entry[T, Q, R, C]) tiesLocked() *ties {
	if e.ties == nil {
		e.ties = &ties{task: e, core: e.core}
	}
	return e.ties
}

// adopt is for [elder].
func (e *entry[T, Q, R, C]) adopt(m elder) *ganger.Error {
	e.core.mu.Lock()
	defer e.core.mu.Unlock()
	as := e.ties.kin.join(m)
	switch {
	case as != nil:
		return as
	case e.place == inHand && e.asked == nil:
		return nil
	case e.asked != nil && e.asked.Outcome == ganger.Cancelled:
		return e.asked
	}
	return &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseGroup, Err: errElder}
}

// heir is for [elder].
func (e *entry[T, Q, R, C]) heir() bool { return e.ties != nil && e.ties.heir }

// lend is for [elder].
func (e *entry[T, Q, R, C]) lend() (reclaim func()) {
	c := e.core
	c.mu.Lock()
	t, attempt := e.ties, e.attempts
	if e.place != inHand {
		c.mu.Unlock()
		return func() {}
	}
	if t.waits++; t.waits == 1 {
		t.lent.Store(true)
		c.lent++
	}
	c.mu.Unlock()
	c.offer()
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if e.place == inHand && e.attempts == attempt {
			if t.waits--; t.waits == 0 {
				c.reclaimLocked(e)
			}
		}
	}
}

// reclaimLocked takes back the slot of e, if it is lent.
func (c *core[T, Q, R, C]) reclaimLocked(e *entry[T, Q, R, C]) {
	if t := e.ties; t != nil && t.lent.Load() {
		t.lent.Store(false)
		t.waits = 0
		c.lent--
	}
}

// dependentLocked reports whether somebody who lends a slot may wait for e.
func (c *core[T, Q, R, C]) dependentLocked(e *entry[T, Q, R, C]) bool {
	return c.lent > 0 && e.ties.lending(c)
}

// lenderLocked returns an additional seat that is to be filled, because somebody
// may wait for a task that nobody can take. If every such seat is in use it adds one.
func (c *core[T, Q, R, C]) lenderLocked() *seat[T, Q, R, C] {
	if c.extras >= c.lent || c.phase == closed {
		return nil
	}
	wanted := false
	for e := range c.waitingEntriesLocked {
		if wanted = c.dependentLocked(e); wanted {
			break
		}
	}
	if !wanted {
		return nil
	}
	c.extras++
	for _, s := range c.seats {
		if s.extra && s.vacant {
			s.vacant = false
			return s
		}
	}
	s := newSeat(c, len(c.seats))
	s.extra = true
	c.seats = append(c.seats, s)
	c.keepLocked(s)
	return nil
}

// forsake ends the tasks that only additional seats could perform, when one of
// these cannot be filled: those who wait for them must not wait for ever.
func (c *core[T, Q, R, C]) forsake(as *ganger.Error) {
	c.mu.Lock()
	var all []*entry[T, Q, R, C]
	for e := range c.waitingEntriesLocked {
		if c.dependentLocked(e) {
			all = append(all, e)
		}
	}
	c.mu.Unlock()
	for _, e := range all {
		e.cancelAs(as)
	}
}
