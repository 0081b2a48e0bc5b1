package worker_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/rescue"
	"github.com/ganger-dev/ganger/worker"
)

// TestW01FIFOForEachProducer: what one goroutine posts is performed in that
// order, on both queues.
func TestW01FIFOForEachProducer(t *testing.T) {
	const producers, each = 8, 200
	run := func(t *testing.T, to worker.Fifo[Script], push func(worker.Post[Script]) error) {
		var all sync.WaitGroup
		for p := range producers {
			all.Go(func() {
				for i := range each {
					if err := push(Note{N: p*each + i}); err != nil {
						t.Errorf("push: %v", err)
					}
				}
			})
		}
		all.Wait()
		last := make([]int, producers)
		notes := noted(t, to)
		for _, n := range notes {
			p, i := n/each, n%each
			if i != last[p] {
				t.Fatalf("request %d of producer %d came where %d was due", i, p, last[p])
			}
			last[p]++
		}
		if len(notes) != producers*each {
			t.Errorf("%d requests performed, want %d", len(notes), producers*each)
		}
	}
	t.Run("queue", func(t *testing.T) {
		w := queue(t, script(), worker.Config{})
		run(t, w, w.Push)
	})
	t.Run("bounded", func(t *testing.T) {
		table := worker.NewBounded(script(), 3, worker.Config{})
		closing(t, table)
		w := launch(t, table, "a")
		run(t, w, func(q worker.Post[Script]) error { return w.Push(t.Context(), q) })
	})
}

// TestW02OneRequestAtATime: handlers and callbacks of one worker never overlap.
func TestW02OneRequestAtATime(t *testing.T) {
	var in sync.Mutex
	alone := func() func() {
		if !in.TryLock() {
			t.Error("two at a time")
			return func() {}
		}
		return in.Unlock
	}
	d := script()
	d.OnError = func(context.Context, *diary, worker.Post[Script], error) worker.Verdict {
		defer alone()()
		return worker.Continue
	}
	done := 0
	d.OnDone = func(_ context.Context, _ *diary, _ worker.Post[Script], _, _, _ stamp) {
		defer alone()()
		done++
	}
	w := queue(t, d, worker.Config{})
	fails := errors.New("odd")
	job := func(fail bool) Do {
		return Do{F: func(context.Context, *diary) (int, error) {
			defer alone()()
			if fail {
				return 0, fails
			}
			return 0, nil
		}}
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 200 {
				if i%3 == 0 {
					must(t, "push", w.Push(job(i%2 == 0)))
				} else if _, err := worker.Call(t.Context(), w, job(i%2 == 0)); (err == fails) != (i%2 == 0) {
					t.Errorf("call %d: %v", i, err)
				}
			}
		})
	}
	all.Wait()
	must(t, "stop", w.Stop(t.Context()))
	if done != 8*100 {
		t.Errorf("OnDone was told of %d requests, want 800", done)
	}
}

// TestW03PushNeverBlocks: a queue takes whatever comes while its worker is busy.
func TestW03PushNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := queue(t, script(), worker.Config{})
		q, release := parked()
		must(t, "push", w.Push(q))
		synctest.Wait()
		const n = 100_000
		for i := range n {
			must(t, "push", w.Push(Note{N: i}))
		}
		if got := w.Describe().PendingLen; got != n {
			t.Errorf("%d pending, want %d", got, n)
		}
		release()
		if got := len(noted(t, w)); got != n {
			t.Errorf("%d performed, want %d", got, n)
		}
	})
}

