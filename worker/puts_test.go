package worker_test

import (
	"testing"
	"testing/synctest"

	"github.com/ganger-dev/ganger/worker"
)

// TestPutsThatWaitedAllGoOn: the end of a merge lets in every put that waited
// for it, one after the other, also when one of them finds nothing to merge with.
func TestPutsThatWaitedAllGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		table := worker.NewLatest(script(), func(_, _ worker.Post[Script]) worker.Post[Script] {
			<-gate
			return nil
		}, worker.Config{})
		closing(t, table)
		w := launch(t, table, "a")
		q, release := parked()
		must(t, "put", w.Put(q))
		synctest.Wait()
		must(t, "put", w.Put(Note{N: 0}))
		ends := make(chan error)
		for i := range 4 {
			go func() { ends <- w.Put(Note{N: 1 + i}) }()
			synctest.Wait()
		}
		close(gate)
		for range 4 {
			must(t, "a put", <-ends)
		}
		release()
	})
}

// TestEveryPutHasOneEnd: whatever merge does, what was put is counted once.
func TestEveryPutHasOneEnd(t *testing.T) {
	for name, merge := range map[string]func(pending, incoming worker.Post[Script]) worker.Post[Script]{
		"the newest wins": nil,
		"the older stays": func(pending, _ worker.Post[Script]) worker.Post[Script] { return pending },
		"the newer comes": func(_, incoming worker.Post[Script]) worker.Post[Script] { return incoming },
		"something else":  func(_, _ worker.Post[Script]) worker.Post[Script] { return Note{N: 9} },
		"neither stays":   func(_, _ worker.Post[Script]) worker.Post[Script] { return nil },
	} {
		for _, called := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					table := worker.NewLatest(script(), merge, worker.Config{})
					closing(t, table)
					w := launch(t, table, "a")
					q, release := parked()
					must(t, "put", w.Put(q))
					synctest.Wait()
					if called {
						go func() { _, _ = worker.CallLatest(t.Context(), w, Note{N: 0}) }()
					} else {
						must(t, "put", w.Put(Note{N: 0}))
					}
					synctest.Wait()
					must(t, "put", w.Put(Note{N: 1}))
					release()
					synctest.Wait()
					if d := w.Describe(); d.Done+d.Failed != 3 {
						t.Errorf("called %v: %d done and %d failed, of 3", called, d.Done, d.Failed)
					}
				})
			})
		}
	}
}

// TestStopEndsWhatIsMerged: a merge that does not return keeps no caller and no
// put from its end.
func TestStopEndsWhatIsMerged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		table := worker.NewLatest(script(), func(_, incoming worker.Post[Script]) worker.Post[Script] {
			<-gate
			return incoming
		}, worker.Config{})
		w := launch(t, table, "a")
		q, release := parked()
		must(t, "put", w.Put(q))
		synctest.Wait()
		ends := make(chan error, 2)
		go func() { _, err := worker.CallLatest(t.Context(), w, Note{N: 0}); ends <- err }()
		synctest.Wait()
		merging := make(chan error, 1)
		go func() { merging <- w.Put(Note{N: 1}) }()
		synctest.Wait()
		go func() { ends <- w.Put(Note{N: 2}) }()
		synctest.Wait()
		release()
		must(t, "stop", w.Stop(t.Context()))
		synctest.Wait()
		if len(ends) != 2 {
			t.Errorf("%d of 2 have their ends while merge goes on in a dead worker", len(ends))
		}
		close(gate)
		<-merging
	})
}
