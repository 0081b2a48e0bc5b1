package worker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/worker"
)

// TestLimitEndsWithTheHandler: what OnError takes is not the handler's time.
func TestLimitEndsWithTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := script()
		d.OnError = func(ctx context.Context, _ *diary, _ worker.Post[Script], _ error) worker.Verdict {
			time.Sleep(time.Minute)
			if err := ctx.Err(); err != nil {
				t.Errorf("the context of OnError has ended: %v", context.Cause(ctx))
			}
			return worker.Continue
		}
		w := queue(t, d, worker.Config{Limit: time.Second, Grace: time.Second})
		odd := errors.New("odd")
		_, err := worker.Call(t.Context(), w, Do{F: func(context.Context, *diary) (int, error) {
			time.Sleep(900 * time.Millisecond)
			return 0, odd
		}})
		if err != odd {
			t.Errorf("the caller got %v, want %v", err, odd)
		}
		if _, life := w.Status(); life != 1 {
			t.Errorf("life %d, want 1", life)
		}
	})
}

// TestPulledWhenTheLifeEnds: a request that the source gives to a life that is to
// end is not lost when another follows: that performs it, or it ends as the table
// says. After a stop it comes too late.
func TestPulledWhenTheLifeEnds(t *testing.T) {
	for _, c := range []struct {
		name         string
		end          func(self worker.Self[Script])
		pending      worker.Pending
		done, failed uint64
	}{
		{"crash", func(self worker.Self[Script]) { self.Crash(errors.New("ouch")) }, worker.KeepPending, 1, 0},
		{"crash, and drop", func(self worker.Self[Script]) { self.Crash(errors.New("ouch")) }, worker.DropPending, 0, 1},
		{"stop", func(self worker.Self[Script]) { self.Trigger(nil) }, worker.KeepPending, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pulls := 0
				table := worker.NewSource(script(), func(ctx context.Context, s *diary) (worker.Post[Script], error) {
					if pulls++; pulls == 1 {
						c.end(s.self)
						return Note{N: 1}, nil
					}
					<-ctx.Done()
					return nil, ctx.Err()
				}, worker.Config{Pending: c.pending})
				closing(t, table)
				w := launch(t, table, "a")
				time.Sleep(time.Hour)
				if d := w.Describe(); d.Done != c.done || d.Failed != c.failed {
					t.Errorf("%d done and %d failed, want %d and %d", d.Done, d.Failed, c.done, c.failed)
				}
			})
		})
	}
}

// TestCallLatestGivesUpDuringAMerge: the caller's context ends also its wait for
// a merge that another put runs.
func TestCallLatestGivesUpDuringAMerge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		table := worker.NewLatest(script(), func(_, incoming worker.Post[Script]) worker.Post[Script] {
			<-gate
			return incoming
		}, worker.Config{})
		closing(t, table)
		w := launch(t, table, "a")
		q, release := parked()
		must(t, "put", w.Put(q))
		synctest.Wait()
		must(t, "put", w.Put(Note{N: 1}))
		puts := make(chan error, 2)
		go func() { puts <- w.Put(Note{N: 2}) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		call := make(chan error, 1)
		go func() { _, err := worker.CallLatest(ctx, w, Note{N: 3}); call <- err }()
		synctest.Wait()
		go func() { puts <- w.Put(Note{N: 4}) }() // behind the caller
		time.Sleep(time.Minute)
		select {
		case err := <-call:
			wantEnd(t, "the caller", err, ganger.Cancelled, ganger.CauseWithdrawn)
		default:
			t.Error("the caller waits after its context has ended")
		}
		close(gate)
		must(t, "put", <-puts)
		must(t, "put", <-puts)
		release()
	})
}
