package pool

import (
	"github.com/ganger-dev/ganger"
)

// claimLocked gives the life the next task that it may take, nil for none.
//
// A suspect is run alone: by a life that has nothing else in hand and gets
// nothing else meanwhile. Lives with several slots might never be empty by
// chance, so the first that comes by takes nothing more until it is.
func (h *holder[T, Q, R, C]) claimLocked() *entry[T, Q, R, C] {
	c := h.core
	if h.bound.len() > 0 && h.staysLocked() && c.phase != closed && !h.alone && h.hand.len() < h.slots && !h.tellsLocked() {
		e, _ := c.popLocked(&h.bound, nil)
		return h.takeLocked(e)
	}
	if !h.roomLocked() {
		return nil
	}
	var match func(*entry[T, Q, R, C]) bool // nil: the queue need not be searched
	if h.pickyLocked() {
		match = h.mayTakeLocked
	}
	if c.suspects.len() > 0 {
		if h.hand.len() == 0 {
			if e, ok := c.popLocked(c.suspects, match); ok {
				h.alone = h.slots > 1
				return h.takeLocked(e)
			}
		} else if (c.isolator == nil || c.isolator == h) && h.mayIsolateLocked() {
			c.isolator = h
			h.unlistLocked() // or what others may take would be offered to it in vain
			return nil
		}
	}
	if c.isolator == h {
		c.isolator = nil
	}
	if h.seat.extra {
		if e := h.innerLocked(); e != nil {
			c.dequeueLocked(e)
			return h.takeLocked(e)
		}
		return nil
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
	if h.mayIsolateLocked() {
		return nil
	}
	c.isolator = nil
	return h.wake
}

// mayIsolateLocked reports whether a suspect waits that the life may have.
func (h *holder[T, Q, R, C]) mayIsolateLocked() bool {
	for e := range h.core.suspects.each {
		if h.mayTakeLocked(e) {
			return true
		}
	}
	return false
}

// roomLocked reports whether the life may be given anything now.
func (h *holder[T, Q, R, C]) roomLocked() bool {
	return h.restsLocked() && (!h.seat.extra || h.core.extraHeld < h.core.lent)
}

// restsLocked is roomLocked, whether or not a slot is lent to it.
func (h *holder[T, Q, R, C]) restsLocked() bool {
	return h.serving && h.core.phase != closed && !h.doomed && h.leaving == "" && !h.alone && h.hand.len() < h.slots && !h.spentLocked() && !h.tellsLocked()
}

// tellsLocked reports whether the end of a task is being told that has to be known
// before the life is given another: with several slots there is no such order.
func (h *holder[T, Q, R, C]) tellsLocked() bool { return h.telling > 0 && h.slots == 1 }

// spentLocked reports whether the life has been given all that it may perform.
func (h *holder[T, Q, R, C]) spentLocked() bool {
	return h.most > 0 && h.given >= h.most
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
		return c.kind.Match(h.heldLocked(), e.Value)
	}
	// Asked before the key: a task that this life would not have anyway was not
	// passed over for its key.
	return c.kind.Match(h.heldLocked(), e.Value) && h.keyLocked(e)
}

func (h *holder[T, Q, R, C]) heldLocked() Held[C] { return h.heldAs(h.warm, h.value, 0) }

func (h *holder[T, Q, R, C]) heldAs(warm bool, value C, attempt int) Held[C] {
	return Held[C]{
		Warm: warm, Value: value, Worker: h.seat.name, Seat: h.seat.index,
		Incarnation: h.incarnation, Attempt: attempt,
	}
}

// takeLocked puts e into the hand of the life.
func (h *holder[T, Q, R, C]) takeLocked(e *entry[T, Q, R, C]) *entry[T, Q, R, C] {
	c := h.core
	now := c.now()
	if c.isolator == h {
		c.isolator = nil
	}
	if e.suspect {
		signal(c.freeIsolatorLocked()) // never blocks
	}
	if e.attempts == 0 {
		e.queuedT = now - e.posted
		e.call = &e.first
	} else {
		e.call = new(call[T, Q, R, C])
	}
	e.attempts++
	e.call.entry = e
	e.place, e.asked, e.started = inHand, nil, now
	e.holder, e.warm, e.value = h, h.warm, h.value
	e.probing = !h.spoke && c.unprovenLocked()
	h.hand.push(e)
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
	if e.slot != 0 || e.ExecTimeout > 0 || e.TotalTimeout > 0 || e.probing {
		e.armLocked(now)
	}
	h.attributeLocked()
	return e
}

// dropLocked takes e out of the hand.
func (h *holder[T, Q, R, C]) dropLocked(e *entry[T, Q, R, C]) {
	h.hand.remove(e)
	h.core.held--
	if h.seat.extra {
		h.core.extraHeld--
	}
	h.core.reclaimLocked(e)
	now := h.core.now()
	e.ran = now - e.started
	if h.hand.len() == 0 {
		h.alone = false
		h.rested = now
	}
	h.attributeLocked()
}

