package worker_test

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/worker"
)

// TestW21StopWithARequestInHand: its handler's context ends; the caller gets what
// the handler makes of it, or Cancelled (shutdown) once the grace is over; Close
// comes after.
func TestW21StopWithARequestInHand(t *testing.T) {
	enough, own := errors.New("enough"), errors.New("own")
	const grace = 3 * time.Second
	for _, c := range []struct {
		name      string
		f         func(ctx context.Context) (int, error)
		end       func(n int, err error) bool
		after     time.Duration // Close, and the caller's end
		reason    ganger.Leaving
		abandoned bool
	}{
		{"it returns the end of its context", func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}, nil, 0, ganger.LeavingStopped, false},
		{"it returns the cause", func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, context.Cause(ctx)
		}, nil, 0, ganger.LeavingStopped, false},
		{"it fails for a reason of its own", func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, own
		}, func(_ int, err error) bool { return err == own }, 0, ganger.LeavingStopped, false},
		{"it finishes within the grace", func(ctx context.Context) (int, error) {
			<-ctx.Done()
			time.Sleep(2 * time.Second)
			return 9, nil
		}, func(n int, err error) bool { return n == 9 && err == nil }, 2 * time.Second, ganger.LeavingStopped, false},
		{"it panics", func(ctx context.Context) (int, error) {
			<-ctx.Done()
			panic(own)
		}, func(_ int, err error) bool { return ganger.OutcomeOf(err) == ganger.Crashed && errors.Is(err, own) }, 0, ganger.LeavingPanic, false},
		{"it ignores it", func(context.Context) (int, error) {
			time.Sleep(time.Hour)
			return 9, nil
		}, nil, grace, ganger.LeavingAbandoned, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := script()
				var returned atomic.Bool // an abandoned handler does it late
				closed := false
				begun := time.Now()
				d.Close = func(_ context.Context, _ *diary, why error) error {
					closed = true
					if returned.Load() == c.abandoned || time.Since(begun) != c.after || why != enough {
						t.Errorf("Close after %v, the handler had returned: %t, for %v; want %v, %t, %v",
							time.Since(begun), returned.Load(), why, c.after, !c.abandoned, enough)
					}
					return nil
				}
				d.OnError = func(_ context.Context, _ *diary, _ worker.Post[Script], err error) worker.Verdict {
					if err != own {
						t.Errorf("OnError was told of %v, which is no failure of the work", err)
					}
					return worker.Continue
				}
				table := worker.NewQueue(d, worker.Config{Grace: grace})
				closing(t, table)
				w := launch(t, table, "a")
				var told error
				call := ask(context.Background(), w, Do{F: func(ctx context.Context, _ *diary) (int, error) {
					defer returned.Store(true)
					context.AfterFunc(ctx, func() { told = context.Cause(ctx) })
					return c.f(ctx)
				}})
				synctest.Wait()
				queued := ask(t.Context(), w, Note{})
				synctest.Wait()
				w.Trigger(enough)
				if state, _ := w.Status(); state != ganger.Stopping && state != ganger.Dead {
					t.Errorf("right after Trigger it is %v", state)
				}
				wantEnd(t, "what waited", queued.end(), ganger.Cancelled, ganger.CauseShutdown)
				if took := time.Since(begun); took != 0 {
					t.Errorf("what waited had its end after %v, want at once", took)
				}
				err := call.end()
				if c.end != nil {
					if !c.end(call.n, err) {
						t.Errorf("the caller got %d, %v", call.n, err)
					}
				} else {
					wantEnd(t, "the caller", err, ganger.Cancelled, ganger.CauseShutdown)
					if !errors.Is(err, enough) {
						t.Errorf("the caller's end does not say why: %v", err)
					}
				}
				if took := time.Since(begun); took != c.after {
					t.Errorf("the caller had its end after %v, want %v", took, c.after)
				}
				must(t, "stop", w.Stop(t.Context()))
				synctest.Wait()
				wantEnd(t, "the handler's context", told, ganger.Cancelled, ganger.CauseShutdown)
				dead := table.Dead()
				if !closed || len(dead) != 1 || dead[0].Exit.Reason != c.reason || w.Err() != enough {
					t.Errorf("closed %t, obituaries %+v, Err %v; want one of %q and %v", closed, dead, w.Err(), c.reason, enough)
				}
				if len(dead) == 1 && (!dead[0].Exit.Asked || dead[0].Exit.Reason != ganger.LeavingStopped && dead[0].Exit.Stderr == "") {
					t.Errorf("the exit is %+v, want that it was asked for, and what went wrong", dead[0].Exit)
				}
				if got := w.Describe().Extra["abandoned"]; (got == uint64(1)) != c.abandoned {
					t.Errorf("%v goroutines abandoned, want one: %t", got, c.abandoned)
				}
				time.Sleep(2 * time.Hour) // for what was abandoned
			})
		})
	}
}

