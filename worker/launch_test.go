package worker_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/worker"
)

// TestW12NameTaken: a second launch under a name fails and does not touch the
// first worker.
func TestW12NameTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := worker.NewQueue(script(), worker.Config{})
		closing(t, table)
		w := launch(t, table, "a")
		must(t, "push", w.Push(Note{N: 1}))
		_, err := table.Launch(t.Context(), "a", func(context.Context, worker.Self[Script]) error {
			t.Error("Launch was called for a name that is taken")
			return nil
		})
		if !errors.Is(err, worker.ErrNameTaken) || err.Error() != "launch a: worker: the name is taken" {
			t.Errorf("second launch: %v", err)
		}
		if got := noted(t, w); len(got) != 1 {
			t.Errorf("the first worker noted %v, want one", got)
		}
		must(t, "stop", w.Stop(t.Context()))
		launch(t, table, "a")
	})
}

// TestW12OneOfManyLaunchesWins: of a hundred at once exactly one.
func TestW12OneOfManyLaunchesWins(t *testing.T) {
	table := worker.NewQueue(script(), worker.Config{})
	closing(t, table)
	var launched, taken, wins, finds atomic.Int64
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			switch _, err := table.Launch(t.Context(), "a", nil); {
			case err == nil:
				launched.Add(1)
			case errors.Is(err, worker.ErrNameTaken):
				taken.Add(1)
			}
		})
		all.Go(func() {
			w, won, err := table.LaunchOrFind(t.Context(), "b", nil)
			must(t, "launch or find", err)
			if won {
				wins.Add(1)
			}
			if _, err := worker.Call(t.Context(), w, Note{}); err == nil {
				finds.Add(1)
			}
		})
	}
	all.Wait()
	if launched.Load() != 1 || taken.Load() != 99 || wins.Load() != 1 || finds.Load() != 100 {
		t.Errorf("%d launched and %d refused, want 1 and 99; %d launched and %d found, want 1 and 100",
			launched.Load(), taken.Load(), wins.Load(), finds.Load())
	}
}

// TestW12LaunchOrFind: one that is starting is found, one that is stopping is
// waited for and launched anew.
func TestW12LaunchOrFind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := script()
		d.Close = func(context.Context, *diary, error) error {
			time.Sleep(time.Second)
			return nil
		}
		table := worker.NewQueue(d, worker.Config{})
		closing(t, table)
		begun := time.Now()
		go func() {
			_, err := table.Launch(t.Context(), "a", slow)
			must(t, "launch", err)
		}()
		synctest.Wait()
		first, launched, err := table.LaunchOrFind(t.Context(), "a", nil)
		if launched || err != nil || time.Since(begun) != 0 {
			t.Errorf("one that is starting: launched %t, %v, after %v; want it found at once", launched, err, time.Since(begun))
		}
		must(t, "call", func() error { _, err := worker.Call(t.Context(), first, Note{}); return err }())
		first.Trigger(nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, _, err = table.LaunchOrFind(ctx, "a", nil)
		wantEnd(t, "giving up on one that is stopping", err, ganger.Cancelled, ganger.CauseWithdrawn)
		second, launched, err := table.LaunchOrFind(t.Context(), "a", nil)
		if !launched || err != nil || second == first || time.Since(begun) != 2*time.Second {
			t.Errorf("one that is stopping: launched %t, %v, after %v; want it launched anew after 2s", launched, err, time.Since(begun))
		}
	})
}

// slow is a launch that takes a second.
func slow(ctx context.Context, _ worker.Self[Script]) error {
	time.Sleep(time.Second)
	return nil
}

// TestW13FailedLaunch: an error, a panic or a Goexit in Launch frees the name,
// and those who had posted learn why.
func TestW13FailedLaunch(t *testing.T) {
	ouch := errors.New("ouch")
	for _, c := range []struct {
		name  string
		start start
		stack bool
	}{
		{"error", func(context.Context, worker.Self[Script]) error { return ouch }, false},
		{"panic", func(context.Context, worker.Self[Script]) error { panic(ouch) }, true},
		{"Self.Crash", func(ctx context.Context, self worker.Self[Script]) error {
			self.Crash(ouch)
			<-ctx.Done()
			return nil
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				table := worker.NewQueue(script(), worker.Config{})
				closing(t, table)
				launched := make(chan error, 1)
				go func() {
					_, err := table.Launch(t.Context(), "a", func(ctx context.Context, self worker.Self[Script]) error {
						must(t, "push to itself", self.Push(Note{}))
						time.Sleep(time.Second)
						return c.start(ctx, self)
					})
					launched <- err
				}()
				synctest.Wait()
				w, ok := table.Find("a")
				if state, _ := w.Status(); !ok || state != ganger.Starting {
					t.Fatalf("found %t, %v; want it starting", ok, state)
				}
				early := ask(t.Context(), w, Note{})
				err := <-launched
				wantEnd(t, "launch", err, ganger.Rejected, ganger.CauseStart)
				e, _ := errors.AsType[*ganger.Error](err)
				if !errors.Is(err, ouch) || e.Exit == nil || (e.Exit.Stack != "") != c.stack {
					t.Errorf("launch: %v (%+v), want %v, with its stack: %t", err, e, ouch, c.stack)
				}
				if _, ok := table.Find("a"); ok {
					t.Error("the name is not free when Launch returns")
				}
				err = early.end()
				wantEnd(t, "an early caller", err, ganger.Rejected, ganger.CauseClosed)
				if !errors.Is(err, ouch) || !errors.Is(w.Err(), ouch) {
					t.Errorf("an early caller got %v and Err is %v, want %v in both", err, w.Err(), ouch)
				}
				if dead := table.Dead(); len(dead) != 1 || dead[0].Incarnation != 1 {
					t.Errorf("obituaries %+v, want one", dead)
				}
				launch(t, table, "a")
			})
		})
	}
	t.Run("Goexit", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			table := worker.NewQueue(script(), worker.Config{})
			closing(t, table)
			_, err := table.Launch(t.Context(), "a", func(context.Context, worker.Self[Script]) error { goexit(); return nil })
			wantEnd(t, "launch", err, ganger.Rejected, ganger.CauseStart)
			if !strings.Contains(err.Error(), "runtime.Goexit") {
				t.Errorf("launch: %v does not say what happened", err)
			}
			launch(t, table, "a")
		})
	})
}