// TestW04BoundedHoldsExactlyItsSize: what is in hand does not count.
func TestW04BoundedHoldsExactlyItsSize(t *testing.T) {
	for _, size := range []int{1, 2, 5} {
		synctest.Test(t, func(t *testing.T) {
			table := worker.NewBounded(script(), size, worker.Config{})
			closing(t, table)
			w := launch(t, table, "a")
			q, release := parked()
			must(t, "push", w.TryPush(q))
			synctest.Wait()
			for i := range size {
				must(t, "push into room", w.TryPush(Note{N: i}))
			}
			wantEnd(t, "one too many", w.TryPush(Note{N: 99}), ganger.Rejected, ganger.CauseFull)
			if got := w.Describe().PendingLen; got != size {
				t.Errorf("%d pending, want %d", got, size)
			}
			release()
			if got := noted(t, w); len(got) != size {
				t.Errorf("performed %v, want %d of them", got, size)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		var said any
		rescue.Call(func() { worker.NewBounded(script(), 0, worker.Config{}) }, func(v any, _ rescue.Stack) { said = v })
		if said != "worker: a mailbox for 0 requests" {
			t.Errorf("a size of 0: %v", said)
		}
	})
}

// TestW05BlockedPushObeysContext: whoever gives up has pushed nothing, and those
// who go on waiting get the room in their order.
func TestW05BlockedPushObeysContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, release := fullOf1(t, worker.Config{})
		tired := errors.New("tired")
		ctx, giveUp := context.WithCancelCause(t.Context())
		var ends [3]error
		var all sync.WaitGroup
		for i, ctx := range []context.Context{t.Context(), ctx, t.Context()} {
			all.Go(func() { ends[i] = w.Push(ctx, Note{N: 1 + i}) })
			synctest.Wait() // so that they wait in this order
		}
		if got := w.Describe().Extra["blocked"]; got != 3 {
			t.Errorf("%v wait for room, want 3", got)
		}
		giveUp(tired)
		synctest.Wait()
		release()
		all.Wait()
		if got, want := noted(t, w), []int{0, 1, 3}; !slices.Equal(got, want) {
			t.Errorf("performed %v, want %v", got, want)
		}
		wantEnd(t, "the push that gave up", ends[1], ganger.Cancelled, ganger.CauseWithdrawn)
		if !errors.Is(ends[1], tired) || ends[0] != nil || ends[2] != nil {
			t.Errorf("pushes ended %v", ends)
		}
		wantEnd(t, "a push that had given up before", w.Push(ctx, Note{N: 9}), ganger.Cancelled, ganger.CauseWithdrawn)
	})
}

// fullOf1 returns a worker that is busy until released, whose bounded mailbox
// has room for one request and holds Note 0.
func fullOf1(t *testing.T, c worker.Config) (w worker.Bounded[Script], release func()) {
	t.Helper()
	table := worker.NewBounded(script(), 1, c)
	closing(t, table)
	w = launch(t, table, "a")
	q, release := parked()
	t.Cleanup(release)
	must(t, "push", w.TryPush(q))
	synctest.Wait()
	must(t, "push", w.TryPush(Note{N: 0}))
	return w, release
}

// TestW05NobodyOvertakesABlockedPush: room that somebody waits for is not free,
// also when it was made by a withdrawal.
func TestW05NobodyOvertakesABlockedPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := worker.NewBounded(script(), 1, worker.Config{})
		closing(t, table)
		w := launch(t, table, "a")
		q, release := parked()
		must(t, "push", w.TryPush(q))
		synctest.Wait()
		ctx, giveUp := context.WithCancel(t.Context())
		first := ask(ctx, w, Note{N: 0})
		synctest.Wait()
		second := ask(t.Context(), w, Note{N: 1})
		synctest.Wait()
		giveUp()
		wantEnd(t, "the call that gave up", first.end(), ganger.Cancelled, ganger.CauseWithdrawn)
		wantEnd(t, "a fresh push", w.TryPush(Note{N: 2}), ganger.Rejected, ganger.CauseFull)
		release()
		must(t, "the blocked call", second.end())
		if got, want := noted(t, w), []int{1}; !slices.Equal(got, want) {
			t.Errorf("performed %v, want %v", got, want)
		}
	})
}

