//go:build linux

package pool_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/pool"
)

// plan is what is drawn of a task before anything happens.
type plan struct {
	fault
	then  []plan // what follows from its response
	binds bool   // bound to the life
}

// trial is a task of a mix, and what became of it. Its fields from unwanted on
// are guarded by the mix's lock.
type trial struct {
	plan
	number int
	ticket *pool.Ticket[string] // nil for what follows from another
	origin *trial               // that it follows from
	home   string               // the life that it is bound to; "" is any
	group  *union

	unwanted bool // somebody cancelled it
	answered bool // its response came and was good
	heirs    []*trial
	ends     []pool.End[string]
}

// union is a group and who is in it.
type union struct {
	pool.Group
	members []*trial // guarded by the mix's lock
}

// mix is tasks of every sort at once. Its choices are one sequence, which no
// schedule changes.
type mix struct {
	rng       *rand.Rand
	submitted []*trial
	unions    []*union

	mu        sync.Mutex // guards what follows; never held across a call of the pool
	trials    []*trial   // by number
	committed []*trial
}

// draw draws a task and, at most so deep, what follows from it.
func (m *mix) draw(depth int) plan {
	d := plan{fault: pick(m.rng), binds: m.rng.IntN(2) == 0}
	d.task.Priority = []int{0, 0, 0, 1, 5, -2}[m.rng.IntN(6)]
	if k := m.rng.IntN(12); k < 4 {
		d.task.Key = "k" + strconv.Itoa(k)
	}
	if depth > 0 && m.rng.IntN(5) == 0 {
		for range 1 + m.rng.IntN(3) {
			d.then = append(d.then, m.draw(depth-1))
		}
	}
	return d
}

// union draws the group of the next task; nil is none.
func (m *mix) union() *union {
	what, size := m.rng.IntN(20), len(m.unions)
	switch {
	case what == 0:
		m.unions = append(m.unions, &union{Group: pool.Group{FirstFailure: m.rng.IntN(2) == 0}})
		return m.unions[size]
	case what < 8 && size > 0:
		return m.unions[size-1]
	}
	return nil
}

// add makes a trial of a plan.
func (m *mix) add(d plan, origin *trial, g *union) *trial {
	m.mu.Lock()
	defer m.mu.Unlock()
	x := &trial{plan: d, number: len(m.trials), origin: origin, group: g}
	m.trials = append(m.trials, x)
	if g != nil {
		g.members = append(g.members, x)
	}
	if origin != nil {
		origin.heirs = append(origin.heirs, x)
	}
	return x
}

// value is what the pool knows a trial by: its number, and its script.
func (x *trial) value() string { return strconv.Itoa(x.number) + " " + x.script }

// of is the trial of a value.
func (m *mix) of(value string) *trial {
	number, _, _ := strings.Cut(value, " ")
	n, _ := strconv.Atoi(number)
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.trials[n]
}

func (m *mix) submit(t *testing.T, p *running, d plan, g *union) *trial {
	t.Helper()
	x := m.add(d, nil, g)
	task := x.task
	if task.Value = x.value(); g != nil {
		task.Group = &g.Group
	}
	x.ticket = p.submit(t, task)
	m.submitted = append(m.submitted, x)
	return x
}

// kind makes the kind that of a mix.
func (m *mix) kind(k *scriptKind) {
	k.Request = func(_ pool.Held[string], value string) (string, error) {
		_, script, _ := strings.Cut(value, " ")
		return script, nil
	}
	k.Feedback = func(string, []byte) {}
	k.Use = m.use
	k.Ended = func(value string, e pool.End[string]) {
		x := m.of(value)
		m.mu.Lock()
		defer m.mu.Unlock()
		x.ends = append(x.ends, e)
	}
	k.Commit = func(value string, _ pool.End[string]) {
		x := m.of(value)
		m.mu.Lock()
		defer m.mu.Unlock()
		m.committed = append(m.committed, x)
	}
}

var errNoGood = errors.New("the response is no good")

