package worker

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/life"
)

// errGroup is why a life ends for another's sake.
var errGroup = errors.New("another worker of its table crashed")

// group keeps the workers of a table that live and die together. The policy
// decides for all of them with one past. A goroutine that exists only while
// there is something to do waits until the one that crashed is down, ends those
// who go along with it, the last launched first and each when the one after it
// is down, waits for the delay, and launches them all in the order of their first
// launch, each when the one before is ready. Whatever happens meanwhile makes it
// look again at what is to be done.
//
// A worker whose first launch goes on is not ended: somebody waits for it, and
// its Launch may wait for one that is down. It is ended and launched again when
// it is ready.
type group struct {
	ward *ward
	rest bool          // only those launched after it go along
	wake chan struct{} // a signal, not a queue

	mu      sync.Mutex // guards what follows, and core.owed; taken after a worker's lock
	members []*core    // in the order of their launch
	past    life.Past
	fallen  []*core         // have crashed, and may not be down yet
	doomed  map[*core]error // to be ended for good, with why
	due     time.Time       // when the owed are launched, at the earliest
	open    bool            // and the circuit is open until then
	news    bool            // owed or doomed have grown
	at      bool            // the goroutine is there
}

func newGroup(w *ward, rest bool) *group {
	return &group{ward: w, rest: rest, wake: make(chan struct{}, 1), doomed: map[*core]error{}}
}

func (g *group) add(c *core) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.members = append(g.members, c)
}

func (g *group) remove(c *core) {
	g.mu.Lock()
	g.members = slices.DeleteFunc(g.members, func(m *core) bool { return m == c })
	delete(g.doomed, c)
	g.news = g.news || c.owed
	c.owed = false
	g.mu.Unlock()
	g.changed()
}

// changed makes the goroutine look again.
func (g *group) changed() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// decide says what follows the end of the present life of c, which is its own
// fault, and has it done. A life that was to end for another's sake anyway does
// not count against the group, nor does one of a worker that is to end for good.
func (g *group) decide(c *core, end life.End, crash error) life.Verdict {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, doomed := g.doomed[c]; doomed {
		return life.Verdict{}
	}
	if c.owed {
		return life.Verdict{Again: true}
	}
	past, v := g.ward.policy.Next(g.past, end, g.ward.jitter())
	g.past = past
	if !v.Again {
		return v
	}
	for _, m := range g.alongLocked(c) {
		if v.Open && v.After <= 0 {
			g.doomLocked(m, crash)
		} else if _, doomed := g.doomed[m]; !doomed {
			m.owed = true
		}
	}
	if due := time.Now().Add(v.After); due.After(g.due) {
		g.due, g.open = due, v.Open
	}
	g.fallen = append(g.fallen, c)
	g.actLocked()
	return v
}

// alongLocked returns those that end with c, itself included, in the order of
// their launch.
func (g *group) alongLocked(c *core) []*core {
	if !g.rest {
		return g.members
	}
	return g.members[max(slices.Index(g.members, c), 0):]
}

func (g *group) doomLocked(m *core, why error) {
	m.owed = false
	if _, doomed := g.doomed[m]; !doomed {
		g.doomed[m] = why
	}
}

// close ends everybody for good.
func (g *group) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.members) == 0 {
		return // another Close may be waiting for the table's last goroutine
	}
	for _, m := range g.members {
		g.doomLocked(m, nil)
	}
	g.actLocked()
}

// waits tells when those that are down are launched again, and what for they
// wait.
func (g *group) waits() (until time.Time, detail string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open {
		return g.due, circuitOpen
	}
	return g.due, backOff
}

// actLocked has the goroutine look at what has become due.
func (g *group) actLocked() {
	g.news = true
	g.changed()
	if !g.at {
		g.at = true
		g.ward.all.Go(g.run)
	}
}

