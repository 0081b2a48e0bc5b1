package pool

import (
	"time"

	"github.com/ganger-dev/ganger"
)

// want fills the seat, whose life left for want of work, or could not be started.
func (s *seat[T, Q, R, C]) want() {
	s.keeper.Want()
	s.keeper.Nudge()
}

// wantedLocked returns a vacant seat if something waits.
func (c *core[T, Q, R, C]) wantedLocked() *seat[T, Q, R, C] {
	if c.waitingLocked() == 0 {
		return nil
	}
	if c.vacant == 0 {
		return c.lenderLocked()
	}
	for _, s := range c.seats {
		if s.vacant && !s.extra {
			s.vacant = false
			c.vacant--
			return s
		}
	}
	return nil
}

// fillLocked notes that the seat is filled, by whomever.
func (s *seat[T, Q, R, C]) fillLocked() {
	if !s.vacant {
		return
	}
	s.vacant = false
	if s.extra {
		s.core.extras++
	} else {
		s.core.vacant--
	}
}

// vacateLocked notes that the seat is left for want of work.
func (s *seat[T, Q, R, C]) vacateLocked() {
	s.vacant = true
	if s.extra {
		s.core.extras--
	} else {
		s.core.vacant++
	}
}

// patience returns how much longer the life may be without a task, if that is
// limited and it could have one.
func (h *holder[T, Q, R, C]) patience() (time.Duration, bool) {
	c, ttl := h.core, h.idleTTL()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case ttl == 0, h.spentLocked(), h.tenure.Why() != "": // it leaves when its successor is there
		return 0, false
	case h.hand.len()+h.bound.len() > 0, !h.listed, h.neededLocked(): // looks again later
		return ttl, true
	}
	return ttl - (c.now() - h.rested), true
}

// retire makes the seat vacant if the life is still idle.
func (h *holder[T, Q, R, C]) retire() bool {
	c := h.core
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case h.hand.len()+h.bound.len() > 0, !h.listed, c.now()-h.rested < h.idleTTL():
		return false
	case h.neededLocked(): // its seat would be filled again at once
		return false
	case h.tenure.Why() != "": // its successor is on its way
		return false
	}
	h.unlistLocked()
	h.leaving = ganger.LeavingIdle
	h.seat.vacateLocked()
	return true
}

// idleTTL is how long the life may be without a task; 0 for ever.
func (h *holder[T, Q, R, C]) idleTTL() time.Duration {
	if h.seat.extra {
		return lentIdle
	}
	return h.core.cfg.IdleTTL
}

// neededLocked reports whether something waits that a life of the seat might have.
func (h *holder[T, Q, R, C]) neededLocked() bool {
	if h.seat.extra {
		return h.core.lent > 0
	}
	return h.core.waitingLocked() > 0
}
