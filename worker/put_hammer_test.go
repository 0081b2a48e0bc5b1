package worker_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/ganger-dev/ganger/worker"
)

type purse struct{}

type (
	// coins are merged into one sum.
	coins struct {
		worker.In[purse, struct{}]
		n int
	}
	total struct{ worker.In[purse, int] }
)

// TestHammerPut: many put at once while the worker takes what it can. Merge runs
// without the worker's lock, one at a time, and no coin is lost on the way.
func TestHammerPut(t *testing.T) {
	const putters, puts = 8, 500
	synctest.Test(t, func(t *testing.T) {
		d := &worker.Def[purse, string, struct{}, *int]{
			Launch: func(context.Context, worker.Self[purse], string, struct{}) (*int, error) { return new(int), nil },
		}
		worker.Handle(d, func(_ context.Context, sum *int, q coins) (struct{}, error) {
			*sum += q.n
			return struct{}{}, nil
		})
		worker.Handle(d, func(_ context.Context, sum *int, _ total) (int, error) { return *sum, nil })
		merges := 0 // no lock: the race detector sees two at a time
		table := worker.NewLatest(d, func(pending, incoming worker.Post[purse]) worker.Post[purse] {
			merges++
			return coins{n: pending.(coins).n + incoming.(coins).n}
		}, worker.Config{})
		w, err := table.Launch(t.Context(), "purse", struct{}{})
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range putters {
			all.Go(func() {
				for range puts {
					if err := w.Put(coins{n: 1}); err != nil {
						t.Errorf("Put: %v", err)
					}
				}
			})
		}
		all.Wait()
		synctest.Wait() // the worker has taken the last of them
		if sum, err := worker.CallLatest(t.Context(), w, total{}); sum != putters*puts || err != nil {
			t.Errorf("%d coins arrived after %d merges (%v), want %d", sum, merges, err, putters*puts)
		}
		if err := table.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
