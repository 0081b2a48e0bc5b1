package worker

import (
	"reflect"
	"sync"

	"github.com/ganger-dev/ganger"
)

// superseded is the end of a request in whose place a newer one has come.
func superseded(worker string) error {
	return &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseSuperseded, Worker: worker}
}

// putting returns the lock that puts one request at a time into a box that
// merges: merge runs without the worker's lock, and what a later put brings must
// not be merged before an earlier one's.
func (c *core) putting() *sync.Mutex {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.extraLocked()
	if x.putting == nil {
		x.putting = &sync.Mutex{}
	}
	return x.putting
}

// put puts q into the box, merged with what is there.
func (c *core) put(q any) error {
	k, err := c.kindOf(reflect.TypeOf(q))
	if err != nil {
		return err
	}
	if c.table.merge == nil {
		return c.place(k, q)
	}
	m := c.putting()
	m.Lock()
	defer m.Unlock()
	c.mu.Lock()
	old := c.waiting.pop()
	if old == nil || c.final {
		c.mu.Unlock()
		return c.place(k, q)
	}
	old.at = merging
	c.mu.Unlock()

	merged := false
	defer func() {
		if !merged {
			c.putBack(old)
		}
	}()
	waited := old.kind.request(old)
	result := c.table.merge(waited, q)
	if result != nil {
		if k, err = c.kindOf(reflect.TypeOf(result)); err != nil {
			return err
		}
	}
	merged = true
	if old.waited && result != nil && same(result, waited) {
		c.putBack(old) // its caller goes on waiting for it
		return nil
	}
	c.mu.Lock()
	if c.final && old.at == merging { // stopped in the meantime
		wake(c.settleLocked(old, c.unwantedForGoodLocked()))
	} else {
		wake(c.settleLocked(old, superseded(c.seat.name())))
	}
	c.mu.Unlock()
	if result == nil {
		return nil
	}
	return c.place(k, result)
}

// putBack puts what was pending back into its box.
func (c *core) putBack(it *item) {
	c.mu.Lock()
	switch {
	case it.at != merging: // its caller gave up
		c.mu.Unlock()
	case c.final:
		wake(c.settleLocked(it, c.unwantedForGoodLocked()))
		c.mu.Unlock()
	default:
		_ = c.addLocked(it, it.pushed, false) // a box that is empty and open
	}
}

// place puts q, which nobody waits for, into the box in place of what is there.
func (c *core) place(k *found, q any) error {
	now := c.table.now()
	c.mu.Lock()
	if old := c.waiting.first; old != nil && !old.waited && !c.final {
		c.failed++ // what was there is superseded, and its place is used again
		c.ids++
		old.kind, old.what, old.id, old.pushed = k, q, c.ids, now
		c.mu.Unlock()
		return nil
	}
	c.clearLocked()
	return c.addLocked(c.itemLocked(k, q), now, false)
}

// replace puts it into the box in place of what is there.
func (c *core) replace(it *item) error {
	now := c.table.now()
	c.mu.Lock()
	c.clearLocked()
	return c.addLocked(it, now, false)
}

// clearLocked empties the box for something newer.
func (c *core) clearLocked() {
	if old := c.waiting.first; old != nil && !c.final {
		c.waiting.take(old)
		wake(c.settleLocked(old, superseded(c.seat.name())))
	}
}

// same reports whether a and b are the same request, as far as can be told: of
// types that cannot be compared it never is.
func same(a, b any) bool {
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	return va.Type() == vb.Type() && va.Comparable() && vb.Comparable() && a == b
}
