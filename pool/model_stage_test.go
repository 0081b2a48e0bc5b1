//go:build linux

package pool_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

type (
	modelCall     = wall.Call[string]
	modelInstance = wall.Instance[*job, string]
)

// stage is a wall whose lives do nothing by themselves, and a record of what
// happened, in order.
type stage struct {
	slots, most int
	runs        bool // its lives perform on the calling goroutine

	mu     sync.Mutex // guards what follows; never held across a call
	notes  []note
	faults int // starts to come that fail
	actors map[string]*actor
}

// note is one thing that happened, and what the model makes of it.
type note struct {
	text  string
	apply func(m *model) error
}

func (s *stage) note(apply func(m *model) error, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes = append(s.notes, note{fmt.Sprintf(format, args...), apply})
}

// take returns what happened since the last time.
func (s *stage) take() []note {
	s.mu.Lock()
	defer s.mu.Unlock()
	notes := s.notes
	s.notes = nil
	return notes
}

func (s *stage) actor(worker string) *actor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.actors[worker]
}

func (s *stage) Traits() wall.Traits { return wall.Traits{Name: "stage", CanKill: true} }

func (s *stage) Open(_ context.Context, st wall.Start) (modelInstance, error) {
	p := &puppet{stage: s, st: st, gone: make(chan struct{})}
	l := &actor{puppet: p, slots: s.slots, most: s.most, keys: make(map[string]bool)}
	if st.Incarnation == 1 { // one after the other, so that a history can be repeated
		time.Sleep(time.Duration(st.Seat) * time.Second)
	}
	s.mu.Lock()
	fails := s.faults > 0
	if fails {
		s.faults--
	} else {
		s.actors[st.Worker()] = l
	}
	s.mu.Unlock()
	if fails {
		return nil, &wall.StartError{Worker: st.Worker(), Err: errors.New("stage fright")}
	}
	s.note(func(m *model) error {
		for _, old := range m.cast {
			old.replaced = old.replaced || old.st.Seat == st.Seat
		}
		m.cast = append(m.cast, l)
		slices.SortFunc(m.cast, func(a, b *actor) int { return cmp.Compare(a.String(), b.String()) })
		return nil
	}, "%v enters", p)
	if s.runs {
		return puppetRunner{p}, nil
	}
	return p, nil
}

// puppet is a life that does what the history says. It is deaf to cancels unless
// that says otherwise, and is killed after the grace.
type puppet struct {
	stage *stage
	st    wall.Start
	gone  chan struct{}

	mu    sync.Mutex // guards what follows; never held across a call
	calls []*played
	dead  bool
	exit  ganger.Exit
}

// played is a call in the hands of a puppet.
type played struct {
	*modelCall
	j    *job
	done chan struct{}
}

func (p *puppet) String() string        { return p.st.Worker() }
func (p *puppet) ID() string            { return p.st.Worker() }
func (p *puppet) Gone() <-chan struct{} { return p.gone }
func (p *puppet) Usage() wall.Usage     { return wall.Usage{} }
func (p *puppet) Slots() int            { return p.stage.slots }

func (p *puppet) Exit() ganger.Exit {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.exit
}

func (p *puppet) Kill(why ganger.Leaving)                    { p.die(ganger.Exit{Reason: why, Asked: true}, nil) }
func (p *puppet) Stop(_ context.Context, why ganger.Leaving) { p.Kill(why) }

func (p *puppet) Start(j *job, c *modelCall) { p.begin(j, c) }

// puppetRunner performs on the calling goroutine.
type puppetRunner struct{ *puppet }

func (r puppetRunner) Run(j *job, c *modelCall) {
	if k := r.begin(j, c); k != nil {
		<-k.done
	}
}

func (p *puppet) begin(j *job, c *modelCall) *played {
	asked := c.Asked() != nil
	if asked {
		p.ends(j, yielded)
	}
	if !c.Begin() {
		if !asked {
			p.ends(j, yielded)
		}
		return nil
	}
	k := &played{c, j, make(chan struct{})}
	p.mu.Lock()
	dead := p.dead
	if !dead {
		p.calls = append(p.calls, k)
	}
	p.mu.Unlock()
	if dead {
		p.ends(j, unsent)
		c.Conclude("", wall.ErrUnsent)
		return nil
	}
	return k
}

// ends notes what a call is about to come to.
func (p *puppet) ends(j *job, how ending) {
	l := p.stage.actor(p.st.Worker())
	var follow []*job
	if how <= refused {
		follow = j.follow
	}
	p.stage.note(func(m *model) error { m.end(l, j, how, follow, j.binds); return nil }, "%v has %v, which %v", p, j, how)
}

// has reports whether the call of j is in the hands of p.
func (p *puppet) has(j *job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.calls, func(k *played) bool { return k.j == j })
}

// take takes the call of j out of the hands of p.
func (p *puppet) take(j *job) *played {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.calls, func(k *played) bool { return k.j == j })
	k := p.calls[i]
	p.calls = slices.Delete(p.calls, i, i+1)
	return k
}

func (p *puppet) Cancel(c *modelCall, as *ganger.Error) {
	if c.Ask(as) {
		c.After(p.st.Patience(), func() {
			if !c.Ended() {
				p.die(ganger.Exit{Reason: ganger.LeavingCancelled, Asked: true}, nil)
			}
		})
	}
}

// conclude ends a call as the history says.
func (k *played) conclude(p *puppet, how ending, err error) {
	p.ends(k.j, how)
	k.Conclude("", err)
	close(k.done)
}

// answer ends the call of j without a death.
func (p *puppet) answer(j *job, how ending) {
	k := p.take(j)
	switch as := k.Asked(); {
	case how == failed && as == nil:
		k.conclude(p, how, &ganger.Error{Outcome: ganger.Failed, Err: errors.New("no")})
	case how == failed, how == yielded:
		k.conclude(p, yielded, &ganger.Error{Outcome: as.Outcome, Cause: as.Cause, Err: as.Err})
	default:
		k.conclude(p, how, nil)
	}
}

// die ends the life, by itself or, if asked, for the sake of a call, and all that
// it has in hand. What it was only just given, late, has not reached it.
func (p *puppet) die(x ganger.Exit, late *job) {
	p.mu.Lock()
	if p.dead {
		p.mu.Unlock()
		return
	}
	p.dead, p.exit = true, x
	calls := p.calls
	p.calls = nil
	p.mu.Unlock()
	l := p.stage.actor(p.st.Worker())
	p.stage.note(func(*model) error { l.dead = true; return nil }, "%v is gone: %v", p, x.Reason)
	close(p.gone)
	for _, k := range calls {
		switch as := k.Asked(); {
		case as != nil && x.Asked:
			k.conclude(p, yielded, &ganger.Error{Outcome: as.Outcome, Cause: as.Cause, Exit: &x, Err: as.Err})
		case as != nil:
			k.conclude(p, died, &ganger.Error{Outcome: as.Outcome, Cause: as.Cause, Exit: &x, Err: as.Err})
		case k.j == late:
			k.conclude(p, unsent, wall.ErrUnsent)
		case x.Asked:
			k.conclude(p, neighbour, &ganger.Error{Outcome: ganger.Crashed, Cause: x.Reason.Cause(), Exit: &x, Err: wall.ErrNeighbour})
		default:
			k.conclude(p, died, &ganger.Error{Outcome: ganger.Crashed, Cause: x.Reason.Cause(), Exit: &x})
		}
	}
}
