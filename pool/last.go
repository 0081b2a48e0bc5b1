package pool

import (
	"cmp"

	"github.com/ganger-dev/ganger"
)

// LastAttempts says that no task is tried again. One whose attempt comes to nothing
// from now on ends as that attempt did, one that waits for another attempt as the
// last did, if that counted against it: a failure, a time-out, a death of its own.
// Else nothing can be said of it, and it ends Cancelled (task); cause is then found
// in its error by errors.Is. Tasks that were never tried are performed, once. It may
// be called again, and does not wait.
func (p *Pool[T, R]) LastAttempts(cause error) { p.core.lastAttempts(cause) }

func (c *core[T, Q, R, C]) lastAttempts(cause error) {
	as := &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseTask, Err: cause}
	c.mu.Lock()
	c.final = as
	var tried []*entry[T, Q, R, C]
	for _, q := range append(c.boundLocked(), c.suspects, c.queue) {
		for e := range q.each {
			if e.attempts > 0 {
				tried = append(tried, e)
			}
		}
	}
	for _, e := range tried {
		c.dequeueLocked(e)
		c.overLocked(e)
	}
	free := c.freeIsolatorLocked()
	c.mu.Unlock()
	signal(free)
	for _, e := range tried {
		var none R
		c.tell(e, none, cmp.Or(e.tried, as))
	}
}

// retry is an attempt that came to nothing and is followed by another.
type retry[T, Q, R, C any] struct {
	e       *entry[T, Q, R, C]
	attempt int
	err     error
}
