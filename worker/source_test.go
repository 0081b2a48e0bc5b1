package worker_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/worker"
)

// pulling launches one worker that pulls from a function.
func pulling(t *testing.T, d *scriptDef, c worker.Config, next func(context.Context, *diary) (worker.Post[Script], error)) worker.Source[Script] {
	t.Helper()
	table := worker.NewSource(d, next, c)
	closing(t, table)
	return launch(t, table, "a")
}

// TestW11SourceIsPulled: the worker performs what its source gives, in order, and
// what it posted to itself before it asks again.
func TestW11SourceIsPulled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := make(chan int)
		var notes []int
		d := script()
		d.OnDone = func(_ context.Context, s *diary, q worker.Post[Script], pushed, started, _ stamp) {
			if n := q.(Note).N; n > 0 {
				must(t, "push to itself", s.self.Push(Note{N: -n}))
				if pushed != started {
					t.Errorf("what was pulled at %v began at %v", pushed, started)
				}
			}
			notes = slices.Clone(s.notes)
		}
		w := pulling(t, d, worker.Config{}, func(ctx context.Context, s *diary) (worker.Post[Script], error) {
			if i := len(s.notes); i%2 != 0 {
				t.Errorf("asked for more with notes %v: it has posted something to itself", s.notes)
			}
			select {
			case n := <-feed:
				return Note{N: n}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
		for i := range 3 {
			feed <- 1 + i
		}
		synctest.Wait()
		if want := []int{1, -1, 2, -2, 3, -3}; !slices.Equal(notes, want) {
			t.Errorf("performed %v, want %v", notes, want)
		}
		if state, _ := w.Status(); state != ganger.Idle {
			t.Errorf("a worker that waits for its source is %v, want idle", state)
		}
	})
}

// TestW11StopUnblocksASource: the context of a source that waits ends with the
// reason of the stop.
func TestW11StopUnblocksASource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		enough := errors.New("enough")
		var cause, why error
		d := script()
		d.Close = func(_ context.Context, _ *diary, w error) error {
			why = w
			return nil
		}
		w := pulling(t, d, worker.Config{}, func(ctx context.Context, _ *diary) (worker.Post[Script], error) {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return Note{N: 1}, nil // too late: it is not accepted
		})
		synctest.Wait()
		w.Trigger(enough)
		<-w.Done()
		wantEnd(t, "the cause in the source", cause, ganger.Cancelled, ganger.CauseShutdown)
		if !errors.Is(cause, enough) || why != enough || w.Err() != enough {
			t.Errorf("the reason is %v in the source, %v in Close, %v in Err; want %v", cause, why, w.Err(), enough)
		}
		if d := w.Describe(); d.Done+d.Failed != 0 || d.State != ganger.Dead {
			t.Errorf("dead with %d done and %d failed, want none", d.Done, d.Failed)
		}
	})
}

// TestW11SourceEnds: io.EOF is an end in order, anything else a crash.
func TestW11SourceEnds(t *testing.T) {
	ouch := errors.New("ouch")
	for _, c := range []struct {
		name   string
		policy life.Policy
		next   func() (worker.Post[Script], error)
		lives  int
		reason ganger.Leaving
		err    error
	}{
		{"the end, permanent", life.Policy{Min: -1, Burst: 3}, func() (worker.Post[Script], error) { return nil, io.EOF }, 3, ganger.LeavingEnded, io.EOF},
		{"the end, transient", life.Policy{Type: life.Transient}, func() (worker.Post[Script], error) { return nil, io.EOF }, 1, ganger.LeavingEnded, io.EOF},
		{"an error, transient", life.Policy{Type: life.Transient, Min: -1, Burst: 2}, func() (worker.Post[Script], error) { return nil, ouch }, 2, ganger.LeavingPanic, ouch},
		{"a panic", once, func() (worker.Post[Script], error) { panic(ouch) }, 1, ganger.LeavingPanic, ouch},
		{"neither", once, func() (worker.Post[Script], error) { return nil, nil }, 1, ganger.LeavingPanic, nil},
		{"no handler", once, func() (worker.Post[Script], error) { return Stray{}, nil }, 1, ganger.LeavingPanic, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				table := worker.NewSource(script(), func(context.Context, *diary) (worker.Post[Script], error) { return c.next() }, worker.Config{Restart: c.policy})
				closing(t, table)
				w := launch(t, table, "a")
				<-w.Done()
				dead := table.Dead()
				if len(dead) != c.lives || dead[0].Exit.Reason != c.reason {
					t.Fatalf("obituaries %+v, want %d of %q", dead, c.lives, c.reason)
				}
				err := w.Err()
				if c.err != nil && !errors.Is(err, c.err) {
					t.Errorf("Err is %v, want %v in it", err, c.err)
				}
				if c.reason == ganger.LeavingPanic {
					wantEnd(t, "Err", err, ganger.Crashed, ganger.CausePanic)
				} else if got := err.Error(); got != "its source has ended: EOF" {
					t.Errorf("Err says %q", got)
				}
			})
		})
	}
}
