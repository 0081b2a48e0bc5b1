package worker_test

import (
	"context"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/worker"
)

// TestRestartThatNeverEnds: a launch that nobody's context bounds has a time-out
// of its own, whether it obeys or not, and whoever waits for the worker gets an
// end.
func TestRestartThatNeverEnds(t *testing.T) {
	for name, hang := range map[string]func(ctx context.Context) error{
		"obeys":   func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) },
		"is deaf": func(context.Context) error { time.Sleep(time.Hour); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var lives atomic.Int32
				table := worker.NewQueue(script(), worker.Config{
					Restart: life.Policy{Min: -1, StartFails: 2}, StartTimeout: time.Minute, Grace: time.Second,
				})
				closing(t, table)
				w, err := table.Launch(t.Context(), "a", func(ctx context.Context, _ worker.Self[Script]) error {
					if lives.Add(1) == 1 {
						return nil
					}
					return hang(ctx)
				})
				must(t, "launch", err)
				begun := time.Now()
				must(t, "push", w.Push(Do{F: func(context.Context, *diary) (int, error) { panic("fall") }}))
				synctest.Wait()
				_, err = worker.Call(context.Background(), w, Note{})
				if ganger.OutcomeOf(err) != ganger.Rejected || ganger.CauseOf(err) != ganger.CauseClosed {
					t.Errorf("err = %v, want rejected (closed)", err)
				}
				if took := time.Since(begun); took < 2*time.Minute || took > 2*time.Minute+3*time.Second {
					t.Errorf("two launches took %v, want two minutes and at most two graces", took)
				}
				if n := lives.Load(); n != 3 {
					t.Errorf("%d launches, want 3", n)
				}
				time.Sleep(time.Hour) // the deaf ones return
			})
		})
	}
}

// TestCloseHasTimeWithoutGrace: a negative grace is for handlers.
func TestCloseHasTimeWithoutGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := false
		d := script()
		d.Close = func(context.Context, *diary, error) error {
			time.Sleep(worker.DefaultGrace - time.Second)
			closed = true
			return nil
		}
		w := queue(t, d, worker.Config{Grace: -1})
		must(t, "stop", w.Stop(t.Context()))
		if err := w.Err(); err != nil || !closed {
			t.Errorf("closed %v, err = %v; want true, nil", closed, err)
		}
	})
}

// TestLaunchUnderNoName: what cannot be found is not launched.
func TestLaunchUnderNoName(t *testing.T) {
	d := &worker.Def[Script, float64, int, int]{Launch: func(context.Context, worker.Self[Script], float64, int) (int, error) { return 0, nil }}
	table := worker.NewQueue(d, worker.Config{})
	if _, err := table.Launch(t.Context(), math.NaN(), 0); err == nil {
		t.Error("launched under NaN")
	}
	for n := range table.All() {
		t.Errorf("the table has %v", n)
	}
}
