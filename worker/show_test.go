package worker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/worker"
)

// Shown is a request that says itself what people see of it.
type Shown struct {
	worker.In[Script, int]
	N int
}

// LogValue panics for those below zero.
func (s Shown) LogValue() slog.Value {
	if s.N < 0 {
		panic("not for your eyes")
	}
	return slog.StringValue(fmt.Sprintf("shown %d", s.N))
}

func showing() *scriptDef {
	d := script()
	worker.Handle(d, func(context.Context, *diary, Shown) (int, error) { return 0, nil })
	return d
}

// TestW29Current: what is in hand is shown while it is, and no longer, whatever
// becomes of it; nobody waits for a worker to see that.
func TestW29Current(t *testing.T) {
	for _, c := range []struct {
		name string
		f    func(ctx context.Context) (int, error)
		end  func(w scriptQueue, giveUp func(), proceed func())
	}{
		{"success", func(context.Context) (int, error) { return 0, nil }, nil},
		{"error", func(context.Context) (int, error) { return 0, errors.New("odd") }, nil},
		{"panic", func(context.Context) (int, error) { panic("ouch") }, nil},
		{"Goexit", func(context.Context) (int, error) { goexit(); return 0, nil }, nil},
		{"withdrawn", func(context.Context) (int, error) { return 0, nil }, func(_ scriptQueue, giveUp func(), proceed func()) {
			giveUp()
			synctest.Wait()
			proceed()
		}},
		{"stop", func(context.Context) (int, error) { return 0, nil }, func(w scriptQueue, _ func(), proceed func()) {
			w.Trigger(nil)
			synctest.Wait()
			proceed()
		}},
		{"abandoned", func(context.Context) (int, error) { return 0, nil }, func(w scriptQueue, _, _ func()) {
			w.Trigger(nil)
			time.Sleep(worker.DefaultGrace)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := script()
				d.Close = func(context.Context, *diary, error) error { time.Sleep(time.Second); return nil }
				w := queue(t, d, worker.Config{})
				begun, gate := time.Now(), make(chan struct{})
				proceed := sync.OnceFunc(func() { close(gate) })
				ctx, giveUp := context.WithCancel(t.Context())
				defer giveUp()
				time.Sleep(time.Second)
				call := ask(ctx, w, Do{F: func(ctx context.Context, _ *diary) (int, error) {
					<-gate
					return c.f(ctx)
				}})
				time.Sleep(time.Second)
				show := w.Describe()
				if len(show.Current) != 1 || show.Current[0].View != "worker_test.Do" || show.Current[0].ID != 1 ||
					show.Current[0].Started.Sub(begun) != time.Second || show.State != ganger.Busy {
					t.Fatalf("%+v, want one in hand since 1s", show)
				}
				if c.end != nil {
					c.end(w, giveUp, proceed)
				} else {
					proceed()
				}
				_ = call.end()
				synctest.Wait()
				if show := w.Describe(); len(show.Current) != 0 || show.Done+show.Failed != 1 {
					t.Errorf("%+v, want nothing in hand and one end", show)
				}
				proceed()
			})
		})
	}
}

// TestW30Pending: what waits is shown with what it says of itself and when it was
// posted, the oldest few and their number.
func TestW30Pending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := queue(t, showing(), worker.Config{})
		q, release := parked()
		must(t, "push", w.Push(q))
		synctest.Wait()
		begun := time.Now()
		for i := range 20 {
			must(t, "push", w.Push(Shown{N: i - 1}))
			time.Sleep(time.Second)
		}
		show := w.Describe()
		if show.PendingLen != 20 || len(show.Pending) != 16 {
			t.Fatalf("%d of %d shown, want 16 of 20", len(show.Pending), show.PendingLen)
		}
		if err, ok := show.Pending[0].View.(error); !ok {
			t.Errorf("a request that panics is shown as %v, want an error", err)
		}
		for i, r := range show.Pending[1:] {
			want := inspect.Request{ID: uint64(3 + i), View: fmt.Sprintf("shown %d", i), Posted: begun.Add(time.Duration(i+1) * time.Second), Attempt: 1}
			if !r.Posted.Equal(want.Posted) || r.ID != want.ID || r.View != want.View || !r.Started.IsZero() {
				t.Errorf("pending %d is %+v, want %+v", i+1, r, want)
			}
		}
		release()
	})
}

