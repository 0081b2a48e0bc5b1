package worker

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/life"
)

// errGroup is why a life ends for another's sake.
var errGroup = errors.New("another worker of its table crashed")

// group keeps the workers of a table that live and die together. The policy
// decides for all of them with one past; a goroutine that exists only while
// somebody is down ends those who go along, waits for the delay, and has all of
// them launched again in the order of their first launch, each when the one
// before is ready.
type group struct {
	ward *ward
	rest bool // only those launched after it go along

	mu      sync.Mutex // guards what follows; taken after a worker's lock
	members []*core    // in the order of their launch
	past    life.Past
	fallen  []*core // crashed, and nobody has looked yet
	after   time.Duration
	at      bool // the goroutine is there
	wake    chan struct{}
}

func (g *group) add(c *core) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.wake == nil {
		g.wake = make(chan struct{}, 1) // a signal, not a queue
	}
	g.members = append(g.members, c)
}

func (g *group) remove(c *core) {
	g.mu.Lock()
	g.members = slices.DeleteFunc(g.members, func(m *core) bool { return m == c })
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

// decide asks the policy what follows an end of a member.
func (g *group) decide(end life.End) (v life.Verdict) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.past, v = g.ward.policy.Next(g.past, end, rand.Float64())
	return v
}

// strike says that c has crashed and that the group lives again after a delay.
func (g *group) strike(c *core, after time.Duration) {
	g.mu.Lock()
	g.fallen = append(g.fallen, c)
	g.after = max(g.after, after)
	start := !g.at
	g.at = true
	g.mu.Unlock()
	g.changed()
	if start {
		g.ward.all.Go(g.run)
	}
}

// alongLocked returns the members that end with one that has crashed, itself
// included, in the order of their launch.
func (g *group) alongLocked(crashed []*core) []*core {
	if !g.rest {
		return slices.Clone(g.members)
	}
	first := slices.IndexFunc(g.members, func(m *core) bool { return slices.Contains(crashed, m) })
	if first < 0 {
		return nil
	}
	return slices.Clone(g.members[first:])
}

// giveUp ends for good, on a goroutine of the table, what lives and dies with c.
func (g *group) giveUp(c *core, why error) {
	g.mu.Lock()
	all := g.alongLocked([]*core{c})
	g.mu.Unlock()
	g.ward.all.Go(func() {
		for _, m := range slices.Backward(all) {
			m.stop(why)
		}
	})
}

// run ends and launches until everybody lives or has ended for good.
func (g *group) run() {
	var owed []*core // down, to be launched
	var due time.Time
	for {
		g.mu.Lock()
		if len(g.fallen) > 0 {
			for _, m := range g.alongLocked(g.fallen) {
				if !slices.Contains(owed, m) {
					owed = append(owed, m)
				}
			}
			slices.SortFunc(owed, func(a, b *core) int { return slices.Index(g.members, a) - slices.Index(g.members, b) })
			due = time.Now().Add(g.after)
			g.fallen, g.after = nil, 0
		}
		owed = slices.DeleteFunc(owed, func(m *core) bool { return !slices.Contains(g.members, m) })
		if len(owed) == 0 {
			g.at = false
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		owed = g.step(owed, due)
	}
}

// step does the next thing for those who are owed a launch, or waits until
// something has changed, and returns who is owed one then.
func (g *group) step(owed []*core, due time.Time) []*core {
	for _, m := range slices.Backward(owed) {
		m.suspend()
	}
	owed = slices.DeleteFunc(owed, func(m *core) bool { return m.new() })
	if len(owed) == 0 {
		return nil
	}
	if !slices.ContainsFunc(owed, func(m *core) bool { return !m.down() }) {
		left := time.Until(due)
		if left <= 0 {
			if begun, ok := owed[0].begin(); ok {
				go begun() // ends with the life
			}
			for owed[0].beginning() {
				<-g.wake
			}
			return owed[1:]
		}
		timer := time.NewTimer(left)
		defer timer.Stop()
		select {
		case <-g.wake:
		case <-timer.C:
		}
		return owed
	}
	<-g.wake
	return owed
}

// suspend ends the present life, which the group will have followed by another.
func (c *core) suspend() {
	c.mu.Lock()
	if c.final || c.ending != nil || c.state == ganger.Dead || c.first != nil {
		c.mu.Unlock()
		return
	}
	c.passOnLocked(errGroup)
	alone := c.endLocked(&ending{
		why: errGroup, cause: ganger.CauseHolder, group: true,
		exit: ganger.Exit{Reason: ganger.LeavingStopped, Asked: true},
	})
	turn := c.turn
	c.mu.Unlock()
	if alone {
		go c.conclude(turn) // ends with the life
	}
}

// new reports whether the worker's first launch goes on: it is nobody's sibling
// yet.
func (c *core) new() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.first != nil
}

// down reports whether the worker has no life.
func (c *core) down() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone || c.state == ganger.Dead && c.ending == nil
}

// beginning reports whether a launch goes on.
func (c *core) beginning() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == ganger.Starting
}
