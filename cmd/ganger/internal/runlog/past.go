package runlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/ganger-dev/ganger"
)

// Fate is what the log knows of a task of the input.
type Fate struct {
	Nth          int               // which occurrence of its text it is, from 1
	Outcome      ganger.Outcome    // zero: it has none
	Why          string            // what narrows the outcome, for the summary
	Deaths       int               // of workers, since its last end
	Coordinators int               // that died when it alone had begun, since its last end
	Alone        bool              // it had begun when a coordinator died, and has not ended since
	Submitted    []json.RawMessage // tasks that came of it
}

// past is what the records of a log say. Of each text it keeps less than fifty bytes,
// whatever its length.
type past struct {
	texts   map[ID]text
	again   map[occurrence]state // from the second occurrence of a text
	why     func(*End) string
	whys    []string
	whyOf   map[string]uint16
	came    map[occurrence][]json.RawMessage // tasks that came of a task, if any did
	begun   map[occurrence]struct{}          // in the session, without an end
	session *Header                          // the newest; nil: there is none
	ended   int                              // tasks with an outcome
	records int
}

// text is what is known of a text: its first occurrence, which mostly is the
// only one, and how many the input has had so far.
type text struct {
	seen  uint32
	first state
}

// occurrence is a task.
type occurrence struct {
	id  ID
	nth uint32
}

// state is what is known of a task. There may be ten million of them.
type state struct {
	outcome      ganger.Outcome
	coordinators uint8
	alone        bool
	why          uint16 // in whys
	deaths       uint16
}

func newPast(why func(*End) string) *past {
	return &past{
		texts: make(map[ID]text), again: make(map[occurrence]state), begun: make(map[occurrence]struct{}), came: make(map[occurrence][]json.RawMessage),
		why: why, whys: []string{""}, whyOf: map[string]uint16{"": 0},
	}
}

// add takes the next record of the log.
func (p *past) add(b []byte) error {
	p.records++
	if o, outcome, ok := glance(b); ok && outcome == ganger.Done && p.session != nil {
		p.end(o, state{outcome: outcome})
		return nil
	}
	r, err := parse(b)
	switch {
	case err != nil:
		return unreadable(p.records, err)
	case p.session == nil && r.Version == 0:
		return ErrForeign
	case r.Version > 0:
		p.died()
		h := r.Header
		p.session = &h
	case r.Closed != nil:
		clear(p.begun)
	case r.Began != nil:
		p.begun[occurrence{*r.Began, uint32(r.Nth)}] = struct{}{}
	case r.Died != nil:
		p.change(occurrence{*r.Died, uint32(r.Nth)}, func(s *state) { s.deaths = uint16(min(r.Deaths, math.MaxUint16)) })
	case r.ID != nil:
		o := occurrence{*r.ID, uint32(r.Nth)}
		p.end(o, state{outcome: r.Outcome, why: p.number(p.why(r.end("")))})
		if len(r.Submitted) > 0 {
			p.came[o] = r.Submitted
		}
	}
	return nil
}

// end takes the newest end of a task.
func (p *past) end(o occurrence, is state) {
	delete(p.begun, o)
	delete(p.came, o)
	p.change(o, func(s *state) {
		if s.outcome == 0 {
			p.ended++
		}
		*s = is
	})
}

// died is told when a session is over that was not closed, or was.
func (p *past) died() {
	for o := range p.begun {
		p.change(o, func(s *state) {
			s.alone = true
			if len(p.begun) == 1 {
				s.coordinators = min(s.coordinators, math.MaxUint8-1) + 1
			}
		})
	}
	clear(p.begun)
}

// change changes what is known of a task.
func (p *past) change(o occurrence, f func(*state)) {
	if o.nth > 1 {
		s := p.again[o]
		f(&s)
		p.again[o] = s
		return
	}
	t := p.texts[o.id]
	f(&t.first)
	p.texts[o.id] = t
}

// blank reports whether nothing is known of any task.
func (p *past) blank() bool { return len(p.texts)+len(p.again)+len(p.begun) == 0 }

// number is the place of why among the few that there are. What is one too many
// has none.
func (p *past) number(why string) uint16 {
	n, ok := p.whyOf[why]
	if !ok && len(p.whys) < math.MaxUint16 {
		n = uint16(len(p.whys))
		p.whys, p.whyOf[why] = append(p.whys, why), n
	}
	return n
}

// take returns the fate of the next occurrence of a text in the input.
func (p *past) take(id ID) Fate {
	t := p.texts[id]
	t.seen++
	p.texts[id] = t
	s := t.first
	if t.seen > 1 {
		s = p.again[occurrence{id, t.seen}]
	}
	o := occurrence{id, t.seen}
	came := p.came[o]
	delete(p.came, o) // it is asked for once
	return Fate{
		Submitted: came,
		Nth:       int(t.seen), Outcome: s.outcome, Why: p.whys[s.why],
		Deaths: int(s.deaths), Coordinators: int(s.coordinators), Alone: s.alone,
	}
}

// ErrForeign is the error for a journal that is not the log of a run.
var ErrForeign = errors.New("this is not the log of a run")

// unreadable says which record cannot be read.
func unreadable(n int, err error) error {
	if errors.Is(err, ErrLater) {
		return err
	}
	return fmt.Errorf("record %d: %w", n, err)
}
