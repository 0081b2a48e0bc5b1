package worker_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/worker"
)

// TestHammerWorker does everything to tables of every kind and strategy at once,
// from many goroutines, in real time: launches, calls, posts, withdrawals, crashes,
// stops, looks from outside, and closings, after which a new table takes the place.
// Each call returns with its own response or a promised end, the counters of a
// table agree with what its users were told, no stamp and no counter goes back, and
// no goroutine is left.
func TestHammerWorker(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	turns := full(30_000, 400)
	hub := &inspect.Hub{}
	ctx, mute := context.WithCancel(context.Background())
	events := hub.Events(ctx)
	var all, reading sync.WaitGroup
	reading.Go(func() {
		last := uint64(0)
		for e := range events {
			if e.Seq <= last {
				t.Errorf("event %d after %d", e.Seq, last)
			}
			last = e.Seq
		}
	})
	var anvils []*anvil
	for kind := range 4 {
		for strategy := range 3 {
			a := &anvil{t: t, hub: hub, kind: kind, strategy: worker.Strategy(strategy)}
			a.now.Store(a.cast())
			anvils = append(anvils, a)
			for smith := range uint64(3) {
				all.Go(func() { a.hit(rand.New(rand.NewPCG(uint64(kind*3+strategy), smith)), turns) })
			}
			all.Go(func() { a.watch(turns / 4) })
		}
	}
	all.Wait()
	for _, a := range anvils {
		a.melt(a.now.Load())
	}
	for range hub.Groups() {
		t.Error("the hub knows a table that was closed")
	}
	mute()
	reading.Wait()
}

// anvil is the place of one table after another.
type anvil struct {
	t        *testing.T
	hub      *inspect.Hub
	kind     int
	strategy worker.Strategy
	now      atomic.Pointer[cast]
}

// cast is one table, and what its users were told.
type cast struct {
	anyTable
	pulls chan string
	users sync.RWMutex // held by who uses the table, and locked to reckon with it
	melts sync.Once
	refs  sync.Map // worker.Ref: true; all that ever had anything posted
	// How many requests were accepted, at least and at most: those of callers that
	// were rejected or gave up may have been. done is how many calls succeeded.
	least, most, done atomic.Uint64
}

// cast makes a new table.
func (a *anvil) cast() *cast {
	c := &cast{pulls: make(chan string, 4)}
	d := &worker.Def[Any, string, int, worker.Self[Any]]{
		Group: "anvil",
		Launch: func(ctx context.Context, self worker.Self[Any], _ string, _ int) (worker.Self[Any], error) {
			c.refs.Store(self.Ref, true)
			_ = self.Push(Deed{Op: "to itself"}) // which is uncounted, so:
			c.most.Add(1)
			return self, struck(ctx, []string{"ok", "ok", "ok", "ok", "ok", "slow", "fail", "panic"}[rand.IntN(8)])
		},
		OnError: func(_ context.Context, _ worker.Self[Any], q worker.Post[Any], _ error) worker.Verdict {
			return map[string]worker.Verdict{"stop": worker.Stop, "crash": worker.Crash}[q.(Deed).Op]
		},
		OnDone: func(context.Context, worker.Self[Any], worker.Post[Any], time.Time, time.Time, time.Time) {},
		OnIdle: func(context.Context, worker.Self[Any]) {},
		Close: func(ctx context.Context, _ worker.Self[Any], _ error) error {
			return struck(ctx, []string{"ok", "ok", "even", "park", "panic"}[rand.IntN(5)])
		},
	}
	worker.Handle(d, func(ctx context.Context, self worker.Self[Any], q Deed) (int, error) {
		switch q.Op {
		case "self":
			self.Crash(errAsTold)
		case "trigger":
			self.Trigger(nil)
		}
		return q.ID, struck(ctx, q.Op)
	})
	config := worker.Config{
		Restart:  life.Policy{Min: 20 * time.Microsecond, Max: 100 * time.Microsecond, Burst: 12, StartFails: -1, Window: 10 * time.Millisecond},
		Strategy: a.strategy, Pending: worker.Pending(a.kind % 3), Limit: hammerLimit, Grace: hammerGrace,
		Idle: 300 * time.Microsecond, DropOldest: a.strategy == worker.AllForOne, Hub: a.hub,
		Escalate: func(error) {},
	}
	switch a.kind {
	case 0:
		c.anyTable = queues(worker.NewQueue(d, config))
	case 1:
		c.anyTable = boundeds(worker.NewBounded(d, 3, config))
	case 2:
		c.anyTable = latests(worker.NewLatest(d, nil, config))
	case 3:
		c.anyTable = tableOf(worker.NewSource(d, func(ctx context.Context, _ worker.Self[Any]) (worker.Post[Any], error) {
			select {
			case op := <-c.pulls:
				return Deed{Op: op}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}, config), func(f worker.Source[Any]) hand { return hand{Ref: f.Ref} })
	}
	return c
}

// The clocks of the workers, which some handlers and Closes meet as well as they
// can: what happens at the same time is what goes wrong.
const (
	hammerLimit = 2 * time.Millisecond
	hammerGrace = 500 * time.Microsecond
)

// struck does what a request says, in microseconds.
func struck(ctx context.Context, op string) error {
	moment := func(d time.Duration, end <-chan struct{}) error {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-end:
			return ctx.Err()
		}
	}
	switch op {
	case "panic":
		panic("as told")
	case "goexit":
		runtime.Goexit()
	case "fail", "stop", "crash":
		return errAsTold
	case "slow":
		return moment(50*time.Microsecond, ctx.Done())
	case "park":
		return moment(5*time.Millisecond, ctx.Done())
	case "even":
		return moment(hammerGrace, nil)
	case "late":
		return moment(hammerLimit, ctx.Done())
	case "deaf":
		return moment(hammerLimit+hammerGrace, nil)
	}
	return nil
}