// TestW14PostsWhileStarting: what comes before the worker is ready is performed
// afterwards, in order, its own first.
func TestW14PostsWhileStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := worker.NewQueue(script(), worker.Config{})
		closing(t, table)
		go func() {
			_, err := table.Launch(t.Context(), "a", func(ctx context.Context, self worker.Self[Script]) error {
				must(t, "push to itself", self.Push(Note{N: 1}))
				return slow(ctx, self)
			})
			must(t, "launch", err)
		}()
		synctest.Wait()
		w, _ := table.Find("a")
		must(t, "push", w.Push(Note{N: 2}))
		call := ask(t.Context(), w, Note{N: 3})
		synctest.Wait()
		must(t, "push", w.Push(Note{N: 4}))
		if d := w.Describe(); d.PendingLen != 4 || d.State != ganger.Starting || !d.Born.IsZero() {
			t.Errorf("%+v, want four that wait for one that starts and is not born", d)
		}
		must(t, "call", call.end())
		if got, want := noted(t, w), []int{1, 2, 3, 4}; !slices.Equal(got, want) {
			t.Errorf("performed %v, want %v", got, want)
		}
	})
}

// TestW15StopWhileStarting: Launch's context ends, Stop waits for it, and Close is
// called for what it has made and for nothing else.
func TestW15StopWhileStarting(t *testing.T) {
	enough := errors.New("enough")
	for _, c := range []struct {
		name   string
		start  start
		stop   func(w scriptQueue, cancel context.CancelCauseFunc)
		closed int
		cause  ganger.Cause
		reason ganger.Leaving
		took   time.Duration
	}{
		{
			"it obeys", func(ctx context.Context, _ worker.Self[Script]) error { <-ctx.Done(); return ctx.Err() },
			func(w scriptQueue, _ context.CancelCauseFunc) { w.Trigger(enough) },
			0, ganger.CauseShutdown, ganger.LeavingStartFailed, 0,
		},
		{
			"it succeeds all the same", slow,
			func(w scriptQueue, _ context.CancelCauseFunc) { w.Trigger(enough) },
			1, ganger.CauseShutdown, ganger.LeavingStopped, time.Second,
		},
		{
			"its launcher gives up", slow,
			func(_ scriptQueue, cancel context.CancelCauseFunc) { cancel(enough) },
			1, ganger.CauseWithdrawn, ganger.LeavingStopped, time.Second,
		},
		{
			"it is deaf for long", func(context.Context, worker.Self[Script]) error { time.Sleep(time.Hour); return nil },
			func(w scriptQueue, _ context.CancelCauseFunc) { w.Trigger(enough) },
			1, ganger.CauseShutdown, ganger.LeavingStartFailed, worker.DefaultGrace,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := script()
				var closed int
				d.Close = func(_ context.Context, _ *diary, why error) error {
					closed++
					if !errors.Is(why, enough) {
						t.Errorf("Close was told %v, want %v", why, enough)
					}
					return nil
				}
				table := worker.NewQueue(d, worker.Config{})
				closing(t, table)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				launched := make(chan error, 1)
				go func() {
					_, err := table.Launch(ctx, "a", c.start)
					launched <- err
				}()
				synctest.Wait()
				w, _ := table.Find("a")
				begun := time.Now()
				early := ask(t.Context(), w, Note{})
				synctest.Wait()
				c.stop(w, cancel)
				wantEnd(t, "an early caller", early.end(), ganger.Cancelled, ganger.CauseShutdown)
				if took := time.Since(begun); took != 0 {
					t.Errorf("the early caller waited %v, want nothing", took)
				}
				must(t, "stop", w.Stop(t.Context()))
				if took := time.Since(begun); took != c.took {
					t.Errorf("stopped after %v, want %v", took, c.took)
				}
				err := <-launched
				wantEnd(t, "launch", err, ganger.Cancelled, c.cause)
				if !errors.Is(err, enough) {
					t.Errorf("launch: %v does not say why", err)
				}
				if dead := table.Dead(); len(dead) != 1 || dead[0].Exit.Reason != c.reason {
					t.Errorf("obituaries %+v, want one of %q", dead, c.reason)
				}
				time.Sleep(2 * time.Hour) // for what was abandoned
				synctest.Wait()
				if closed != c.closed {
					t.Errorf("Close was called %d times, want %d", closed, c.closed)
				}
			})
		})
	}
}
