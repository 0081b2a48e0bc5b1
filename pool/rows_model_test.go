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

// step is one thing that a history does to a pool. A and B choose among what is
// possible then; nothing is done if nothing is.
type step struct {
	Op   string
	A, B int
}

// ops are the steps, each as often as it is drawn.
var ops = map[string]struct {
	weight int
	do     func(p *replay, a, b int)
}{
	"submit":  {10, (*replay).submit},
	"do":      {3, (*replay).do},
	"answer":  {8, func(p *replay, a, b int) { p.answer(a, b, answered) }},
	"last":    {1, func(p *replay, a, b int) { p.answer(a, b, last) }},
	"refuse":  {1, func(p *replay, a, b int) { p.answer(a, b, refused) }},
	"fail":    {2, func(p *replay, a, b int) { p.answer(a, b, failed) }},
	"yield":   {2, func(p *replay, a, b int) { p.answer(a, b, yielded) }},
	"build":   {3, (*replay).build},
	"die":     {3, (*replay).die},
	"falter":  {1, (*replay).falter},
	"cancel":  {4, (*replay).cancel},
	"clear":   {1, (*replay).clear},
	"dismiss": {1, (*replay).dismiss},
	"gate":    {2, (*replay).turn},
	"rest":    {2, (*replay).sleep},
	"join":    {1, (*replay).join},
	"drain":   {1, (*replay).drain},
}

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

// The functions of the kind.