// blows are what smiths do; what is not named here is a deed.
var blows = []string{
	"launch", "launch", "ok", "ok", "ok", "ok", "ok", "ok", "slow", "slow", "fail", "park", "panic", "crash",
	"post", "post", "post", "post", "try", "try", "look", "look", "goexit", "self", "late", "deaf", "deaf", "stop", "trigger", "end", "melt",
}

// hit does turns blows.
func (a *anvil) hit(r *rand.Rand, turns int) {
	for i := range turns {
		name := names[r.IntN(len(names))]
		op := blows[r.IntN(len(blows))]
		c := a.now.Load()
		if op == "melt" {
			if r.IntN(8) == 0 {
				if next := a.cast(); a.now.CompareAndSwap(c, next) {
					a.melt(c)
				} else {
					a.melt(next)
				}
			}
			continue
		}
		c.users.RLock()
		a.strike(c, r, name, op, i)
		c.users.RUnlock()
	}
}

func (a *anvil) strike(c *cast, r *rand.Rand, name, op string, id int) {
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	if r.IntN(2) == 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(r.IntN(400))*time.Microsecond)
	}
	defer cancel()
	h, ok := c.find(name)
	switch {
	case op == "launch" || !ok:
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		_, err := c.orFind(ctx, name)
		if err != nil && !errors.Is(err, worker.ErrTableClosed) && ganger.OutcomeOf(err) != ganger.Cancelled && ganger.CauseOf(err) != ganger.CauseStart {
			a.t.Errorf("launch: %v", err)
		}
		return
	case op == "look":
		h.Describe()
		h.Status()
		return
	case op == "end":
		if err := h.Stop(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			a.t.Errorf("Stop: %v", err)
		}
		return
	case h.call == nil:
		select {
		case c.pulls <- op:
		default:
		}
		return
	}
	q := Deed{ID: id, Op: op}
	switch op {
	case "post":
		c.tell(h.Ref, h.post(ctx, q))
	case "try":
		c.tell(h.Ref, h.try(q))
	default:
		response, err := h.call(ctx, q)
		d := &deed{Deed: q, asked: true, ended: true, end: err, response: response}
		c.refs.Store(h.Ref, true)
		least, most, done := d.counts()
		c.least.Add(least)
		c.most.Add(most)
		c.done.Add(done)
		if err == nil && response != id {
			a.t.Errorf("%+v has the response %d", q, response)
		} else if wrong := d.wrong(); err != nil && wrong != "" {
			d.performed = 1 // or it was
			if wrong = d.wrong(); wrong != "" {
				a.t.Errorf("%+v: %v: %s", q, err, wrong)
			}
		}
	}
}

// tell keeps what became of a post.
func (c *cast) tell(to worker.Ref, err error) {
	c.refs.Store(to, true)
	if err == nil {
		c.least.Add(1)
		c.most.Add(1)
	}
}

// watch looks at everything while it goes on.
func (a *anvil) watch(turns int) {
	seen := map[worker.Ref]inspect.Worker{}
	var of *cast
	for range turns {
		c := a.now.Load()
		if c != of {
			of = c
			clear(seen)
		}
		for _, name := range names {
			h, ok := c.find(name)
			if !ok {
				continue
			}
			last, d := seen[h.Ref], h.Describe()
			if d.Since.Before(last.Since) || d.Done < last.Done || d.Failed < last.Failed || d.Incarnation < last.Incarnation {
				a.t.Errorf("it went back from %+v to %+v", last, d)
			}
			seen[h.Ref] = d
		}
		c.group.Snapshot(func(inspect.Worker) bool { return true })
		for _, o := range c.dead() {
			if o.Died.Before(o.Born) || o.Exit.Reason == "" {
				a.t.Errorf("obituary %+v", o)
			}
		}
		runtime.Gosched()
	}
}

// melt closes a table while it is used, and reckons when it is not any more.
func (a *anvil) melt(c *cast) {
	c.melts.Do(func() {
		if err := c.close(context.Background()); err != nil {
			a.t.Errorf("Close: %v", err)
		}
	})
	c.users.Lock()
	defer c.users.Unlock()
	var done, sum uint64
	for ref := range maps.Collect(c.refs.Range) {
		d := ref.(worker.Ref).Describe()
		if d.State != ganger.Dead || d.PendingLen != 0 || len(d.Current) != 0 {
			a.t.Errorf("after Close: %+v", d)
		}
		done += d.Done
		sum += d.Done + d.Failed
	}
	if c.pulls != nil && a.kind == 3 {
		return // what it pulls as it ends is nobody's
	}
	if least, most := c.least.Load(), c.most.Load(); sum < least || sum > most || done < c.done.Load() {
		a.t.Errorf("mailbox %d: %d ends were counted, want %d to %d; %d done, want %d at least", a.kind, sum, least, most, done, c.done.Load())
	}
}