// TestW05RoomThatARestartMakes: the pending requests that a crash ends make room
// for those who wait for it.
func TestW05RoomThatARestartMakes(t *testing.T) {
	for name, pending := range map[string]worker.Pending{"fail": worker.FailPending, "drop": worker.DropPending} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				table := worker.NewBounded(script(), 2, worker.Config{Pending: pending})
				closing(t, table)
				w := launch(t, table, "a")
				gate := make(chan struct{})
				crash := ask(t.Context(), w, Do{F: func(context.Context, *diary) (int, error) {
					<-gate
					panic("ouch")
				}})
				synctest.Wait()
				must(t, "push", w.TryPush(Note{N: 0}))
				must(t, "push", w.TryPush(Note{N: 1}))
				var blocked [3]*asked
				for i := range blocked {
					blocked[i] = ask(t.Context(), w, Note{N: 2 + i})
					synctest.Wait()
				}
				close(gate)
				wantEnd(t, "what crashed", crash.end(), ganger.Crashed, ganger.CausePanic)
				for _, b := range blocked {
					must(t, "a call that waited for room", b.end())
				}
				if got, want := noted(t, w), []int{2, 3, 4}; !slices.Equal(got, want) {
					t.Errorf("the next life performed %v, want %v", got, want)
				}
			})
		})
	}
}

// TestW06BlockedAtClose: what waits for room when the worker ends was never
// accepted and says so; what was accepted ends too.
func TestW06BlockedAtClose(t *testing.T) {
	ouch := errors.New("ouch")
	for _, c := range []struct {
		name     string
		end      func(w worker.Bounded[Script])
		queued   ganger.Outcome
		byCause  ganger.Cause
		carrying error
	}{
		{"stop", func(w worker.Bounded[Script]) { w.Trigger(nil) }, ganger.Cancelled, ganger.CauseShutdown, nil},
		{"stop with a reason", func(w worker.Bounded[Script]) { w.Trigger(ouch) }, ganger.Cancelled, ganger.CauseShutdown, ouch},
		{"crash", nil, ganger.Rejected, ganger.CauseClosed, ouch},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				table := worker.NewBounded(script(), 1, worker.Config{Restart: once})
				closing(t, table)
				w := launch(t, table, "a")
				gate := make(chan struct{})
				held := ask(t.Context(), w, Do{F: func(ctx context.Context, _ *diary) (int, error) {
					select {
					case <-gate:
						panic(ouch)
					case <-ctx.Done():
						return 0, context.Cause(ctx)
					}
				}})
				synctest.Wait()
				queued := ask(t.Context(), w, Note{N: 0})
				synctest.Wait()
				call := ask(t.Context(), w, Note{N: 1})
				pushed := make(chan error, 1)
				go func() { pushed <- w.Push(t.Context(), Note{N: 2}) }()
				synctest.Wait()
				if c.end != nil {
					c.end(w)
				} else {
					close(gate)
				}
				<-w.Done()
				for what, err := range map[string]error{"blocked call": call.end(), "blocked push": <-pushed, "push afterwards": w.Push(t.Context(), Note{N: 3})} {
					wantEnd(t, what, err, ganger.Rejected, ganger.CauseClosed)
					if c.carrying != nil && !errors.Is(err, c.carrying) {
						t.Errorf("%s: %v does not carry %v", what, err, c.carrying)
					}
				}
				err := queued.end()
				wantEnd(t, "queued call", err, c.queued, c.byCause)
				if c.carrying != nil && !errors.Is(err, c.carrying) {
					t.Errorf("queued call: %v does not carry %v", err, c.carrying)
				}
				if err := held.end(); err == nil {
					t.Error("what was in hand ended well")
				}
				if d := w.Describe(); d.PendingLen != 0 || d.Extra["blocked"] != nil || d.Done+d.Failed != 2 {
					t.Errorf("left behind: %+v, want two ends and nothing that waits", d)
				}
			})
		})
	}
}

// TestW04DropOldest: with it a full mailbox never refuses; who waited longest has
// to leave and is told.
func TestW04DropOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, release := fullOf1(t, worker.Config{DropOldest: true})
		must(t, "push", w.TryPush(Note{N: 1}))
		call := ask(t.Context(), w, Note{N: 2})
		synctest.Wait()
		must(t, "push", w.Push(t.Context(), Note{N: 3}))
		wantEnd(t, "the oldest", call.end(), ganger.Cancelled, ganger.CauseSuperseded)
		release()
		must(t, "barrier", w.Stop(t.Context()))
	})
}