// attributeLocked publishes whose output the life's lines are.
func (h *holder[T, Q, R, C]) attributeLocked() {
	if h.core.cfg.Line == nil {
		return
	}
	if h.hand.len() != 1 || h.slots > 1 {
		h.lines.Store(h.nobody)
		return
	}
	e := h.hand.first
	h.lines.Store(&Attribution{Worker: h.worker, Task: e.ticket.id, Attempt: int(e.attempts)})
}

// unprovenLocked reports whether nobody knows yet if the pool's workers can
// answer at all: a life of a mute wall is called ready before it said anything.
func (c *core[T, Q, R, C]) unprovenLocked() bool { return c.traits.Mute && !c.answered }

// fill gives a life without a runner all that it may have. Several goroutines
// may call it; one at a time does it, so that calls that end during their start
// make a loop and not a recursion.
func (h *holder[T, Q, R, C]) fill() {
	h.core.mu.Lock()
	h.fillLocked()
}

// fillLocked is fill; it unlocks.
func (h *holder[T, Q, R, C]) fillLocked() {
	c := h.core
	for !h.filling.CompareAndSwap(resting, filling) {
		// The other may just be resting, which takes no lock.
		if h.filling.CompareAndSwap(filling, refill) || h.filling.Load() == refill {
			c.mu.Unlock()
			return
		}
	}
	for {
		e := h.claimLocked()
		if e == nil && h.filling.CompareAndSwap(refill, filling) {
			continue
		}
		if e == nil {
			break
		}
		full := h.hand.len() >= h.slots
		after := h.claimedLocked()
		c.mu.Unlock()
		after.carry(h)
		h.perform(e)
		// With a full hand there was nothing else to do, unless a call has ended
		// since: that asks for a refill before anything else.
		if full && h.filling.CompareAndSwap(filling, resting) {
			return
		}
		c.mu.Lock()
	}
	h.filling.Store(resting)
	o := h.listLocked()
	finishing := !h.serving
	c.mu.Unlock()
	o.carry()
	if finishing {
		signal(h.wake)
	}
}

// The states of a fill. They are changed under the pool's lock but for the step
// from filling to resting.
const (
	resting uint32 = iota
	filling
	refill // filling, and to look once more
)

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

// listLocked makes the life findable for new tasks if it has room. If tasks wait
// that neither this life takes nor another, it returns a vacant seat that is to be
// filled: a life there may be one that does.
func (h *holder[T, Q, R, C]) listLocked() (o offered[T, Q, R, C]) {
	c := h.core
	if h.listed || !h.restsLocked() || c.isolator == h {
		return o
	}
	h.listed = true
	c.ready = append(c.ready, h)
	if c.vacant > 0 && c.findLocked() == nil {
		o.vacant = c.wantedLocked()
	}
	c.changedLocked()
	return o
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
	o := c.offerLocked()
	c.mu.Unlock()
	o.carry()
}

// offerLocked is offer up to what must be carried out without the lock.
func (c *core[T, Q, R, C]) offerLocked() (o offered[T, Q, R, C]) {
	if o.to = c.findLocked(); o.to != nil {
		o.to.unlistLocked()
	} else {
		o.vacant = c.wantedLocked()
	}
	return o
}

// offered is who is to look for the tasks that wait: a life, a seat that is to be
// filled, or nobody.
type offered[T, Q, R, C any] struct {
	to     *holder[T, Q, R, C]
	vacant *seat[T, Q, R, C]
}

func (o offered[T, Q, R, C]) carry() {
	switch {
	case o.vacant != nil:
		o.vacant.want()
	case o.to != nil:
		// Its own goroutine looks, not this one: the kind's Request may take its
		// time, and this may be a caller who wants to submit more.
		signal(o.to.wake)
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
		if (best == nil || h.hand.len() < best.hand.len()) && !h.busyLocked() && h.roomLocked() && c.wantsLocked(h) {
			best = h
			if h.slots == 1 {
				break
			}
		}
	}
	return best
}

// busyLocked reports whether the life is being filled: it looks again by itself, but
// not before the request is made that is made now, so that nothing else must be left
// to it.
func (h *holder[T, Q, R, C]) busyLocked() bool { return h.filling.Load() != resting }

// wantsLocked reports whether something waits that h may take.
func (c *core[T, Q, R, C]) wantsLocked(h *holder[T, Q, R, C]) bool {
	if !h.pickyLocked() {
		return true
	}
	if h.seat.extra { // no search of the queue
		return h.innerLocked() != nil || h.mayIsolateLocked()
	}
	for e := range c.waitingEntriesLocked {
		if h.mayTakeLocked(e) {
			return true
		}
	}
	return false
}
