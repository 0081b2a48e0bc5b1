//go:build linux

package pool_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/pool"
)

// replay is a history that is performed on a pool, with the model beside it.
type replay struct {
	t interface {
		Helper()
		Logf(format string, args ...any)
		Fatalf(format string, args ...any)
	}
	*pool.Pool[*job, string]
	model
	stage    *stage
	workers  int
	isOpen   atomic.Bool // the gate, as Match sees it
	makingMu sync.Mutex  // guards making
	making   map[*job]chan struct{}
	cancels  map[*job]func()
	waitedBy int     // joins that have not returned
	joined   []error // what those returned that have, since the last look
	died     bool    // a life, since then
	draining bool
	n        int // names
}

// TestModelOfThePool: whatever happens in whatever order, every task has
// exactly one end, the one that the model says; what is offered first is taken
// first; and nothing waits that somebody at rest may take. What rapid prints
// repeats a history.
func TestModelOfThePool(t *testing.T) {
	var names []string
	for name, op := range ops {
		names = append(names, slices.Repeat([]string{name}, op.weight)...)
	}
	slices.Sort(names)
	one := rapid.Custom(func(t *rapid.T) step {
		return step{rapid.SampledFrom(names).Draw(t, "op"), spread(t, "a"), spread(t, "b")}
	})
	history := rapid.Custom(func(t *rapid.T) []step {
		least := 1 + spread(t, "least")%40
		return rapid.SliceOfN(one, least, 2*least).Draw(t, "steps")
	})
	for _, c := range []struct {
		name               string
		seats, slots, most int
		runs               bool
	}{
		{"one that runs", 1, 1, 0, true},
		{"two that run", 2, 1, 0, true},
		{"two with one slot", 2, 1, 0, false},
		{"two with three slots", 2, 3, 0, false},
		{"short lives", 2, 1, 2, true},
		{"short lives with two slots", 2, 2, 3, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range full(50, 1) {
				rapid.Check(t, func(t *rapid.T) {
					steps := history.Draw(t, "history")
					rapid.SyncTest(t, func(t *rapid.T) {
						perform(t, &stage{slots: c.slots, runs: c.runs, most: c.most}, c.seats, steps)
					})
				})
			}
		})
	}
}

// spread draws a number whose bits are as often set as not: rapid likes small
// ones, which would make most tasks plain ones. It shrinks to 0.
func spread(t *rapid.T, label string) int {
	return rapid.IntRange(0, 1<<20-1).Draw(t, label) * 0x9e3779b1 >> 12 & (1<<20 - 1)
}

// perform performs a history on a new pool, and ends the pool.
func perform(t *rapid.T, s *stage, workers int, steps []step) {
	s.actors = make(map[string]*actor)
	p := &replay{t: t, stage: s, workers: workers, making: make(map[*job]chan struct{}), cancels: make(map[*job]func())}
	k := pool.Kind[*job, *job, string, struct{}]{
		Match: p.match, Request: p.request, Use: p.use,
		Ended: func(j *job, e pool.End[string]) {
			s.note(func(*model) error { j.ended = append(j.ended, e); return nil }, "%v has ended: %v", j, ganger.OutcomeOf(e.Err))
		},
	}
	p.Pool = pool.New(k, s, pool.Config{Workers: workers, QueueLimit: -1, MaxTasks: s.most, KeyWait: -1, Aging: -1, Restart: prompt})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = p.Run(ctx) }()
	end := func() {
		stop()
		p.makeAll()
		<-done
	}
	defer end()
	time.Sleep(time.Minute)
	p.look()
	for i, x := range steps {
		t.Logf("%d: %s %d %d", i, x.Op, x.A, x.B)
		waited := p.waiting()
		tries := make(map[*job]int)
		for _, j := range waited {
			tries[j] = j.attempts
		}
		ops[x.Op].do(p, x.A, x.B)
		p.look()
		p.check(slices.DeleteFunc(waited, func(j *job) bool { return j.attempts != tries[j] }))
	}
	end()
	synctest.Wait()
	p.close()
}

// look waits until nothing moves any more, and tells the model what happened.
func (p *replay) look() {
	synctest.Wait()
	for _, n := range p.stage.take() {
		p.t.Logf("   %s", n.text)
		if err := n.apply(&p.model); err != nil {
			p.t.Fatalf("%v", err)
		}
	}
	if err := p.model.rest(); err != nil {
		p.t.Fatalf("%v", err)
	}
}

