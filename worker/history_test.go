package worker_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/worker"
)

// Any is the protocol of the workers in random histories.
type Any struct{}

// Deed is a request that ends as Op says, and is answered with its number.
type Deed struct {
	worker.In[Any, int]
	ID int
	Op string
	To string // where a relay goes
}

// deeds are what a request may do, the likely ones more than once. park waits until
// it is let go or its context ends, deaf until the history is over; self posts
// another one to its own worker, relay calls another worker.
var deeds = []string{
	"ok", "ok", "ok", "ok", "park", "park", "park", "self", "relay", "slow",
	"fail", "fail", "stop", "crash", "crash", "panic", "panic", "goexit", "deaf", "trigger", "none",
}

var names = []string{"a", "b", "c"}

// move is one step of a history: an operation and what it is applied to.
type move struct {
	Op   string
	A, B int
}

var moves = []string{
	"launch", "launch", "launch", "find", "call", "call", "call", "call", "call", "call", "call", "call",
	"post", "post", "post", "post", "post", "try", "try", "withdraw", "withdraw", "crash", "crash",
	"trigger", "stop", "go", "go", "tick", "tick", "tick", "plan", "plan", "close",
}

// shape is a table of any kind. The zero shape is a queue with defaults.
type shape struct {
	Kind, Size, Merge                int // of mailbox; of a bounded one; whether a box merges
	Strategy, Pending, Type          int
	Burst, Retry, Limit, Grace, Idle int
	DropOldest                       bool
}

// TestW20AnyHistory: whatever is done to the workers of a table in whatever order,
// every request that was accepted has one end, one that is promised for what became
// of it; none is performed twice; the counters agree; nobody at rest has anything
// waiting; and nothing is left. What rapid prints repeats a history.
func TestW20AnyHistory(t *testing.T) {
	one := rapid.Custom(func(t *rapid.T) move {
		return move{rapid.SampledFrom(moves).Draw(t, "op"), spread(t, "a"), spread(t, "b")}
	})
	for kind, name := range []string{"queue", "bounded", "latest", "source"} {
		t.Run(name, func(t *testing.T) {
			for range full(20, 1) {
				rapid.Check(t, func(t *rapid.T) {
					n := func(most int, label string) int { return spread(t, label) % (most + 1) }
					s := shape{
						Kind: kind, Size: 1 + n(2, "size"), Merge: n(1, "merge"), Strategy: n(2, "strategy"), Pending: n(2, "pending"),
						Type: n(2, "type"), Burst: n(2, "burst"), Retry: n(1, "retry"), Limit: n(1, "limit"), Grace: n(1, "grace"),
						Idle: n(1, "idle"), DropOldest: rapid.Bool().Draw(t, "drop"),
					}
					least := 1 + spread(t, "least")%40
					history := rapid.SliceOfN(one, least, 2*least).Draw(t, "history")
					rapid.SyncTest(t, func(t *rapid.T) { live(t, s, history) })
				})
			}
		})
	}
}

// spread draws a number below 1000 whose values are equally likely: rapid likes
// small ones, which would make most histories those of one worker. It shrinks to 0.
func spread(t *rapid.T, label string) int {
	return rapid.IntRange(0, 1<<20-1).Draw(t, label) * 0x9e3779b1 >> 12 & (1<<20 - 1) % 1000
}

// world is one history in progress.
type world struct {
	t     *rapid.T
	shape shape
	table anyTable
	free  chan struct{} // closed at the end: the deaf hear
	all   sync.WaitGroup
	pulls chan string        // what the source gives
	end   context.CancelFunc // of every call
	ctx   context.Context

	mu      sync.Mutex // guards what follows
	deeds   []*deed
	refs    map[worker.Ref]map[int]bool // all that ever were, with the deeds sent to them
	selves  []worker.Self[Any]
	parked  []chan struct{}
	cancels []context.CancelFunc
	plans   []string // of launches to come
	merges  int
}

