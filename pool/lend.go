package pool

import (
	"time"

	"github.com/ganger-dev/ganger"
)

// A worker that asks for other tasks and waits for them holds a slot that does
// nothing. So that depth never locks the pool up, the slot is lent: an additional
// seat, which takes nothing but what somebody may wait for, performs as many
// tasks as slots are lent. It stays for a while, for the next time.

const (
	// lentIdle is how long the life of an additional seat may be without a task.
	lentIdle = 10 * time.Second
	// lentRetry is how long none is started after one could not be.
	lentRetry = 10 * time.Second
)

// tiesLocked returns the ties of e, which are made if it has none.
func (e *entry[T, Q, R, C]) tiesLocked() *ties {
	if e.ties == nil {
		e.ties = &ties{task: e, core: e.core}
	}
	return e.ties
}

// adopt is for [elder].
func (e *entry[T, Q, R, C]) adopt(m elder, attempt any) *ganger.Error {
	e.core.mu.Lock()
	defer e.core.mu.Unlock()
	as := e.ties.kin.join(m)
	switch {
	case as != nil:
		return as
	case any(e.call) == attempt && e.place == inHand && e.asked == nil:
		return nil
	case e.asked != nil && e.asked.Outcome == ganger.Cancelled:
		return e.asked
	}
	return &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseGroup, Err: errElder}
}

// heir is for [elder].
func (e *entry[T, Q, R, C]) heir() bool { return e.ties != nil && e.ties.heir }

// lend is for [elder].
func (e *entry[T, Q, R, C]) lend(attempt any) (reclaim func()) {
	c := e.core
	c.mu.Lock()
	t := e.ties
	if any(e.call) != attempt || e.place != inHand {
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
		if any(e.call) == attempt && e.place == inHand {
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

// innerLocked returns the first of the tasks that somebody who lends a slot may
// wait for, of those that the additional life may take and that need not run alone;
// nil for none.
func (h *holder[T, Q, R, C]) innerLocked() *entry[T, Q, R, C] {
	c := h.core
	var first *entry[T, Q, R, C]
	for e := range c.inner {
		if !e.suspect && (first == nil || c.before(e, first)) && h.mayTakeLocked(e) {
			first = e
		}
	}
	return first
}

// lenderLocked returns an additional seat that is to be filled, because somebody
// may wait for a task that nobody can take. If every such seat is in use it adds
// one. Where one has just given up, none is tried for a while.
func (c *core[T, Q, R, C]) lenderLocked() *seat[T, Q, R, C] {
	if c.extras >= c.lent || c.phase == closed || !c.wantLenderLocked() {
		return nil
	}
	var free *seat[T, Q, R, C]
	for _, s := range c.seats {
		switch {
		case !s.extra || !s.vacant:
		case s.hopeless && c.now()-s.gaveUp < lentRetry:
			if !c.hopeLocked() {
				c.all.Go(c.forsake)
			}
			return nil
		default:
			free = s
		}
	}
	c.extras++
	if free == nil {
		free = newSeat(c, len(c.seats))
		free.extra, free.over = true, true
		c.seats = append(c.seats, free)
	}
	free.vacant = false
	if free.over {
		free.over, free.served = false, false
		c.keepLocked(free)
		return nil
	}
	return free
}

// wantLenderLocked reports whether a task waits that somebody who lends a slot may
// wait for.
func (c *core[T, Q, R, C]) wantLenderLocked() bool {
	for e := range c.inner {
		if c.dependentLocked(e) {
			return true
		}
	}
	return false
}

// hopeLocked reports whether some life may still come to what those wait for who
// lend their slots: one that has a slot that is not lent, or is yet to come.
func (c *core[T, Q, R, C]) hopeLocked() bool {
	for _, s := range c.seats {
		if len(s.lives) == 0 && !s.hopeless && (!s.extra || !s.vacant) {
			return true
		}
		for _, h := range s.lives {
			lent := 0
			for e := range h.hand.each {
				if e.ties != nil && e.ties.lent.Load() {
					lent++
				}
			}
			if lent < h.slots {
				return true
			}
		}
	}
	return false
}

// forsake ends the tasks that only additional seats could perform, when these
// cannot be filled: those who wait for them must not wait for ever.
func (c *core[T, Q, R, C]) forsake() {
	c.mu.Lock()
	var err error
	for _, s := range c.seats {
		if s.extra && s.hopeless {
			err = s.failure
		}
	}
	var all []*entry[T, Q, R, C]
	if err != nil && !c.hopeLocked() {
		for e := range c.inner {
			if c.dependentLocked(e) {
				all = append(all, e)
			}
		}
	}
	for _, e := range all {
		c.dequeueLocked(e)
		c.overLocked(e)
	}
	next, free := c.roomLocked(), c.freeIsolatorLocked()
	c.mu.Unlock()
	signal(next)
	signal(free)
	as := &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseStart, Err: err}
	for _, e := range all {
		var none R
		c.tell(e, none, as)
	}
}