// TestW30SnapshotIsConsistent: one look shows one moment: what is in hand, what
// waits behind it and what has ended add up to what was posted.
func TestW30SnapshotIsConsistent(t *testing.T) {
	table := worker.NewQueue(showing(), worker.Config{})
	w := launch(t, table, "a")
	var posters, watcher sync.WaitGroup
	over := make(chan struct{})
	watcher.Go(func() {
		for {
			for show := range table.Snapshot {
				last := show.Done + show.Failed
				for _, r := range slices.Concat(show.Current, show.Pending) {
					if r.ID != last+1 {
						t.Errorf("%d follows %d: %+v", r.ID, last, show)
					}
					last = r.ID
				}
				if len(show.Pending) != min(show.PendingLen, 16) || show.State == ganger.Idle && len(show.Current) > 0 {
					t.Errorf("inconsistent: %+v", show)
				}
			}
			select {
			case <-over:
				return
			default:
			}
		}
	})
	for range 4 {
		posters.Go(func() {
			for i := range 2000 {
				must(t, "push", w.Push(Shown{N: i}))
			}
		})
	}
	posters.Wait()
	close(over)
	watcher.Wait()
	must(t, "close", table.Close(context.Background()))
}

// TestW31WhoIsInTheTable: whoever has a life or will have one is found and listed,
// in whatever state, and nobody else.
func TestW31WhoIsInTheTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := script()
		d.Close = func(context.Context, *diary, error) error { time.Sleep(time.Second); return nil }
		table := worker.NewQueue(d, worker.Config{Restart: life.Policy{Burst: 1, Retry: time.Minute}})
		closing(t, table)
		go func() { _, _ = table.Launch(t.Context(), "starting", slow) }()
		idle, busy, stopping := launch(t, table, "idle"), launch(t, table, "busy"), launch(t, table, "stopping")
		down, dead := launch(t, table, "down"), launch(t, table, "dead")
		must(t, "stop", dead.Stop(t.Context()))
		must(t, "push", down.Push(panicking("ouch")))
		time.Sleep(time.Second)
		q, release := parked()
		must(t, "push", busy.Push(q))
		stopping.Trigger(nil)
		go func() { _, _ = table.Launch(t.Context(), "again", slow) }()
		synctest.Wait()

		want := map[string]string{"starting": "idle", "again": "starting", "idle": "idle", "busy": "busy", "stopping": "stopping", "down": "dead circuit open"}
		got := map[string]string{}
		for name, w := range table.All() {
			state, _ := w.Status()
			got[name] = state.String()
			if d := w.Describe().Detail; d != "" {
				got[name] += " " + d
			}
			if found, ok := table.Find(name); !ok || found != w {
				t.Errorf("%s is listed and not found", name)
			}
		}
		for name := range want {
			if got[name] != want[name] {
				t.Errorf("%s is %q, want %q", name, got[name], want[name])
			}
		}
		if _, ok := table.Find("dead"); ok || len(got) != len(want) {
			t.Errorf("listed %v, found the dead: %t; want %v", got, ok, want)
		}
		if state, _ := dead.Status(); state != ganger.Dead || idle.Name() != "idle" {
			t.Errorf("a ref to the dead says %v", state)
		}
		for range table.All() {
			break // the loop may be left
		}
		release()
		time.Sleep(time.Minute)
		synctest.Wait()
		if d := down.Describe(); d.State != ganger.Idle || d.Detail != "" || d.Retry != nil {
			t.Errorf("after the circuit was closed: %+v, want it idle", d)
		}
	})
}

