package pool

import "time"

// rank says where a waiting task stands in the order.
type rank struct {
	turn uint64 // it was put behind all that waited when the pool counted so many
	// due is when it was accepted, counted from the pool's beginning, brought
	// forward by its priority. As every waiting task gains priority at the same
	// rate, two of them never change their order, and neither need be looked at
	// again: what comes first is settled when a task is accepted.
	due time.Duration
}

// agingCap bounds how far a priority brings a task forward, so that nothing
// overflows: a hundred years.
const agingCap = 100 * 365 * 24 * time.Hour

// rankLocked gives e, which was just accepted, its place in the order.
func (c *core[T, Q, R, C]) rankLocked(e *entry[T, Q, R, C]) {
	e.rank = rank{turn: c.turn, due: e.posted}
	if e.Priority == 0 {
		return
	}
	if _, sorted := c.queue.(*tree[*entry[T, Q, R, C]]); !sorted {
		c.sortLocked()
	}
	lift := float64(e.Priority) * float64(max(c.cfg.Aging, 0))
	e.rank.due -= time.Duration(min(max(lift, -float64(agingCap)), float64(agingCap)))
}

// before is the order in which waiting tasks are offered. It is total.
func (c *core[T, Q, R, C]) before(a, b *entry[T, Q, R, C]) bool {
	if a.rank.turn != b.rank.turn {
		return a.rank.turn < b.rank.turn
	}
	if c.order != nil {
		if n := c.order(a.Value, b.Value); n != 0 {
			return n < 0
		}
	}
	if c.cfg.Aging < 0 && a.Priority != b.Priority {
		return a.Priority > b.Priority
	}
	if a.rank.due != b.rank.due {
		return a.rank.due < b.rank.due
	}
	return a.ticket.id < b.ticket.id
}

// sortLocked makes the queue one for any order, and sorts what waits.
func (c *core[T, Q, R, C]) sortLocked() {
	sorted := &tree[*entry[T, Q, R, C]]{before: c.before}
	for e, ok := c.queue.pop(nil); ok; e, ok = c.queue.pop(nil) {
		sorted.push(e)
	}
	c.queue = sorted
}

// setOrder replaces the order, also of what waits.
func (c *core[T, Q, R, C]) setOrder(order func(a, b T) int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order = order
	c.sortLocked()
}