// check compares the pool, at rest, with the model.
func (p *replay) check(waited []*job) {
	open := 0
	for _, j := range p.jobs {
		p.checkEnd(j)
		if j.place != over {
			open++
		}
	}
	var want []string
	for _, j := range p.waiting() {
		want = append(want, j.name)
	}
	var got []string
	for _, j := range p.Queued() {
		got = append(got, j.name)
	}
	if !slices.Equal(got, want) {
		p.t.Fatalf("%v wait, want %v", got, want)
	}
	for _, g := range p.gave {
		if j := p.unfair(g, waited); j != nil {
			p.t.Fatalf("%v was given %v, passing over %v", g.l, g.j, j)
		}
	}
	p.gave = nil
	emptied, filled := 0, 0
	for _, l := range p.cast {
		if j := p.owed(l, &emptied); j != nil {
			p.t.Fatalf("lost wake-up: %v waits, %v has room for it", j, l)
		}
		if !l.dead && !l.closed && !l.replaced || len(l.hand) > 0 {
			filled |= 1 << l.st.Seat
		}
		for _, j := range l.hand {
			if !l.dead && !j.making && !l.has(j) {
				p.t.Fatalf("%v was given %v, and never got it", l, j)
			}
		}
	}
	if filled != 1<<p.workers-1 {
		p.t.Fatalf("a seat is empty: %v", p.cast)
	}
	p.checkJoins(open, open == len(want) && !slices.ContainsFunc(p.waiting(), func(j *job) bool { return j.bound != nil }))
}

// checkJoins compares what those were told who wait for all tasks: that all have
// ended, or that nobody takes those that are left. A death takes a task out of
// hand before its life is known to be gone, and may be taken for the latter.
func (p *replay) checkJoins(open int, idle bool) {
	for _, err := range p.joined {
		stuck := errors.Is(err, pool.ErrUnmatched) && (idle || p.died)
		if err == nil && open > 0 || err != nil && (open == 0 || !stuck) {
			p.t.Fatalf("Join returned %v while %d tasks were left", err, open)
		}
	}
	if p.joined, p.died = nil, false; p.waitedBy > 0 && idle {
		p.t.Fatalf("Join still waits for %d tasks, which wait for nobody", open)
	}
}

// checkEnd compares the end of a task.
func (p *replay) checkEnd(j *job) {
	switch {
	case j.place != over && len(j.ended) == 0:
	case j.place != over || len(j.ended) != 1:
		p.t.Fatalf("%v (place %d) has %d ends: %v", j, j.place, len(j.ended), j.ended)
	case ganger.OutcomeOf(j.ended[0].Err) != j.want || j.ended[0].Deaths != j.deaths || j.ended[0].Attempts != j.attempts:
		p.t.Fatalf("%v ended as %+v, want %v after %d attempts and %d deaths", j, j.ended[0], j.want, j.attempts, j.deaths)
	}
}

// close checks that every task has had one end when Run has returned: those that
// were left were cancelled.
func (p *replay) close() {
	for _, n := range p.stage.take() {
		p.t.Logf("   %s", n.text)
		if strings.Contains(n.text, " has ended: ") || strings.Contains(n.text, " was told ") {
			_ = n.apply(&p.model)
		}
	}
	for _, j := range p.jobs {
		if len(j.ended) != 1 || j.place != over && ganger.OutcomeOf(j.ended[0].Err) != ganger.Cancelled {
			p.t.Fatalf("after Run %v has the ends %v", j, j.ended)
		}
		if j.head == nil && (len(j.results) != 1 || ganger.OutcomeOf(j.results[0]) != ganger.OutcomeOf(j.ended[0].Err)) {
			p.t.Fatalf("%v ended as %v, and who waited for it was told %v", j, j.ended[0].Err, j.results)
		}
	}
}

func (p *replay) match(h pool.Held[struct{}], j *job) bool {
	return j.matches(h.Seat, h.Warm, p.isOpen.Load())
}

func (p *replay) request(h pool.Held[struct{}], j *job) (*job, error) {
	l := p.stage.actor(fmt.Sprintf("%s#%d", h.Worker, h.Incarnation))
	made := make(chan struct{})
	if j.slow {
		p.makingMu.Lock()
		p.making[j] = made
		p.makingMu.Unlock()
	} else {
		close(made)
	}
	p.stage.note(func(m *model) error { return m.claim(l, j) }, "%v is given %v", l, j)
	<-made
	if j.stale {
		l.ends(j, expired)
		return nil, pool.ErrExpired
	}
	return j, nil
}

func (p *replay) use(_ pool.Held[struct{}], j *job, _ string) (pool.Next[*job, struct{}], error) {
	n := pool.Next[*job, struct{}]{Bound: j.binds, End: j.ending == last}
	for _, f := range j.follow {
		n.Follow = append(n.Follow, p.task(f))
	}
	if j.ending == refused {
		return n, errors.New("no good")
	}
	return n, nil
}

func (p *replay) task(j *job) pool.Task[*job] {
	return pool.Task[*job]{Value: j, Key: j.key, Priority: j.priority, Retries: j.retries, MaxDeaths: j.maxDeaths}
}
