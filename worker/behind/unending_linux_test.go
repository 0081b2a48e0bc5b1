package behind_test

import (
	"context"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/worker"
)

// ending calls with a context that never ends.
func ending[Q worker.Request[till, R], R any](w worker.Queue[till], q Q) <-chan error {
	ends := make(chan error, 1)
	go func() {
		_, err := worker.Call(context.Background(), w, q)
		ends <- err
	}()
	return ends
}

func (b bed) end(ends <-chan error) error {
	b.Helper()
	select {
	case err := <-ends:
		return err
	case <-time.After(patience):
		b.Fatal("the call did not end")
		return nil
	}
}

// TestCallWithoutEndHasAVerdict: as any other.
func TestCallWithoutEndHasAVerdict(t *testing.T) {
	for _, c := range []struct {
		name    string
		how     fail
		outcome ganger.Outcome
		cause   ganger.Cause
		lives   uint64 // 0: it is dead for good
	}{
		{"verdict stop", fail{How: "error", Text: "stop"}, ganger.Failed, "", 0},
		{"verdict crash", fail{How: "error", Text: "crash"}, ganger.Failed, "", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := inProcess(t)
			w := b.unending(worker.Config{Restart: atOnce}, opening{})
			err := b.end(ending(w, c.how))
			if ganger.OutcomeOf(err) != c.outcome || ganger.CauseOf(err) != c.cause {
				b.Errorf("it ended %v", err)
			}
			if c.lives == 0 {
				b.await(w.Done(), "the end")
				return
			}
			if err := b.end(ending(w, add{N: 1})); err != nil || b.sum(w, 0) != 1 {
				b.Errorf("the next: %v", err)
			}
			if _, n := w.Status(); n != c.lives {
				b.Errorf("it is in life %d, want %d", n, c.lives)
			}
		})
	}
}

// TestCallWithoutEndIsBounded: by the limit and by the stop of its worker, also when
// the handler is deaf.
func TestCallWithoutEndIsBounded(t *testing.T) {
	b := inProcess(t)
	g := newGate(t)
	w := b.unending(worker.Config{Restart: atOnce, Limit: 20 * time.Millisecond, Grace: 20 * time.Millisecond}, opening{})
	b.ended(b.end(ending(w, hold{Gate: g.path, Deaf: true})), ganger.TimedOut, ganger.CauseExec)

	g = newGate(t)
	w = b.unending(worker.Config{Grace: 20 * time.Millisecond}, opening{})
	ends := ending(w, hold{Gate: g.path, Deaf: true})
	_, _ = g.next(t)
	if err := w.Stop(b.ctx()); err != nil {
		b.Error(err)
	}
	b.ended(b.end(ends), ganger.Cancelled, ganger.CauseShutdown)
}

// TestCallWithoutEndMeetsADeadProcess: it is performed by the next life.
func TestCallWithoutEndMeetsADeadProcess(t *testing.T) {
	b := inProcess(t)
	w := b.unending(worker.Config{Restart: atOnce}, opening{})
	for n := range 30 {
		incarnated(b, w, uint64(n)+1)
		kill(b, w)
		if err := b.end(ending(w, add{N: 1})); err != nil && ganger.OutcomeOf(err) != ganger.Crashed {
			b.Fatalf("time %d: %v", n, err)
		}
	}
}