// TestW21NoGrace: a negative grace is none.
func TestW21NoGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := queue(t, script(), worker.Config{Grace: -1})
		q, release := parked()
		call := ask(t.Context(), w, q)
		synctest.Wait()
		begun := time.Now()
		must(t, "stop", w.Stop(t.Context()))
		wantEnd(t, "the caller", call.end(), ganger.Cancelled, ganger.CauseShutdown)
		if took := time.Since(begun); took != 0 {
			t.Errorf("stopped after %v, want at once", took)
		}
		release()
	})
}

// TestW22CloseExactlyOnce: whatever the worker ends of, Close is called once and
// has returned before Stop does and Done is closed, and the name is free then.
func TestW22CloseExactlyOnce(t *testing.T) {
	ouch := errors.New("ouch")
	for _, c := range []struct {
		name string
		end  func(w scriptQueue)
		why  error
	}{
		{"Stop", func(w scriptQueue) { _ = w.Stop(context.Background()) }, nil},
		{"many stops", func(w scriptQueue) {
			for range 5 {
				go func() { _ = w.Stop(context.Background()) }()
				go w.Trigger(nil)
			}
		}, nil},
		{"Trigger", func(w scriptQueue) { w.Trigger(ouch) }, ouch},
		{"Trigger in a handler", func(w scriptQueue) {
			_ = w.Push(Do{F: func(_ context.Context, s *diary) (int, error) { s.self.Trigger(ouch); return 0, nil }})
		}, ouch},
		{"the verdict stop", func(w scriptQueue) { _ = w.Push(failing(1)) }, refused{1}},
		{"the verdict crash", func(w scriptQueue) { _ = w.Push(failing(2)) }, refused{2}},
		{"a panic", func(w scriptQueue) { _ = w.Push(panicking(ouch)) }, ouch},
		{"Self.Crash", func(w scriptQueue) {
			_ = w.Push(Do{F: func(_ context.Context, s *diary) (int, error) { s.self.Crash(ouch); return 0, nil }})
		}, ouch},
		{"a panic and a stop", func(w scriptQueue) {
			_ = w.Push(panicking(ouch))
			synctest.Wait()
			w.Trigger(nil)
		}, ouch},
		{"the launcher's table", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := script()
				closed, done := 0, false
				d.OnError = func(_ context.Context, _ *diary, _ worker.Post[Script], err error) worker.Verdict {
					return worker.Verdict(err.(refused).code)
				}
				d.Close = func(_ context.Context, s *diary, why error) error {
					closed++
					if !errors.Is(why, c.why) || (why == nil) != (c.why == nil) || s == nil {
						t.Errorf("Close of %v was told %v, want %v", s, why, c.why)
					}
					time.Sleep(time.Second)
					done = true
					return nil
				}
				table := worker.NewQueue(d, worker.Config{Restart: once})
				closing(t, table)
				w := launch(t, table, "a")
				if c.end != nil {
					c.end(w)
				} else {
					must(t, "close", table.Close(t.Context()))
				}
				<-w.Done()
				if closed != 1 || !done {
					t.Errorf("at Done Close was called %d times and had returned: %t", closed, done)
				}
				if _, ok := table.Find("a"); ok {
					t.Error("at Done the name is not free")
				}
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				for range 20 {
					must(t, "stop of the dead by one who has no time", w.Stop(ctx))
				}
				if err := w.Err(); !errors.Is(err, c.why) || (err == nil) != (c.why == nil) {
					t.Errorf("Err is %v, want %v", err, c.why)
				}
			})
		})
	}
}

// TestW23CloseFails: an error, a panic, a Goexit or no return at all frees the
// name all the same, and is told.
func TestW23CloseFails(t *testing.T) {
	ouch := errors.New("ouch")
	for _, c := range []struct {
		name  string
		close func(ctx context.Context) error
		took  time.Duration
		says  string
	}{
		{"error", func(context.Context) error { return ouch }, 0, "close: ouch"},
		{"panic", func(context.Context) error { panic(ouch) }, 0, "close: crashed (panic) on a#1: panic: ouch"},
		{"Goexit", func(context.Context) error { goexit(); return nil }, 0, "runtime.Goexit"},
		{"it obeys its context late", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, worker.DefaultGrace, "within 5s"},
		{"never", func(context.Context) error { time.Sleep(time.Hour); return nil }, worker.DefaultGrace, "within 5s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := script()
				var calls atomic.Int64 // one that was abandoned is beside the next
				d.Close = func(ctx context.Context, _ *diary, _ error) error {
					if calls.Add(1) > 1 {
						return nil
					}
					return c.close(ctx)
				}
				table := worker.NewQueue(d, worker.Config{})
				closing(t, table)
				w := launch(t, table, "a")
				begun := time.Now()
				must(t, "stop", w.Stop(t.Context()))
				if took := time.Since(begun); took != c.took {
					t.Errorf("stopped after %v, want %v", took, c.took)
				}
				if err := w.Err(); err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("Err is %v, want %q in it", err, c.says)
				}
				dead := table.Dead()
				if len(dead) != 1 || dead[0].Exit.Reason != ganger.LeavingStopped || !strings.Contains(dead[0].Exit.Stderr, c.says) {
					t.Errorf("obituaries %+v, want one with %q", dead, c.says)
				}
				must(t, "a new one", launch(t, table, "a").Stop(t.Context()))
				time.Sleep(2 * time.Hour) // for what was abandoned
			})
		})
	}
}

