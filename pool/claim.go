package pool

import (
	"time"

	"github.com/ganger-dev/ganger"
)

// claimLocked gives the life the next task that it may take, nil for none.
//
// A suspect is run alone: by a life that has nothing else in hand and gets
// nothing else meanwhile. Lives with several slots might never be empty by
// chance, so the first that comes by takes nothing more until it is.
func (h *holder[T, Q, R, C]) claimLocked() *entry[T, Q, R, C] {
	c := h.core
	if h.bound.len() > 0 && h.staysLocked() && c.phase != closed && !h.alone && len(h.hand) < h.slots {
		e, _ := c.popLocked(&h.bound, nil)
		return h.takeLocked(e)
	}
	if !h.roomLocked() {
		return nil
	}
	match := h.mayTakeLocked
	if !h.pickyLocked() {
		match = nil // the queue need not be searched
	}
	if c.suspects.len() > 0 {
		if len(h.hand) == 0 {
			if e, ok := c.popLocked(c.suspects, match); ok {
				h.alone = h.slots > 1
				return h.takeLocked(e)
			}
		} else if c.isolator == nil || c.isolator == h {
			for e := range c.suspects.each {
				if h.mayTakeLocked(e) {
					c.isolator = h
					return nil
				}
			}
		}
	}
	if c.isolator == h {
		c.isolator = nil
	}
	if e, ok := c.popLocked(c.queue, match); ok {
		return h.takeLocked(e)
	}
	return nil
}

// freeIsolatorLocked lets the life that isolates itself take part again if no
// suspect is left for it, and returns where to tell it.
func (c *core[T, Q, R, C]) freeIsolatorLocked() (wake chan struct{}) {
	h := c.isolator
	if h == nil {
		return nil
	}
	for e := range c.suspects.each {
		if h.mayTakeLocked(e) {
			return nil
		}
	}
	c.isolator = nil
	return h.wake
}

// roomLocked reports whether the life may be given anything now.
func (h *holder[T, Q, R, C]) roomLocked() bool {
	return h.restsLocked() && (!h.seat.extra || h.core.extraHeld < h.core.lent)
}

// restsLocked is roomLocked, whether or not a slot is lent to it.
func (h *holder[T, Q, R, C]) restsLocked() bool {
	return h.serving && h.core.phase != closed && !h.doomed && h.leaving == "" && !h.alone && len(h.hand) < h.slots && !h.spentLocked()
}

// spentLocked reports whether the life has been given all that it may perform.
func (h *holder[T, Q, R, C]) spentLocked() bool {
	return h.core.cfg.MaxTasks > 0 && h.given >= h.core.cfg.MaxTasks
}

// pickyLocked reports whether there may be a task that the life may not take.
func (h *holder[T, Q, R, C]) pickyLocked() bool {
	return h.core.kind.Match != nil || h.core.warm.waiting > 0 || h.seat.extra
}

// mayTakeLocked reports whether the life may have e. The kind is asked last, and
// only about what nothing else keeps from the life.
func (h *holder[T, Q, R, C]) mayTakeLocked(e *entry[T, Q, R, C]) bool {
	c := h.core
	switch {
	case h.seat.extra && !c.dependentLocked(e):
		return false
	case c.kind.Match == nil:
		return h.keyLocked(e)
	case e.Key == "":
		return c.kind.Match(h.heldLocked(0), e.Value)
	}
	// Asked before the key: a task that this life would not have anyway was not
	// passed over for its key.
	return c.kind.Match(h.heldLocked(0), e.Value) && h.keyLocked(e)
}

func (h *holder[T, Q, R, C]) heldLocked(attempt int) Held[C] {
	return Held[C]{
		Warm: h.warm, Value: h.value, Worker: h.seat.name, Seat: h.seat.index,
		Incarnation: h.incarnation, Attempt: attempt,
	}
}

// takeLocked puts e into the hand of the life.
func (h *holder[T, Q, R, C]) takeLocked(e *entry[T, Q, R, C]) *entry[T, Q, R, C] {
	c, now := h.core, time.Now()
	if c.isolator == h {
		c.isolator = nil
	}
	if e.suspect {
		signal(c.freeIsolatorLocked()) // never blocks
	}
	if e.attempts == 0 {
		e.queuedT = now.Sub(e.posted)
		e.call = &e.first
	} else {
		e.call = new(call[T, Q, R, C])
	}
	e.attempts++
	e.call.entry, e.call.holder = e, h
	e.place, e.asked, e.started = inHand, nil, now
	e.holder, e.held = h, h.heldLocked(e.attempts)
	e.probing = !h.spoke && c.unprovenLocked()
	h.hand = append(h.hand, e)
	h.given++
	c.held++
	if h.seat.extra {
		c.extraHeld++
	}
	if e.Key != "" {
		if c.warm.takeLocked(h, e.Key) {
			h.seat.keyHits++
		} else {
			h.seat.keyMisses++
		}
	}
	if e.timer != nil || e.ExecTimeout > 0 || e.probing {
		e.armLocked(now)
	}
	h.attributeLocked()
	return e
}

