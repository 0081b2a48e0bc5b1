package worker

import (
	"reflect"

	"github.com/ganger-dev/ganger"
)

// superseded is the end of a request in whose place a newer one has come.
func superseded(worker string) error {
	return &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseSuperseded, Worker: worker}
}

// put puts q into the box, merged with what is there.
func (c *core) put(q any) error {
	k, err := c.kindOf(reflect.TypeOf(q))
	if err != nil {
		return err
	}
	now := c.table.now()
	c.mu.Lock()
	c.mergedLocked()
	old := c.waiting.first
	switch {
	case old == nil || c.final:
		return c.addLocked(c.itemLocked(k, q), now, false)
	case c.puts == nil && !old.waited:
		return c.overwriteLocked(old, k, q, now)
	case c.puts == nil:
		c.clearLocked()
		return c.addLocked(c.itemLocked(k, q), now, false)
	}
	c.waiting.take(old)
	old.at = merging
	c.merging = true
	c.mu.Unlock()

	pending := old.kind.request(old)
	result := c.merge(old, pending, q)
	if result != nil && reflect.TypeOf(result) != k.t {
		if k, err = c.kindOf(reflect.TypeOf(result)); err != nil {
			c.putBack(old)
			return err
		}
	}
	if old.waited && result != nil && same(result, pending) {
		c.putBack(old) // its caller goes on waiting for it
		return nil
	}
	c.mu.Lock()
	c.mergeOverLocked()
	switch {
	case result != nil && !old.waited && old.at == merging && !c.final:
		return c.overwriteLocked(old, k, result, now)
	case c.final && old.at == merging: // it ended in the meantime
		wake(c.settleLocked(old, c.x.left))
	default:
		wake(c.settleLocked(old, superseded(c.seat.name())))
	}
	if result == nil {
		c.mu.Unlock()
		return nil
	}
	return c.addLocked(c.itemLocked(k, result), now, false)
}

// merge calls the user's function. If that panics, what was pending is pending
// again.
func (c *core) merge(old *item, pending, incoming any) (result any) {
	well := false
	defer func() {
		if !well {
			c.putBack(old)
		}
	}()
	result = c.table.merge(pending, incoming)
	well = true
	return result
}

// mergedLocked waits until nobody merges.
func (c *core) mergedLocked() {
	for c.merging {
		c.puts.Wait()
	}
}

// mergeOverLocked lets the next put in.
func (c *core) mergeOverLocked() {
	c.merging = false
	c.puts.Signal()
}

// putBack puts what was pending back into its box.
func (c *core) putBack(it *item) {
	c.mu.Lock()
	c.mergeOverLocked()
	switch {
	case it.at != merging: // its caller gave up
		c.mu.Unlock()
	case c.final:
		wake(c.settleLocked(it, c.x.left))
		c.mu.Unlock()
	default:
		_ = c.addLocked(it, it.pushed, false) // a box that is empty and open
	}
}

// overwriteLocked puts q into the place of what was in the box, which nobody waits
// for and which is superseded, and unlocks.
func (c *core) overwriteLocked(old *item, k *found, q any, now int64) error {
	c.failed++
	old.kind, old.what = k, q
	if old.at == merging {
		return c.addLocked(old, now, false)
	}
	c.ids++
	old.id, old.pushed = c.ids, now
	c.mu.Unlock()
	return nil
}

// replace puts it into the box in place of what is there, whose caller hears of
// it.
func (c *core) replace(it *item) error {
	now := c.table.now()
	c.mu.Lock()
	c.mergedLocked()
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