func (m *mix) use(h pool.Held[string], value, response string) (pool.Next[string, string], error) {
	x := m.of(value)
	n := pool.Next[string, string]{Bound: x.binds}
	for _, d := range x.then {
		heir := m.add(d, x, x.group) // it joins that group by itself
		if x.binds {
			heir.home = fmt.Sprintf("%s#%d", h.Worker, h.Incarnation)
		}
		task := heir.task
		task.Value = heir.value()
		n.Follow = append(n.Follow, task)
	}
	if response == "no good" {
		return n, errNoGood
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	x.answered = true
	return n, nil
}

// check checks that every task has had one end that can be explained.
func (m *mix) check(t *testing.T) {
	for _, x := range m.trials {
		if len(x.ends) != 1 {
			t.Fatalf("%v has had %d ends: %+v", x, len(x.ends), x.ends)
		}
		e := x.ends[0]
		if why := x.odd(e); why != "" {
			t.Errorf("%v ended after %d attempts on %q as %v: %s", x, e.Attempts, e.Worker, e.Err, why)
		}
	}
}

func (x *trial) String() string { return fmt.Sprintf("task %q", x.value()) }

// odd says what is wrong with an end; "" is nothing.
func (x *trial) odd(e pool.End[string]) string {
	got := ganger.OutcomeOf(e.Err)
	switch {
	case x.answered != (got == ganger.Done):
		return "a response that is good is its end, and nothing else is success"
	case x.home != "" && e.Attempts > 0 && e.Worker != x.home:
		return "it was bound to " + x.home
	case got == ganger.Cancelled:
		return x.oddCancel(e)
	case slices.Contains(x.wants, got):
	case (got == ganger.Crashed || got == ganger.Poisoned) && (e.Deaths > 0 || x.home != ""):
		// Killed from outside, or beside one that was, as often as it may be.
	case got == ganger.TimedOut && (x.task.ExecTimeout > 0 || x.task.TotalTimeout > 0 || x.task.QueueTimeout > 0):
		// A clock may run out for any of those that have one.
	default:
		return fmt.Sprintf("nothing done to it explains that; want one of %v", x.wants)
	}
	return ""
}

// oddCancel is odd for what was cancelled: somebody must have done it.
func (x *trial) oddCancel(e pool.End[string]) string {
	switch cause := ganger.CauseOf(e.Err); {
	case cause == ganger.CauseTask && strings.Contains(e.Err.Error(), "was cancelled"): // with its worker
	case cause == ganger.CauseTask && errors.Is(e.Err, errUnwanted):
		for o := x; o != nil; o = o.origin {
			if o.unwanted {
				return ""
			}
		}
		return "neither it nor what it follows from was cancelled"
	case cause == ganger.CauseGroup:
		if x.group == nil || !x.group.FirstFailure || !slices.ContainsFunc(x.group.members, func(o *trial) bool { return o.ends[0].Err != nil && errors.Is(e.Err, o.ends[0].Err) }) {
			return "no failure of its group is the reason"
		}
	case cause == ganger.CauseHolder && x.home != "":
	default:
		return "nobody did that"
	}
	return ""
}

// checkGroups checks what is told to those who wait for a group: the end that
// says most, and success only if all of it is.
func (m *mix) checkGroups(t *testing.T) {
	for i, g := range m.unions {
		got := g.Wait(guard(t))
		most := 0
		for _, x := range g.members {
			most = max(most, says(x.ends[0].Err))
		}
		told := func(x *trial) bool { return x.ends[0].Err == got }
		if says(got) != most || got != nil && !slices.ContainsFunc(g.members, told) {
			t.Errorf("group %d of %d tasks was told %v, want an end that says %d", i, len(g.members), got, most)
		}
	}
}

// failed reports whether some task of the group did not succeed, by its own fault.
func (g *union) failed() bool {
	return slices.ContainsFunc(g.members, func(x *trial) bool { return len(x.ends) > 0 && says(x.ends[0].Err) > 1 })
}

// says is how much an end says about the work of its group.
func says(err error) int {
	return map[ganger.Outcome]int{
		ganger.Cancelled: 1, ganger.Rejected: 2, ganger.Expired: 2,
		ganger.Crashed: 3, ganger.Poisoned: 3, ganger.Failed: 4, ganger.TimedOut: 4,
	}[ganger.OutcomeOf(err)]
}

// checkCommits checks that all was committed, each task followed by what follows
// from it, and then by the next that was submitted.
func (m *mix) checkCommits(t *testing.T) {
	var want []*trial
	var add func(x *trial)
	add = func(x *trial) {
		want = append(want, x)
		for _, h := range x.heirs {
			add(h)
		}
	}
	for _, x := range m.submitted {
		add(x)
	}
	if !slices.Equal(m.committed, want) {
		i := 0
		for i < min(len(want), len(m.committed)) && want[i] == m.committed[i] {
			i++
		}
		t.Errorf("%d of %d tasks were committed, and number %d is not in its place", len(m.committed), len(want), i)
	}
}
