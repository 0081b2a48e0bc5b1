package worker_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/worker"
)

// sleeping is a request whose handler takes so long, whatever its context.
func sleeping(d time.Duration) Do {
	return Do{F: func(context.Context, *diary) (int, error) {
		time.Sleep(d)
		return 7, nil
	}}
}

// TestW25Idle: OnIdle comes when Idle has passed without a request and each time
// it has passed again; a request begins anew, and a busy worker is not idle.
func TestW25Idle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var at []time.Duration
		d := script()
		d.OnIdle = func(context.Context, *diary) {
			at = append(at, time.Since(begun)/time.Second)
			time.Sleep(time.Second)
		}
		w := queue(t, d, worker.Config{Idle: 10 * time.Second})
		time.Sleep(25 * time.Second) // 10, then from 11 on: 21
		must(t, "push at 25", w.Push(Note{}))
		time.Sleep(15 * time.Second) // 35
		must(t, "push at 40", w.Push(sleeping(time.Minute)))
		time.Sleep(65 * time.Second)
		must(t, "push at 105", w.Push(Note{}))
		time.Sleep(20 * time.Second) // 115
		synctest.Wait()
		if want := []time.Duration{10, 21, 35, 115}; !slices.Equal(at, want) {
			t.Errorf("OnIdle was called after %d seconds, want %d", at, want)
		}
		must(t, "stop", w.Stop(t.Context()))
		time.Sleep(time.Hour)
		if n := len(at); n > 4 {
			t.Errorf("OnIdle was called for a dead worker, after %d seconds", at[4:])
		}
	})
}

// TestW25IdleIsATurn: a stop during OnIdle ends its context, and a request waits
// until it has returned.
func TestW25IdleIsATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := script()
		var told error
		d.OnIdle = func(ctx context.Context, _ *diary) {
			<-ctx.Done()
			told = context.Cause(ctx)
		}
		w := queue(t, d, worker.Config{Idle: time.Second})
		time.Sleep(time.Second)
		synctest.Wait()
		waits := ask(t.Context(), w, Note{})
		synctest.Wait()
		if d := w.Describe(); d.State != ganger.Busy || d.PendingLen != 1 {
			t.Errorf("%+v, want it busy with one that waits", d)
		}
		must(t, "stop", w.Stop(t.Context()))
		wantEnd(t, "the context of OnIdle", told, ganger.Cancelled, ganger.CauseShutdown)
		wantEnd(t, "what waited", waits.end(), ganger.Cancelled, ganger.CauseShutdown)
	})
}

// TestW26Limit: at the limit the handler's context ends; an error then is a
// time-out, a success is a success; one that ignores it is abandoned after the
// grace, and the policy decides about the next life.
func TestW26Limit(t *testing.T) {
	own := errors.New("own")
	const limit, grace = 10 * time.Second, 3 * time.Second
	for _, c := range []struct {
		name   string
		policy life.Policy
		f      func(ctx context.Context) (int, error)
		well   bool
		after  time.Duration
		lives  uint64
		gone   bool
	}{
		{"it obeys", life.Policy{}, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() }, false, limit, 1, false},
		{"it fails for a reason of its own", life.Policy{}, func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, own }, false, limit, 1, false},
		{"it succeeds within the grace", life.Policy{}, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			time.Sleep(2 * time.Second)
			return 7, nil
		}, true, limit + 2*time.Second, 1, false},
		{"it ignores it", life.Policy{}, func(context.Context) (int, error) { time.Sleep(time.Hour); return 7, nil }, false, limit + grace, 2, false},
		{"it ignores it, temporary", once, func(context.Context) (int, error) { time.Sleep(time.Hour); return 7, nil }, false, limit + grace, 1, true},
		{"in time", life.Policy{}, func(ctx context.Context) (int, error) { time.Sleep(limit - 1); return 7, ctx.Err() }, true, limit - 1, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := script()
				failures := 0
				d.OnError = func(_ context.Context, _ *diary, _ worker.Post[Script], err error) worker.Verdict {
					failures++
					wantEnd(t, "OnError", err, ganger.TimedOut, ganger.CauseExec)
					return worker.Continue
				}
				table := worker.NewQueue(d, worker.Config{Limit: limit, Grace: grace, Restart: c.policy})
				closing(t, table)
				w := launch(t, table, "a")
				var told error
				begun := time.Now()
				call := ask(context.Background(), w, Do{F: func(ctx context.Context, _ *diary) (int, error) {
					context.AfterFunc(ctx, func() { told = context.Cause(ctx) })
					return c.f(ctx)
				}})
				synctest.Wait()
				next := ask(t.Context(), w, Note{})
				err := call.end()
				if took := time.Since(begun); took != c.after {
					t.Errorf("the caller had its end after %v, want %v", took, c.after)
				}
				synctest.Wait()
				if c.well {
					if err != nil || call.n != 7 {
						t.Errorf("the caller got %d, %v; want 7", call.n, err)
					}
				} else {
					wantEnd(t, "the caller", err, ganger.TimedOut, ganger.CauseExec)
				}
				if c.after >= limit {
					wantEnd(t, "the handler's context", told, ganger.TimedOut, ganger.CauseExec)
				}
				if c.after == limit && failures != 1 {
					t.Errorf("OnError was told %d times, want once", failures)
				}
				if c.name == "it fails for a reason of its own" && !errors.Is(err, own) {
					t.Errorf("the caller got %v without the handler's own words", err)
				}
				if _, n := w.Status(); n != c.lives {
					t.Errorf("%d lives, want %d", n, c.lives)
				}
				if dead := table.Dead(); c.after == limit+grace && (len(dead) != 1 ||
					dead[0].Exit.Reason != ganger.LeavingAbandoned || dead[0].Last == nil || dead[0].Last.View != "worker_test.Do") {
					t.Errorf("obituaries %+v, want one that was abandoned with what it had in hand", dead)
				}
				if c.gone {
					wantEnd(t, "the next", next.end(), ganger.Rejected, ganger.CauseClosed)
					wantEnd(t, "Err", w.Err(), ganger.Crashed, ganger.Cause(ganger.LeavingAbandoned))
				} else {
					must(t, "the next", next.end())
				}
				time.Sleep(2 * time.Hour) // for what was abandoned
			})
		})
	}
}

