package pool

import (
	"context"
	"errors"
	"time"

	"github.com/ganger-dev/ganger/inspect"
)

// ErrUnmatched is the error in a [BlockedError] when every worker is idle and
// none takes what waits: without a change from outside nothing will ever happen.
var ErrUnmatched = errors.New("no worker takes what waits")

// listedBlockers is how many blockers a BlockedError lists: as many as a person reads.
const listedBlockers = 20

// await waits until no accepted task is left whose end was not told.
func (c *core[T, Q, R, C]) await(ctx context.Context) error {
	c.mu.Lock()
	c.watchers++
	c.forceAllLocked()
	defer func() {
		c.watchers--
		c.mu.Unlock()
	}()
	for c.open > 0 {
		if c.stuckLocked() {
			return c.blockedLocked(ErrUnmatched)
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
			c.mu.Lock()
		case <-ctx.Done():
			c.mu.Lock()
			if c.open == 0 {
				return nil
			}
			return c.blockedLocked(context.Cause(ctx))
		}
	}
	return nil
}

// stuckLocked reports whether tasks wait that nobody takes, and nothing is under
// way that could change that.
func (c *core[T, Q, R, C]) stuckLocked() bool {
	waiting := c.waitingLocked()
	if waiting == 0 || waiting+c.commits.waiting != c.open || c.findLocked() != nil {
		return false
	}
	for e := range c.waitingEntriesLocked { // one may be free soon to go where it likes
		if e.waits == passed {
			return false
		}
	}
	for _, s := range c.seats {
		if s.extra {
			continue
		}
		listed := s.hopeless
		for _, h := range s.lives {
			listed = listed || h.listed && h.restsLocked() && !h.busyLocked() // a successor of one that is spent is on its way
		}
		if !listed { // it works, or starts, or will be filled
			return false
		}
	}
	return true
}

func (c *core[T, Q, R, C]) blockedLocked(why error) error {
	b := &BlockedError{Err: why}
	n, detail := 0, ""
	if len(c.ready) > 0 && c.findLocked() == nil {
		detail = ErrUnmatched.Error()
	}
	for e := range c.entriesLocked {
		n++
		k := Blocker{Request: c.describeLocked(e)}
		if e.place == queued {
			k.Detail = detail
		} else {
			k.Worker = e.holder.worker
		}
		if len(b.Blockers) == listedBlockers {
			b.More++
			continue
		}
		b.Blockers = append(b.Blockers, k)
	}
	b.More += c.open - n // whose ends are being told right now
	return b
}

// describeLocked describes a task. It calls the kind's View, which must be as
// fast and pure as Match.
func (c *core[T, Q, R, C]) describeLocked(e *entry[T, Q, R, C]) inspect.Request {
	// Told by the clock of now, which may have been set since the pool began.
	epoch := time.Now().Add(-c.now())
	r := inspect.Request{ID: e.ticket.id, Posted: epoch.Add(e.posted), Attempt: int(e.attempts)}
	if e.place == inHand {
		r.Started = epoch.Add(e.started)
	}
	if c.kind.View != nil {
		r.View = c.kind.View(e.Value)
	}
	return r
}