// TestW24StopFromInside: a handler that would wait for its own worker is told so
// and changes nothing; Trigger is legal.
func TestW24StopFromInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := worker.NewQueue(script(), worker.Config{})
		closing(t, table)
		w, other := launch(t, table, "a"), launch(t, table, "b")
		inside := func(f func(ctx context.Context, s *diary) error) error {
			_, err := worker.Call(t.Context(), w, Do{F: func(ctx context.Context, s *diary) (int, error) { return 0, f(ctx, s) }})
			return err
		}
		for what, f := range map[string]func(ctx context.Context, s *diary) error{
			"Stop":        func(ctx context.Context, s *diary) error { return s.self.Stop(ctx) },
			"Stop by ref": func(ctx context.Context, _ *diary) error { return w.Stop(ctx) },
			"Stop with a context of its own": func(ctx context.Context, s *diary) error {
				ctx, cancel := context.WithTimeout(ctx, time.Hour)
				defer cancel()
				return s.self.Stop(ctx)
			},
			"Call":  func(ctx context.Context, _ *diary) error { _, err := worker.Call(ctx, w, Note{}); return err },
			"Close": func(ctx context.Context, _ *diary) error { return table.Close(ctx) },
		} {
			if err := inside(f); err != worker.ErrSelf {
				t.Errorf("%s in a handler: %v, want ErrSelf", what, err)
			}
		}
		launch(t, table, "c") // the table was not closed
		must(t, "a call of another worker", inside(func(ctx context.Context, _ *diary) error {
			_, err := worker.Call(ctx, other, Note{})
			return err
		}))
		must(t, "the stop of another worker", inside(func(ctx context.Context, _ *diary) error { return other.Stop(ctx) }))
		if state, n := w.Status(); state != ganger.Idle && state != ganger.Busy || n != 1 {
			t.Errorf("it is %v in life %d, want unharmed", state, n)
		}
		enough := errors.New("enough")
		must(t, "Trigger", inside(func(_ context.Context, s *diary) error { s.self.Trigger(enough); return nil }))
		<-w.Done()
		if w.Err() != enough {
			t.Errorf("Err is %v, want %v", w.Err(), enough)
		}
	})
}

// TestW24BoundedPushFromInside: only the handler could make the room that it
// would wait for.
func TestW24BoundedPushFromInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := worker.NewBounded(script(), 1, worker.Config{})
		closing(t, table)
		w := launch(t, table, "a")
		_, err := worker.Call(t.Context(), w, Do{F: func(ctx context.Context, s *diary) (int, error) {
			must(t, "push into room", w.Push(ctx, Note{}))
			wantEnd(t, "Self.Push", s.self.Push(Note{}), ganger.Rejected, ganger.CauseFull)
			return 0, w.Push(ctx, Note{})
		}})
		if err != worker.ErrSelf {
			t.Errorf("a push without room: %v, want ErrSelf", err)
		}
	})
}

// TestW36NothingIsLeft: neither a goroutine nor a worker after a thousand, and
// while they are idle there is none either.
func TestW36NothingIsLeft(t *testing.T) {
	const n = 1000
	synctest.Test(t, func(t *testing.T) {
		before := runtime.NumGoroutine()
		table := worker.NewQueue(script(), worker.Config{Idle: time.Hour, Limit: time.Hour})
		for i := range n {
			w := launch(t, table, strconv.Itoa(i))
			if _, err := worker.Call(t.Context(), w, Note{}); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if idle := runtime.NumGoroutine(); idle > before+10 {
			t.Errorf("%d goroutines for %d idle workers", idle-before, n)
		}
		must(t, "close", table.Close(t.Context()))
		synctest.Wait()
		if after := runtime.NumGoroutine(); after > before {
			t.Errorf("%d goroutines are left", after-before)
		}
		for name := range table.All() {
			t.Errorf("%s is left in the table", name)
		}
		if _, err := table.Launch(t.Context(), "late", nil); !errors.Is(err, worker.ErrTableClosed) {
			t.Errorf("a launch in a closed table: %v", err)
		}
	})
}
