//go:build linux

package pool_test

import (
	"context"
	"fmt"
	"slices"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
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