// TestW32Obituaries: a table remembers the newest ends of lives, oldest first,
// with reason, times and what was in hand.
func TestW32Obituaries(t *testing.T) {
	for _, c := range []struct{ config, crashes, first, kept int }{
		{3, 2, 1, 2}, {3, 4, 2, 3}, {3, 7, 5, 3}, {0, 40, 9, 32}, {-1, 2, 0, 0},
	} {
		t.Run(fmt.Sprint(c.config, c.crashes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := showing()
				d.OnError = func(context.Context, *diary, worker.Post[Script], error) worker.Verdict { return worker.Crash }
				table := worker.NewQueue(d, worker.Config{Obituaries: c.config, Restart: life.Policy{Min: -1, Burst: -1}})
				closing(t, table)
				w := launch(t, table, "a")
				begun := time.Now()
				for i := range c.crashes {
					time.Sleep(time.Second)
					if i%2 == 0 {
						must(t, "push", w.Push(panicking("ouch")))
					} else {
						must(t, "push", w.Push(failing(i)))
					}
					synctest.Wait()
				}
				dead := table.Dead()
				if len(dead) != c.kept {
					t.Fatalf("%d obituaries, want %d", len(dead), c.kept)
				}
				for i, o := range dead {
					n := c.first + i
					says := "ouch"
					if n%2 == 0 {
						says = "refused"
					}
					if o.Worker != "a" || o.Incarnation != uint64(n) || o.Exit.Reason != ganger.LeavingPanic || o.Exit.Stderr != says ||
						o.Born.Sub(begun) != time.Duration(n-1)*time.Second || o.Died.Sub(begun) != time.Duration(n)*time.Second ||
						o.Last == nil || o.Last.View != "worker_test.Do" || !o.Last.Started.Equal(o.Died) {
						t.Errorf("obituary %d: %+v with %+v, want that of life %d: %s", i, o, o.Last, n, says)
					}
				}
				if last := w.Describe().Last; last == nil || last.Incarnation != uint64(c.crashes) {
					t.Errorf("the worker's last life was %+v, want number %d", last, c.crashes)
				}
			})
		})
	}
}

// TestW37Events: the hub is told one start and one end of each life, in order, and
// knows the table until it is closed.
func TestW37Events(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := &inspect.Hub{}
		ctx, cancel := context.WithCancel(t.Context())
		var read sync.WaitGroup
		story := map[string][]string{}
		events := hub.Events(ctx)
		read.Go(func() {
			for e := range events {
				if e.Group != "Script" || e.At.IsZero() {
					t.Errorf("event %+v of no group or time", e)
				}
				key := fmt.Sprintf("%s#%d", e.Worker, e.Incarnation)
				story[key] = append(story[key], e.Name)
			}
		})
		table := worker.NewQueue(script(), worker.Config{Hub: hub, Restart: life.Policy{Min: -1, Burst: 3}})
		if known := slices.Collect(hub.Groups()); len(known) != 1 || known[0] != inspect.Group(table) {
			t.Errorf("the hub knows %v, want the table", known)
		}
		if kind, name := table.Describe(); kind != "table" || name != "Script" {
			t.Errorf("the table is a %s %s", kind, name)
		}
		a, b := launch(t, table, "a"), launch(t, table, "b")
		_, _ = table.Launch(t.Context(), "c", func(context.Context, worker.Self[Script]) error { return errors.New("no") })
		for range 3 {
			must(t, "push", a.Push(panicking("ouch")))
			synctest.Wait()
		}
		must(t, "push", b.Push(obedient()))
		synctest.Wait()
		must(t, "close", table.Close(t.Context()))
		synctest.Wait()
		cancel()
		read.Wait()
		for life, want := range map[string][]string{
			"a#1": {"starting", "idle", "dead"}, "a#2": {"starting", "idle", "dead"}, "a#3": {"starting", "idle", "open", "dead"},
			"b#1": {"starting", "idle", "stopping", "dead"}, "c#1": {"starting", "dead"},
		} {
			if !slices.Equal(story[life], want) {
				t.Errorf("of %s was told %v, want %v", life, story[life], want)
			}
			delete(story, life)
		}
		if len(story) != 0 {
			t.Errorf("and also %v", story)
		}
		for g := range hub.Groups() {
			t.Errorf("a closed table is still known: %v", g)
		}
	})
}

// obedient is a request whose handler waits for the end of its context.
func obedient() Do {
	return Do{F: func(ctx context.Context, _ *diary) (int, error) {
		<-ctx.Done()
		return 0, context.Cause(ctx)
	}}
}