func (p *replay) match(h pool.Held[struct{}], j *job) bool {
	return (j.seat < 0 || j.seat == h.Seat) && (p.isOpen.Load() || !j.gated) && (h.Warm || !j.seasoned)
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

// The steps.

// job makes a task of the bits of b; 0 is the plainest.
func (p *replay) job(b int) *job {
	bits := func(n int) int { v := b & (1<<n - 1); b >>= n; return v }
	p.n++
	j := &job{name: fmt.Sprintf("t%d", p.n)}
	j.seat = []int{-1, -1, 0, p.workers - 1}[bits(2)]
	j.gated, j.seasoned, j.slow, j.stale = bits(2) == 3, bits(2) == 3, bits(2) == 3, bits(3) == 7
	j.key = []string{"", "", "a", "b"}[bits(2)]
	j.priority = []int{0, 0, 1, -1}[bits(2)]
	j.maxDeaths, j.retries = []int{2, 1, 2, 3}[bits(2)], bits(1)
	p.t.Logf("   %s: %+v", j.name, p.task(j))
	return j
}

func (p *replay) submit(_, b int) {
	j := p.job(b)
	ticket, err := p.Submit(context.Background(), p.task(j))
	if p.draining {
		if ganger.CauseOf(err) != ganger.CauseClosed {
			p.t.Fatalf("a drained pool took %v: %v", j, err)
		}
		return
	} else if err != nil {
		p.t.Fatalf("Submit: %v", err)
	}
	p.jobs = append(p.jobs, j)
	p.cancels[j] = func() { ticket.Cancel(nil) }
	go func() {
		_, err := ticket.Wait(context.Background())
		p.stage.note(func(*model) error { j.results = append(j.results, err); return nil }, "%v was told %v", j, err)
	}()
}

func (p *replay) do(_, b int) {
	if p.draining {
		return
	}
	j := p.job(b)
	j.done = true
	p.jobs = append(p.jobs, j)
	ctx, cancel := context.WithCancel(context.Background())
	p.cancels[j] = cancel
	go func() {
		_, err := p.Do(ctx, p.task(j))
		cancel()
		p.stage.note(func(*model) error { j.results = append(j.results, err); return nil }, "%v was told %v", j, err)
	}()
}

// hands are the tasks that lives have in hand and that are as asked.
func (p *replay) hands(is func(l *actor, j *job) bool) (all []func() (*actor, *job)) {
	for _, l := range p.cast {
		for _, j := range l.hand {
			if is(l, j) {
				all = append(all, func() (*actor, *job) { return l, j })
			}
		}
	}
	return all
}

func (p *replay) answer(a, b int, how ending) {
	hands := p.hands(func(l *actor, j *job) bool { return l.has(j) && (how != yielded || j.asked) })
	if len(hands) == 0 {
		return
	}
	l, j := hands[a%len(hands)]()
	j.follow, j.binds, j.ending = nil, b&1 > 0, how
	if how <= refused {
		for range max(0, b>>1&3-1) {
			j.follow = append(j.follow, p.job(b>>3))
		}
	}
	go l.answer(j, how) // which may stop where a request is made
}

func (p *replay) build(a, _ int) {
	hands := p.hands(func(_ *actor, j *job) bool { return j.making })
	if len(hands) > 0 {
		_, j := hands[a%len(hands)]()
		p.make(j)
	}
}

// make lets the request of j be made.
func (p *replay) make(j *job) {
	j.making = false
	p.makingMu.Lock()
	defer p.makingMu.Unlock()
	close(p.making[j])
	delete(p.making, j)
}

// makeAll lets all requests be made until nothing moves.
func (p *replay) makeAll() {
	for {
		synctest.Wait()
		p.makingMu.Lock()
		n := len(p.making)
		for j, made := range p.making {
			close(made)
			delete(p.making, j)
		}
		p.makingMu.Unlock()
		if n == 0 {
			return
		}
	}
}

func (p *replay) die(a, b int) {
	alive := slices.DeleteFunc(slices.Clone(p.cast), func(l *actor) bool { return l.dead })
	if len(alive) == 0 {
		return
	}
	l := alive[a%len(alive)]
	var late *job
	if len(l.hand) > 0 && b&3 == 3 {
		late = l.hand[len(l.hand)-1]
	}
	p.died = true
	go l.die(ganger.Exit{Reason: "signal 9"}, late)
}

func (p *replay) falter(a, _ int) {
	p.stage.mu.Lock()
	defer p.stage.mu.Unlock()
	p.stage.faults = a & 1
}

// ask tells the model that j is not wanted any more.
func (p *replay) ask(j *job) {
	switch j.place {
	case waits:
		j.over(ganger.Cancelled)
	case inHand, fallen:
		j.asked = true
	}
}

// askFamily tells it of j and what came of it.
func (p *replay) askFamily(j *job) {
	for _, x := range p.jobs {
		if x == j || x.head == j {
			p.ask(x)
		}
	}
}

func (p *replay) cancel(a, _ int) {
	heads := slices.DeleteFunc(slices.Clone(p.jobs), func(j *job) bool { return p.cancels[j] == nil || j.done && j.place == over })
	if len(heads) == 0 {
		return
	}
	head := heads[a%len(heads)]
	p.t.Logf("   cancel %v", head)
	p.askFamily(head)
	p.cancels[head]()
}

func (p *replay) clear(int, int) {
	for _, j := range p.jobs {
		p.ask(j)
	}
	p.CancelAll(nil)
}

func (p *replay) dismiss(a, _ int) {
	seat := a % p.workers
	for _, l := range p.cast {
		if l.st.Seat == seat {
			l.closed = true
			for _, j := range l.hand {
				p.askFamily(j)
			}
		}
	}
	if err := p.CancelWorker(fmt.Sprintf("w%d", seat)); err != nil {
		p.t.Fatalf("%v", err)
	}
}

func (p *replay) turn(int, int) {
	p.gate = !p.gate
	p.isOpen.Store(p.gate)
	p.Broadcast()
}

// sleep lets every grace end.
func (p *replay) sleep(int, int) {
	p.died = true
	time.Sleep(time.Minute)
}

func (p *replay) join(int, int) { p.await(p.Join) }

func (p *replay) drain(a, _ int) {
	if a%8 == 0 { // or most histories would end early
		p.draining = true
		p.await(p.Drain)
	}
}

// await has somebody wait for all tasks.
func (p *replay) await(join func(context.Context) error) {
	p.waitedBy++
	go func() {
		err := join(context.Background())
		p.stage.note(func(*model) error {
			p.waitedBy--
			p.joined = append(p.joined, err)
			return nil
		}, "a join returns %v", err)
	}()
}
