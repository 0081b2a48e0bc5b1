package inspect

import (
	"context"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// backlog is how many events a reader may fall behind before the oldest are
// lost: enough for a burst of a thousand deaths with four events each.
const backlog = 4096

// Hub is where a program's groups and events are found. A nil Hub discards all
// that it is given; the zero Hub is ready. It is safe for concurrent use.
type Hub struct {
	readers atomic.Int32 // how many Events loops run, so that Emit is free when none does

	mu     sync.Mutex // guards what follows; never held across a call or a channel operation
	seq    uint64
	groups []*member
	subs   []*sub
}

type member struct{ group Group }

// sub is one reader's backlog; its fields but ready are guarded by the hub's mu.
type sub struct {
	events []Event
	lost   uint64
	ready  chan struct{} // room for one: a signal, not a queue
}

// Add makes g known to the hub's readers until remove is called. It does
// nothing on a nil hub.
func (h *Hub) Add(g Group) (remove func()) {
	if h == nil {
		return func() {}
	}
	m := &member{g}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.groups = append(h.groups, m)
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.groups = slices.DeleteFunc(slices.Clone(h.groups), func(x *member) bool { return x == m })
	}
}

// Groups yields the groups that are known now, oldest first.
func (h *Hub) Groups() iter.Seq[Group] {
	return func(yield func(Group) bool) {
		if h == nil {
			return
		}
		h.mu.Lock()
		groups := slices.Clone(h.groups)
		h.mu.Unlock()
		for _, m := range groups {
			if !yield(m.group) {
				return
			}
		}
	}
}

// Watched reports whether anybody reads events now. Emitters whose events cost
// something to make ask it first.
func (h *Hub) Watched() bool { return h != nil && h.readers.Load() > 0 }

// Emit tells e to every reader. It numbers e, and stamps it if it has no time.
// It never blocks: a reader that is more than a few thousand events behind
// loses its oldest, and they are counted.
func (h *Hub) Emit(e Event) {
	if !h.Watched() {
		return
	}
	if e.At.IsZero() {
		e.At = time.Now()
	}
	h.mu.Lock()
	h.seq++
	e.Seq = h.seq
	for _, s := range h.subs {
		if len(s.events) == backlog {
			// A quarter at once: one by one would move the whole backlog for each event.
			s.events = append(s.events[:0], s.events[backlog/4:]...)
			s.lost += backlog / 4
		}
		s.events = append(s.events, e)
		select {
		case s.ready <- struct{}{}:
		default:
		}
	}
	h.mu.Unlock()
}

// Events yields what is emitted from now on, each with the number of events
// lost so far, until ctx ends or the loop is left. The subscription begins at
// the call, not when the loop does, so nothing emitted after it is missed; the
// returned sequence can be used once, and must be.
func (h *Hub) Events(ctx context.Context) iter.Seq2[Event, uint64] {
	if h == nil {
		return func(func(Event, uint64) bool) {}
	}
	s := &sub{ready: make(chan struct{}, 1)}
	h.mu.Lock()
	h.subs = append(h.subs, s)
	h.mu.Unlock()
	h.readers.Add(1)
	return func(yield func(Event, uint64) bool) {
		defer h.unsubscribe(s)
		for {
			h.mu.Lock()
			events, lost := s.events, s.lost
			s.events = nil
			h.mu.Unlock()
			for _, e := range events {
				if !yield(e, lost) {
					return
				}
			}
			if len(events) > 0 {
				continue
			}
			select {
			case <-s.ready:
			case <-ctx.Done():
				return
			}
		}
	}
}

func (h *Hub) unsubscribe(s *sub) {
	h.mu.Lock()
	n := len(h.subs)
	h.subs = slices.DeleteFunc(slices.Clone(h.subs), func(x *sub) bool { return x == s })
	gone := n - len(h.subs)
	h.mu.Unlock()
	h.readers.Add(int32(-gone))
}