// open makes the table of a history.
func (w *world) open() anyTable {
	d := &worker.Def[Any, string, int, int]{
		Launch: w.launch,
		OnError: func(_ context.Context, _ int, q worker.Post[Any], _ error) worker.Verdict {
			return map[string]worker.Verdict{"stop": worker.Stop, "crash": worker.Crash}[q.(Deed).Op]
		},
		OnDone: func(context.Context, int, worker.Post[Any], time.Time, time.Time, time.Time) {},
		OnIdle: func(context.Context, int) {},
		Close: func(ctx context.Context, _ int, _ error) error {
			w.behave(ctx, w.plan())
			return nil
		},
	}
	worker.Handle(d, w.perform)
	s := w.shape
	c := worker.Config{
		Restart: life.Policy{
			Type: life.Type(s.Type), Min: time.Second, Max: 4 * time.Second,
			Burst: []int{-1, 3, 6}[s.Burst], Retry: []time.Duration{0, 5 * time.Second}[s.Retry],
		},
		Strategy: worker.Strategy(s.Strategy), Pending: worker.Pending(s.Pending),
		Limit: []time.Duration{0, 3 * time.Second}[s.Limit], Grace: []time.Duration{2 * time.Second, -1}[s.Grace],
		Idle: []time.Duration{0, time.Second}[s.Idle], DropOldest: s.DropOldest,
		Escalate: func(error) {},
	}
	switch s.Kind {
	case 0:
		return queues(worker.NewQueue(d, c))
	case 1:
		return boundeds(worker.NewBounded(d, s.Size, c))
	case 2:
		var merge func(pending, incoming worker.Post[Any]) worker.Post[Any]
		if s.Merge == 1 {
			merge = w.merge
		}
		return latests(worker.NewLatest(d, merge, c))
	}
	return tableOf(worker.NewSource(d, w.pull, c), func(f worker.Source[Any]) hand {
		return hand{Ref: f.Ref}
	})
}

func (w *world) launch(ctx context.Context, self worker.Self[Any], _ string, _ int) (int, error) {
	w.mu.Lock()
	w.selves = append(w.selves, self)
	if w.refs[self.Ref] == nil {
		w.refs[self.Ref] = map[int]bool{}
	}
	w.mu.Unlock()
	return 0, w.behave(ctx, w.plan())
}

// plan returns what the next launch or Close does.
func (w *world) plan() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.plans) == 0 {
		return "ok"
	}
	plan := w.plans[0]
	w.plans = w.plans[1:]
	return plan
}

// merge decides by the number of what comes.
func (w *world) merge(pending, incoming worker.Post[Any]) worker.Post[Any] {
	w.mu.Lock()
	w.merges++
	w.mu.Unlock()
	switch incoming.(Deed).ID % 5 {
	case 0:
		return nil
	case 1:
		return pending
	case 2:
		panic(errMerge)
	}
	return incoming
}

var errMerge = errors.New("merge panics")

