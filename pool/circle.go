package pool

import (
	"sync"

	"github.com/ganger-dev/ganger"
)

// member is a task of a circle.
type member interface {
	cancelAs(as *ganger.Error)
	force() // somebody waits for it
}

// circle is tasks that are cancelled together. Its lock is a leaf: it may be
// taken under a pool's.
type circle struct {
	mu        sync.Mutex // guards what follows; never held across a call
	members   map[member]struct{}
	cancelled *ganger.Error
}

// join adds m and returns what it must end as at once, nil if it may run.
func (c *circle) join(m member) *ganger.Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.members == nil {
		c.members = make(map[member]struct{})
	}
	c.members[m] = struct{}{}
	return c.cancelled
}

// cancel cancels the members but one, and those that join later.
func (c *circle) cancel(as *ganger.Error, but member) {
	c.mu.Lock()
	if c.cancelled == nil {
		c.cancelled = as
	}
	c.mu.Unlock()
	for _, m := range c.others(but) {
		m.cancelAs(as)
	}
}

func (c *circle) others(but member) []member {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]member, 0, len(c.members))
	for m := range c.members {
		if m != but {
			all = append(all, m)
		}
	}
	return all
}