// round is what the goroutine still has to do, in the order of launch.
type round struct {
	fallen []*core // to be waited for, before anything else
	down   []*core // to be ended, the last of them next
	up     []*core // to be launched again after that, the first of them next
	late   []*core // to be both once their first launch is over
	at     *core   // is being launched
}

// run ends and launches until everybody lives or has ended for good.
func (g *group) run() {
	var r round
	for g.renew(&r) {
		switch {
		case len(r.fallen) > 0:
			if !r.fallen[0].isDown() {
				<-g.wake
			} else {
				r.fallen = r.fallen[1:]
			}
		case len(r.down) > 0:
			if !g.lower(&r) {
				<-g.wake
			}
		case r.at != nil && r.at.beginning():
			<-g.wake
		case len(r.up) > 0:
			if until, _ := g.waits(); !g.sleep(until) {
				g.raise(&r)
			}
		case r.at != nil:
			r.at = nil
		default: // late ones only
			<-g.wake
		}
	}
}

// renew brings r up to date, and reports whether anything is left to do.
func (g *group) renew(r *round) bool {
	n := len(r.late)
	r.late = slices.DeleteFunc(r.late, func(m *core) bool { return !m.isNew() })
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.news || len(r.late) < n {
		g.news = false
		r.fallen, g.fallen = append(r.fallen, g.fallen...), nil
		r.down, r.up, r.late = nil, nil, nil
		for _, m := range g.members {
			if _, doomed := g.doomed[m]; doomed || m.owed {
				r.down = append(r.down, m)
			}
			if m.owed {
				r.up = append(r.up, m)
			}
		}
	}
	g.at = len(r.fallen) > 0 || len(r.down) > 0 || len(r.up) > 0 || len(r.late) > 0 || r.at != nil
	return g.at
}

// lower ends the last of those that are to be ended. It reports whether the next
// one may be looked at.
func (g *group) lower(r *round) bool {
	last := len(r.down) - 1
	m := r.down[last]
	g.mu.Lock()
	why, doomed := g.doomed[m]
	g.mu.Unlock()
	switch {
	case doomed:
		if m.stop(why); !m.isDown() {
			return false
		}
	case m.isDown():
	case m.isNew():
		r.late = append(r.late, m)
		r.up = slices.DeleteFunc(r.up, func(u *core) bool { return u == m })
	default:
		m.suspend()
		return false
	}
	r.down = r.down[:last]
	return true
}

// sleep waits until that time or until something has changed, and reports
// whether there was anything to wait for.
func (g *group) sleep(until time.Time) bool {
	left := time.Until(until)
	if left <= 0 {
		return false
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-g.wake:
	case <-timer.C:
	}
	return true
}

// raise launches the first of those that are owed a launch.
func (g *group) raise(r *round) {
	m := r.up[0]
	r.up = r.up[1:]
	g.mu.Lock()
	owed := m.owed
	m.owed = false // from here on an end of its life is its own
	g.mu.Unlock()
	if !owed {
		return
	}
	if goOn, ok := m.begin(); ok {
		r.at = m
		go goOn() // ends with the life
	}
}

// suspend ends the present life, which the group will have followed by another.
func (c *core) suspend() {
	c.mu.Lock()
	if c.final || c.ending != nil || c.state == ganger.Dead {
		c.mu.Unlock()
		return
	}
	c.passOnLocked(errGroup)
	alone := c.endLocked(&ending{
		why: errGroup, said: errGroup.Error(), cause: ganger.CauseHolder, group: true,
		exit: ganger.Exit{Reason: ganger.LeavingStopped, Asked: true},
	})
	turn := c.turn
	c.mu.Unlock()
	if alone {
		go c.conclude(turn) // ends with the life
	}
}

// isNew reports whether the worker's first launch goes on.
func (c *core) isNew() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.first != nil
}

// isDown reports whether the worker has no life.
func (c *core) isDown() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == ganger.Dead && c.ending == nil
}

// beginning reports whether a launch goes on.
func (c *core) beginning() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == ganger.Starting
}
