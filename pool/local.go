package pool

import "github.com/ganger-dev/ganger"

// unsent asks the kind what to do with a task whose request could not be made or
// encoded, and returns what performs it here; nil if it ends as it is.
func (c *core[T, Q, R, C]) unsent(e *entry[T, Q, R, C], err error) func() (R, error) {
	if c.kind.Unsent == nil || ganger.OutcomeOf(err) != ganger.Rejected || ganger.CauseOf(err) != ganger.CauseEncode {
		return nil
	}
	return c.kind.Unsent(e.Value, err)
}

// deferLocked keeps e, which no life will have, until somebody waits for it, and
// reports whether somebody does already.
func (c *core[T, Q, R, C]) deferLocked(e *entry[T, Q, R, C], local func() (R, error)) (now bool) {
	e.place, e.call, e.local = deferred, nil, local
	c.deferred.push(e)
	if e.slot != 0 || e.TotalTimeout > 0 {
		e.armLocked(e.started + e.ran)
	}
	// What follows from another has no ticket that anybody could wait for.
	// And Commit waits for every task.
	return e.heir() || c.kind.Commit != nil || c.watchers > 0 || e.ticket.awaited() || e.Group != nil && e.Group.awaited()
}

// force performs e here if it was kept for that.
func (e *entry[T, Q, R, C]) force() {
	c := e.core
	if c.kind.Unsent == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forceLocked(e)
}

// forceLocked is force. The goroutine is the pool's: Run waits for it.
func (c *core[T, Q, R, C]) forceLocked(e *entry[T, Q, R, C]) {
	if e.place != deferred {
		return
	}
	c.deferred.remove(e)
	e.place = local
	c.clock.unsetLocked(e) // nothing can end it now but itself
	c.all.Go(func() {
		r, err := e.local()
		if err != nil {
			err = failure(err)
		}
		c.mu.Lock()
		c.overLocked(e)
		c.mu.Unlock()
		c.tell(e, r, err)
	})
}

// forceAllLocked performs all that was kept.
func (c *core[T, Q, R, C]) forceAllLocked() {
	for c.deferred.len() > 0 {
		c.forceLocked(c.deferred.first)
	}
}

// failure makes err an error of the work, unless it says itself what it is.
func failure(err error) *ganger.Error {
	if own, ok := err.(*ganger.Error); ok { // not one that is wrapped: it may be of another task
		return own
	}
	return &ganger.Error{Outcome: ganger.Failed, Err: err}
}