// TestW26TheClockOfEachRequest: the limit counts from when its handler begins, not
// from the push, nor from before the callbacks of the request before it.
func TestW26TheClockOfEachRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type stamps struct{ pushed, started, ended time.Duration }
		begun := time.Now()
		var told []stamps
		d := script()
		d.OnDone = func(_ context.Context, _ *diary, _ worker.Post[Script], pushed, started, ended stamp) {
			told = append(told, stamps{pushed.Sub(begun), started.Sub(begun), ended.Sub(begun)})
			time.Sleep(5 * time.Second)
		}
		d.OnError = func(context.Context, *diary, worker.Post[Script], error) worker.Verdict {
			time.Sleep(5 * time.Second)
			return worker.Continue
		}
		w := queue(t, d, worker.Config{Limit: 10 * time.Second})
		time.Sleep(time.Second)
		first := ask(t.Context(), w, sleeping(9*time.Second))
		synctest.Wait()
		second := ask(t.Context(), w, sleeping(9*time.Second))
		synctest.Wait()
		fails := ask(t.Context(), w, failing(1))
		synctest.Wait()
		third := ask(t.Context(), w, sleeping(9*time.Second))
		for _, c := range []*asked{first, second, third} {
			must(t, "a call within its limit", c.end())
		}
		if err := fails.end(); err != (refused{1}) {
			t.Errorf("the one that fails: %v", err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		const s = time.Second
		if want := []stamps{{1 * s, 1 * s, 10 * s}, {1 * s, 15 * s, 24 * s}, {1 * s, 34 * s, 43 * s}}; !slices.Equal(told, want) {
			t.Errorf("OnDone was told %v, want %v", told, want)
		}
	})
}

// TestW28Stamps: a life is born when it is ready, and the stamp of a state is that
// of its beginning.
func TestW28Stamps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		table := worker.NewQueue(script(), worker.Config{Restart: life.Policy{Min: -1}})
		closing(t, table)
		go func() {
			_, err := table.Launch(t.Context(), "a", slow)
			must(t, "launch", err)
		}()
		synctest.Wait()
		w, _ := table.Find("a")
		want := func(state ganger.State, since, born time.Duration) {
			t.Helper()
			synctest.Wait()
			d := w.Describe()
			was := time.Duration(-1)
			if !d.Born.IsZero() {
				was = d.Born.Sub(begun)
			}
			if d.State != state || d.Since.Sub(begun) != since || was != born {
				t.Errorf("%v since %v, born %v; want %v since %v, born %v", d.State, d.Since.Sub(begun), was, state, since, born)
			}
		}
		const s = time.Second
		want(ganger.Starting, 0, -1)
		time.Sleep(2 * s)
		want(ganger.Idle, s, s)
		must(t, "push", w.Push(sleeping(2*s)))
		must(t, "push", w.Push(sleeping(2*s)))
		time.Sleep(3 * s)
		want(ganger.Busy, 2*s, s)
		time.Sleep(3 * s)
		want(ganger.Idle, 6*s, s)
		must(t, "push", w.Push(panicking("ouch")))
		want(ganger.Starting, 8*s, -1)
		time.Sleep(s)
		want(ganger.Idle, 9*s, 9*s)
		must(t, "stop", w.Stop(t.Context()))
		want(ganger.Dead, 9*s, 9*s)
		if o := table.Dead(); len(o) != 2 || o[0].Born.Sub(begun) != s || o[0].Died.Sub(begun) != 8*s || o[1].Born.Sub(begun) != 9*s {
			t.Errorf("obituaries %+v, want lives from 1s to 8s and of 9s", o)
		}
	})
}

// TestW28StampsNeverGoBack: not for many who post while others look.
func TestW28StampsNeverGoBack(t *testing.T) {
	table := worker.NewQueue(script(), worker.Config{})
	w := launch(t, table, "a")
	var posters, watcher sync.WaitGroup
	over := make(chan struct{})
	watcher.Go(func() {
		var last time.Time
		for {
			d := w.Describe()
			if d.Since.Before(last) {
				t.Errorf("%v since %v, and before since %v", d.State, d.Since, last)
			}
			last = d.Since
			for _, r := range d.Current {
				if r.Started.Before(r.Posted) {
					t.Errorf("started %v before it was posted at %v", r.Started, r.Posted)
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
			for range 2000 {
				if _, err := worker.Call(context.Background(), w, Note{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	posters.Wait()
	close(over)
	watcher.Wait()
	must(t, "close", table.Close(context.Background()))
}