// dropLocked takes e out of the hand.
func (h *holder[T, Q, R, C]) dropLocked(e *entry[T, Q, R, C]) {
	for i, x := range h.hand {
		if x == e {
			last := len(h.hand) - 1
			h.hand[i], h.hand[last] = h.hand[last], nil
			h.hand = h.hand[:last]
			break
		}
	}
	h.core.held--
	if h.seat.extra {
		h.core.extraHeld--
	}
	h.core.reclaimLocked(e)
	e.ran = time.Since(e.started)
	if len(h.hand) == 0 {
		h.alone = false
		h.rested = e.started.Add(e.ran)
	}
	h.attributeLocked()
}

// attributeLocked publishes whose output the life's lines are.
func (h *holder[T, Q, R, C]) attributeLocked() {
	if h.core.cfg.Line == nil {
		return
	}
	a := Attribution{Worker: h.worker}
	if len(h.hand) == 1 && h.slots == 1 {
		a.Task, a.Attempt = h.hand[0].id, h.hand[0].attempts
	}
	h.lines.Store(&a)
}

// unprovenLocked reports whether nobody knows yet if the pool's workers can
// answer at all: a life of a mute wall is called ready before it said anything.
func (c *core[T, Q, R, C]) unprovenLocked() bool { return c.traits.Mute && !c.answered }

// fill gives a life without a runner all that it may have. Several goroutines
// may call it; one at a time does it, so that calls that end during their start
// make a loop and not a recursion.
func (h *holder[T, Q, R, C]) fill() {
	c := h.core
	c.mu.Lock()
	if h.filling {
		h.refill = true
		c.mu.Unlock()
		return
	}
	h.filling = true
	for {
		e := h.claimLocked()
		if e == nil && h.refill {
			h.refill = false
			continue
		}
		if e == nil {
			break
		}
		after := h.claimedLocked()
		c.mu.Unlock()
		after.carry(h)
		h.perform(e)
		c.mu.Lock()
	}
	h.filling = false
	h.listLocked()
	finishing := !h.serving
	c.mu.Unlock()
	if finishing {
		signal(h.wake)
	}
}

// claimed is what a claim leads to beside the task's own start.
type claimed struct {
	room  chan struct{} // who waited for room in the queue
	spent bool          // the life was given the last task that it may perform
	more  bool          // there is work for others
}

func (h *holder[T, Q, R, C]) claimedLocked() claimed {
	c := h.core
	return claimed{
		room:  c.roomLocked(),
		spent: h.spentLocked(),
		more:  c.waitingLocked() > 0 && (len(c.ready) > 0 || c.vacant > 0 || c.lent > 0),
	}
}

func (a claimed) carry(h interface {
	recycle(ganger.Leaving)
	offer()
},
) {
	signal(a.room)
	if a.spent {
		h.recycle(ganger.LeavingMaxTasks) // now, so that the next is ready when this one leaves
	}
	if a.more {
		h.offer()
	}
}

func (h *holder[T, Q, R, C]) offer() { h.core.offer() }

// listLocked makes the life findable for new tasks if it has room.
func (h *holder[T, Q, R, C]) listLocked() {
	c := h.core
	if !h.listed && h.restsLocked() && c.isolator != h {
		h.listed = true
		c.ready = append(c.ready, h)
		c.changedLocked()
	}
}

func (h *holder[T, Q, R, C]) unlistLocked() {
	if !h.listed {
		return
	}
	h.listed = false
	c := h.core
	for i, x := range c.ready {
		if x == h {
			c.ready = append(c.ready[:i], c.ready[i+1:]...)
			return
		}
	}
}

// offer makes one life with room look for the tasks that wait; what it claims
// makes it offer the rest. If there is none, a vacant seat is filled.
func (c *core[T, Q, R, C]) offer() {
	c.mu.Lock()
	h := c.findLocked()
	var s *seat[T, Q, R, C]
	if h != nil {
		h.unlistLocked()
	} else {
		s = c.wantedLocked()
	}
	c.mu.Unlock()
	switch {
	case s != nil:
		s.want()
	case h != nil:
		// Its own goroutine looks, not this one: the kind's Request may take its
		// time, and this may be a caller who wants to submit more.
		signal(h.wake)
	}
}

// findLocked returns a listed life that may take something that waits: the one
// with least in hand, and among those the one that came to rest last, which is
// the warmest and leaves the others their idle time.
func (c *core[T, Q, R, C]) findLocked() *holder[T, Q, R, C] {
	if c.waitingLocked() == 0 {
		return nil
	}
	var best *holder[T, Q, R, C]
	for i := len(c.ready) - 1; i >= 0; i-- {
		h := c.ready[i]
		if (best == nil || len(h.hand) < len(best.hand)) && h.roomLocked() && c.wantsLocked(h) {
			best = h
			if h.slots == 1 {
				break
			}
		}
	}
	return best
}

// wantsLocked reports whether something waits that h may take.
func (c *core[T, Q, R, C]) wantsLocked(h *holder[T, Q, R, C]) bool {
	if !h.pickyLocked() {
		return true
	}
	for e := range c.waitingEntriesLocked {
		if h.mayTakeLocked(e) {
			return true
		}
	}
	return false
}
