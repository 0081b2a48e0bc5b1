package worker

import (
	"context"
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
	c.mergedLocked(nil)
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
	c.merged = old
	c.mu.Unlock()

	pending := old.kind.request(old)
	result := c.merge(old, pending, q)
	if result != nil && reflect.TypeOf(result) != k.t {
		if k, err = c.kindOf(reflect.TypeOf(result)); err != nil {
			c.putBack(old)
			return err
		}
	}
	stays := old.waited && result != nil && same(result, pending)
	c.mu.Lock()
	c.mergeOverLocked()
	switch {
	case c.final: // it ended in the meantime, and old with it
		return c.refuseLocked()
	case result == nil:
		wake(c.settleLocked(old, superseded(c.seat.name())))
		c.failed++ // and so does what came
	case old.at == merging && !old.waited:
		return c.overwriteLocked(old, k, result, now)
	case stays: // its caller goes on waiting for it
		c.failed++
		if old.at == merging {
			return c.addLocked(old, old.pushed, false)
		}
	default:
		wake(c.settleLocked(old, superseded(c.seat.name())))
		return c.addLocked(c.itemLocked(k, result), now, false)
	}
	c.mu.Unlock()
	return nil
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

// mergedLocked waits until nobody merges, or the worker has ended, or whoever puts
// has given up, if that can be.
func (c *core) mergedLocked(gaveUp *bool) {
	if c.merged == nil {
		return
	}
	for c.merged != nil && !c.final && (gaveUp == nil || !*gaveUp) {
		c.puts.Wait()
	}
	c.puts.Signal() // the next may look too: this put need not merge, and would not tell it
}

// mergeOverLocked lets the next put in.
func (c *core) mergeOverLocked() {
	c.merged = nil
	c.puts.Signal()
}

// putBack puts what was pending back into its box.
func (c *core) putBack(it *item) {
	c.mu.Lock()
	c.mergeOverLocked()
	if it.at != merging { // its caller gave up, or the worker ended
		c.mu.Unlock()
		return
	}
	_ = c.addLocked(it, it.pushed, false) // a box that is empty and open
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
func (c *core) replace(ctx context.Context, it *item) error {
	now := c.table.now()
	c.mu.Lock()
	if c.merged != nil && it.withdrawable {
		gaveUp := false // guarded by the worker's lock
		stop := context.AfterFunc(ctx, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			gaveUp = true
			c.puts.Broadcast()
		})
		c.mergedLocked(&gaveUp)
		stop()
		if gaveUp {
			c.mu.Unlock()
			return withdrawn(c, ctx)
		}
	}
	c.mergedLocked(nil)
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
