package life

import (
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/wall"
)

// worker returns the name of one life for people and errors.
func (s *seat[L]) worker(incarnation uint64) string {
	return wall.Start{Name: s.k.Name, Incarnation: incarnation}.Worker()
}

// move changes the state of a life, once, and tells it.
func (s *seat[L]) move(t *Tenure[L], to ganger.State, detail string) {
	if t.state.To(to) {
		t.state = to
		s.emit(to, t.Incarnation, t.pid, detail)
	}
}

func (s *seat[L]) emit(state ganger.State, incarnation uint64, pid int, detail string) {
	s.k.Hub.Emit(inspect.Event{
		Group: s.k.Group, Worker: s.k.Name, Incarnation: incarnation, PID: pid,
		Name: inspect.StateEvent(state), Detail: detail,
	})
}

// publish shows the seat to [Keeper.View].
func (s *seat[L]) publish() {
	v := view[L]{worker: s.describe()}
	if t := s.shown(); t != nil {
		v.life, v.alive = t.Life, t.died.IsZero()
	}
	k := s.k
	k.mu.Lock()
	defer k.mu.Unlock()
	if was := k.view.worker; was.State == v.worker.State && was.Incarnation == v.worker.Incarnation {
		v.worker.Since = was.Since
	}
	if k.number > 0 {
		v.worker.Restarts = k.number - 1
	}
	k.view = v
}

// shown is the life that stands for the seat: the newest that there is, nil if
// the one that stands for it is still to come.
func (s *seat[L]) shown() *Tenure[L] {
	if s.cur != nil {
		return s.cur
	}
	if s.opening == 0 && s.rest == none || s.rest == ended {
		return s.old
	}
	return nil
}

// describe is the seat as a worker is described.
func (s *seat[L]) describe() inspect.Worker {
	w := inspect.Worker{State: ganger.Dead, Detail: string(s.rest), Since: time.Now(), Last: s.last}
	if s.last != nil {
		w.Incarnation = s.last.Incarnation
	}
	if !s.until.IsZero() {
		w.Retry = new(s.until)
	}
	t := s.shown()
	switch {
	case t != nil && t.died.IsZero():
		w.State, w.Detail, w.Incarnation, w.Born = t.state, "", t.Incarnation, t.born
		switch {
		case t.state == ganger.Stopping && t.said == "":
			w.Detail = "draining"
		case t.state == ganger.Stopping:
			w.Detail = string(t.said)
		case s.opening != 0:
			w.Detail = string(t.Why()) + ", replacement starting"
		}
	case t != nil: // dead, and its serve still collects what it had
		w.Incarnation, w.Born, w.Detail = t.Incarnation, t.born, ""
	case s.opening != 0:
		w.State, w.Detail, w.Incarnation = ganger.Starting, "handshake", s.opening
	}
	return w
}

// settle forgets a want: a life is there.
func (k *Keeper[L]) settle() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.wanted = false
}