func (w *world) pull(ctx context.Context, _ int) (worker.Post[Any], error) {
	select {
	case op := <-w.pulls:
		switch op {
		case "fail":
			return nil, errors.New("the source fails")
		case "none":
			return nil, nil
		case "stop":
			return nil, ctx.Err() // neither, most of the time
		}
		return w.deed(op, 0, false).Deed, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// deed makes a new request.
func (w *world) deed(op string, to int, asked bool) *deed {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := &deed{Deed: Deed{ID: len(w.deeds), Op: op, To: names[to%len(names)]}, asked: asked}
	w.deeds = append(w.deeds, d)
	return d
}

func (w *world) perform(ctx context.Context, _ int, q Deed) (int, error) {
	w.mu.Lock()
	w.deeds[q.ID].performed++
	self := w.selves[len(w.selves)-1] // anyone's: a stop or a post from a handler of another
	w.mu.Unlock()
	switch q.Op {
	case "self":
		w.sent(self.Ref, w.deed("ok", 0, false), func(d Deed) error { return self.Push(d) })
	case "trigger":
		self.Trigger(errors.New("by a handler"))
	case "relay":
		if h, ok := w.table.find(q.To); ok && h.call != nil {
			d := w.deed("ok", 0, true)
			patient, stop := context.WithTimeout(ctx, 2*time.Second) // two that relay to each other wait for ever
			defer stop()
			w.ask(patient, h, d)
		}
	}
	return q.ID, w.behave(ctx, q.Op)
}

// behave does what a plan or a request says.
func (w *world) behave(ctx context.Context, op string) error {
	switch op {
	case "panic":
		panic("as told")
	case "goexit":
		runtime.Goexit()
	case "fail", "stop", "crash":
		return errAsTold
	case "slow":
		time.Sleep(time.Second)
	case "deaf":
		<-w.free
	case "park":
		c := make(chan struct{})
		w.mu.Lock()
		w.parked = append(w.parked, c)
		w.mu.Unlock()
		select {
		case <-c:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

var errAsTold = errors.New("as told")

// ask calls and keeps the end.
func (w *world) ask(ctx context.Context, h hand, d *deed) {
	w.note(h.Ref, d)
	response, err := h.call(ctx, d.Deed)
	w.mu.Lock()
	defer w.mu.Unlock()
	if d.ended {
		w.t.Errorf("%+v has a second end: %v", d, err)
	}
	d.ended, d.response, d.end = true, response, err
}

// sent posts and keeps whether it was accepted.
func (w *world) sent(to worker.Ref, d *deed, post func(Deed) error) {
	w.note(to, d)
	defer func() {
		if v := recover(); v != nil && v != errMerge {
			panic(v)
		}
	}()
	err := post(d.Deed)
	w.mu.Lock()
	defer w.mu.Unlock()
	d.posted, d.end = err == nil, err
}

func (w *world) note(to worker.Ref, d *deed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refs[to] == nil {
		w.refs[to] = map[int]bool{}
	}
	w.refs[to][d.ID] = true
}

// live plays a history on a new table and ends it.
func live(t *rapid.T, s shape, history []move) {
	w := &world{t: t, shape: s, free: make(chan struct{}), pulls: make(chan string, 100), refs: map[worker.Ref]map[int]bool{}}
	w.ctx, w.end = context.WithCancel(context.Background())
	defer w.end()
	w.table = w.open()
	for i := range names {
		w.do(move{"launch", i, 0})
		synctest.Wait()
	}
	for i, m := range history {
		t.Logf("%d: %s %d %d", i, m.Op, m.A, m.B)
		w.do(m)
		synctest.Wait()
		w.look()
	}
	time.Sleep(time.Minute)
	w.look()
	w.owing()
	if err := w.table.close(context.Background()); err != nil {
		t.Errorf("Close: %v", err)
	}
	close(w.free)
	time.Sleep(time.Minute) // those that were abandoned return
	stuck := make(chan struct{})
	go func() { w.all.Wait(); close(stuck) }()
	select {
	case <-stuck:
	case <-time.After(time.Hour):
		t.Errorf("somebody waits for ever")
		w.end()
		<-stuck
	}
	w.reckon()
}

// do carries out one move. Whatever may wait does so on a goroutine of its own.
func (w *world) do(m move) {
	name := names[m.A%len(names)]
	op := deeds[m.B%len(deeds)]
	ctx, cancel := context.WithCancel(w.ctx)
	switch m.Op {
	case "call", "post":
		w.cancels = append(w.cancels, cancel)
	default:
		defer cancel()
	}
	h, ok := w.table.find(name)
	switch m.Op {
	case "launch", "find":
		how := w.table.launch
		if m.Op == "find" {
			how = w.table.orFind
		}
		w.all.Go(func() {
			ctx, cancel := context.WithTimeout(w.ctx, time.Duration(m.B%5)*time.Second+time.Second)
			defer cancel()
			if h, err := how(ctx, name); err == nil && h.Name() != name {
				w.t.Errorf("launched %s, got %s", name, h.Name())
			}
		})
	case "plan":
		w.mu.Lock()
		w.plans = append(w.plans, op)
		w.mu.Unlock()
	case "tick":
		time.Sleep(time.Duration(m.B) * 10 * time.Millisecond)
	case "go":
		w.mu.Lock()
		if n := len(w.parked); n > 0 {
			i := m.A % n
			close(w.parked[i])
			w.parked = slices.Delete(w.parked, i, i+1)
		}
		w.mu.Unlock()
	case "withdraw":
		if n := len(w.cancels); n > 0 {
			w.cancels[m.A%n]()
		}
	case "crash":
		w.mu.Lock()
		n := len(w.selves)
		w.mu.Unlock()
		if n > 0 {
			w.selves[m.A%n].Crash(errAsTold)
		}
	case "close":
		if m.A%20 == 0 {
			w.all.Go(func() {
				if err := w.table.close(w.ctx); err != nil {
					w.t.Errorf("Close: %v", err)
				}
			})
		}
	}
	if !ok {
		return
	}
	switch m.Op {
	case "trigger":
		h.Trigger(nil)
	case "stop":
		w.all.Go(func() {
			if err := h.Stop(context.Background()); err != nil {
				w.t.Errorf("Stop: %v", err)
			}
		})
	case "call", "post", "try":
		if h.call == nil {
			select {
			case w.pulls <- op:
			default:
			}
			return
		}
		d := w.deed(op, m.A, m.Op == "call")
		switch m.Op {
		case "call":
			w.all.Go(func() { w.ask(ctx, h, d) })
		case "post":
			w.all.Go(func() { w.sent(h.Ref, d, func(q Deed) error { return h.post(ctx, q) }) })
		case "try":
			w.sent(h.Ref, d, h.try)
		}
	}
}
