package worker

import (
	"cmp"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ganger-dev/ganger/inspect"
)

// shown is the most pending requests that a description lists.
const shown = 16

// sketch is a request as it was seen under the lock; its view is made later,
// because that runs code of the request.
type sketch struct {
	inspect.Request
	q any
}

func (c *core) sketchLocked(it *item) sketch {
	s := sketch{q: it.kind.request(it)}
	s.ID, s.Posted, s.Attempt = it.id, c.table.time(it.pushed), 1
	if it == c.current {
		s.Started = c.table.time(c.taken)
	}
	return s
}

func (s sketch) request() inspect.Request {
	s.View = view(s.q)
	return s.Request
}

// look makes the view of s, for an obituary. It reports whether that did not come
// in time: the worker ends without it, and its goroutine is left behind.
func (s *sketch) look(grace time.Duration) (late bool) {
	if _, ok := s.q.(slog.LogValuer); !ok {
		s.View = view(s.q)
		return false
	}
	s.View = fmt.Sprintf("%T", s.q)
	seen := make(chan any, 1)
	go func() { // ends with the view, or is abandoned
		defer close(seen) // with nothing in it if that ends the goroutine
		seen <- view(s.q)
	}()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case v, ok := <-seen:
		if ok {
			s.View = v
		}
		return false
	case <-timer.C:
		return true
	}
}

// lastLocked returns what is in hand, for an obituary.
func (c *core) lastLocked() *sketch {
	if c.current == nil {
		return nil
	}
	s := c.sketchLocked(c.current)
	return &s
}

// describe returns everything known of the worker.
func (c *core) describe() inspect.Worker {
	c.mu.Lock()
	t := c.table
	w := inspect.Worker{
		Group: t.name, Name: c.seat.name(), Wall: "goroutine", Incarnation: uint64(c.incarnation),
		State: c.state, Detail: c.detail, Since: t.time(c.since),
		PendingLen: c.waiting.n, Done: c.succeeded, Failed: c.failed,
	}
	if c.birth != 0 {
		w.Born = t.time(c.birth)
	}
	if c.incarnation > 1 {
		w.Restarts = uint64(c.incarnation) - 1
	}
	if g := t.group; g != nil && c.detail != "" {
		at, detail := g.waits()
		w.Detail = detail
		if time.Until(at) > 0 {
			w.Retry = &at
		}
	}
	if t.far != nil {
		w.Wall = t.far.name
	}
	l := c.remoteLocked()
	var current, waiting []sketch
	if c.current != nil {
		current = append(current, c.sketchLocked(c.current))
	}
	for it := c.waiting.first; it != nil && len(waiting) < shown; it = it.next {
		waiting = append(waiting, c.sketchLocked(it))
	}
	if x := c.x; x != nil {
		w.Last = x.last
		if at := x.retryAt; c.detail != "" && !at.IsZero() {
			w.Retry = &at
		}
		extra := map[string]any{}
		if x.blocked.n > 0 {
			extra["blocked"] = x.blocked.n
		}
		if x.abandoned > 0 {
			extra["abandoned"] = x.abandoned
		}
		if len(extra) > 0 {
			w.Extra = extra
		}
	}
	c.mu.Unlock()
	if l != nil {
		u := l.usage()
		w.PID, w.Memory = u.PID, u.Memory
	}
	for _, s := range current {
		w.Current = append(w.Current, s.request())
	}
	for _, s := range waiting {
		w.Pending = append(w.Pending, s.request())
	}
	return w
}

// obituaryLocked returns what is known of a life that ends at died.
func (c *core) obituaryLocked(e *ending, died time.Time) inspect.Obituary {
	o := inspect.Obituary{
		Worker: c.seat.name(), Incarnation: uint64(c.incarnation), Born: c.table.time(cmp.Or(c.birth, c.started)),
		Died: died, Exit: e.exit,
	}
	if e.last != nil {
		r := e.last.Request
		o.Last = &r
	}
	return o
}

// emitLocked tells the hub what happened to the present life.
func (c *core) emitLocked(name, detail string) {
	if hub := c.table.hub; hub.Watched() {
		e := inspect.Event{
			Group: c.table.name, Worker: c.seat.name(), Incarnation: uint64(c.incarnation), Name: name, Detail: detail,
		}
		if l := c.remoteLocked(); l != nil {
			e.PID = l.usage().PID
		}
		hub.Emit(e)
	}
}

// Describe returns what sort of group it is and its name.
func (t *Table[N, P, F]) Describe() (kind, name string) { return "table", t.ward.name }

// Snapshot calls yield for each worker until it returns false. Each is seen at
// one moment, and none is waited for.
func (t *Table[N, P, F]) Snapshot(yield func(inspect.Worker) bool) {
	for _, c := range t.cores() {
		if !yield(c.describe()) {
			return
		}
	}
}

// graveyard keeps the newest obituaries.
type graveyard struct {
	room int

	mu   sync.Mutex // guards ring and next
	ring []inspect.Obituary
	next int // where the oldest is, once the ring is full
}

func (g *graveyard) add(o inspect.Obituary) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.room == 0:
	case len(g.ring) < g.room:
		g.ring = append(g.ring, o)
	default:
		g.ring[g.next] = o
		g.next = (g.next + 1) % g.room
	}
}

func (g *graveyard) all() []inspect.Obituary {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append(append([]inspect.Obituary{}, g.ring[g.next:]...), g.ring[:g.next]...)
}
