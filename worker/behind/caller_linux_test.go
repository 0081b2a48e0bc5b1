package behind_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/worker"
)

// Where nobody hears OnDone, a caller whose context never ends waits for the
// process on its own goroutine. It must not be kept for what is none of its own.

// unending launches a worker that such callers may work for.
func (b bed) unending(c worker.Config, p opening) worker.Queue[till] {
	b.Helper()
	d := tills()
	d.OnDone = nil
	table := worker.NewQueue(d, b.config(c, "till"))
	closed(b.T, table)
	w, err := table.Launch(b.ctx(), "a", p)
	if err != nil {
		b.Fatal(err)
	}
	return w
}

// called is how a call ended.
type called struct {
	text string
	err  error
}

// calls calls with a context that never ends.
func calls[Q worker.Request[till, string]](w worker.Queue[till], q Q) <-chan called {
	ended := make(chan called, 1)
	go func() { // ends with the call
		text, err := worker.Call(context.Background(), w, q)
		ended <- called{text, err}
	}()
	return ended
}

func (b bed) told(ended <-chan called) called {
	b.Helper()
	select {
	case c := <-ended:
		return c
	case <-time.After(patience):
		b.Fatal("the caller was not told")
		return called{}
	}
}

// TestCallerLeavesWithItsAnswer: the next request is performed all the same.
func TestCallerLeavesWithItsAnswer(t *testing.T) {
	onWalls(t, func(b bed) {
		g := newGate(b.T)
		w := b.unending(worker.Config{}, opening{})
		first := calls(w, hold{Gate: g.path})
		one, _ := g.next(b.T)
		second := calls(w, hold{Gate: g.path})
		waiting(b, w, 1)
		_ = one.Close()
		if got := b.told(first); got.text != "went" || got.err != nil {
			b.Errorf("the first was told %q, %v", got.text, got.err)
		}
		two, _ := g.next(b.T)
		if s, _ := w.Status(); s != ganger.Busy {
			b.Errorf("with the second in hand the worker is %v", s)
		}
		_ = two.Close()
		if got := b.told(second); got.text != "went" || got.err != nil {
			b.Errorf("the second was told %q, %v", got.text, got.err)
		}
	})
}

// TestCallerDoesNotWaitForClose: neither after a crash nor after a stop.
func TestCallerDoesNotWaitForClose(t *testing.T) {
	for name, c := range map[string]struct {
		outcome ganger.Outcome
		cause   ganger.Cause
		call    func(b bed, w worker.Queue[till]) <-chan called
	}{
		"crash": {ganger.Crashed, ganger.CausePanic, func(_ bed, w worker.Queue[till]) <-chan called {
			return calls(w, fail{How: "panic", Text: "oh"})
		}},
		"stop": {ganger.Cancelled, ganger.CauseShutdown, func(b bed, w worker.Queue[till]) <-chan called {
			g := newGate(b.T)
			ended := calls(w, hold{Gate: g.path})
			at, _ := g.next(b.T)
			b.Cleanup(func() { _ = at.Close() })
			w.Trigger(errors.New("enough"))
			return ended
		}},
	} {
		t.Run(name, func(t *testing.T) {
			onWalls(t, func(b bed) {
				g := newGate(b.T)
				w := b.unending(worker.Config{Restart: lifeTemporary}, opening{Log: g.path})
				ended := c.call(b, w)
				b.ended(b.told(ended).err, c.outcome, c.cause) // before anybody hears of Close
				g.heard(b.T)
				b.await(w.Done(), "the end")
			})
		})
	}
}

// TestCallerOfAKilledProcess: the next life serves the next caller.
func TestCallerOfAKilledProcess(t *testing.T) {
	b := inProcess(t)
	w := b.unending(worker.Config{Restart: atOnce}, opening{Start: 5})
	for range 3 {
		b.ended(b.told(calls(w, fail{How: "killed"})).err, ganger.Crashed, "signal 9")
		if sum, err := worker.Call(context.Background(), w, add{N: 1}); sum != 6 || err != nil {
			b.Errorf("the next life answers %d, %v, want 6", sum, err)
		}
	}
}
