package behind_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/worker"
	"github.com/ganger-dev/ganger/worker/behind"
)

// What depends on the moment of a death is done here by lives that follow a script.

// scripted is a wall whose first life does with requests as it is told; others
// answer.
type scripted struct {
	worker.Behind
	request func(s *script, c *wall.Call[worker.Envelope])

	mu    sync.Mutex // guards lives
	lives int
}

func (w *scripted) Traits() wall.Traits { return wall.Traits{Name: "scripted"} }

func (w *scripted) Open(context.Context, wall.Start) (wall.Instance[worker.Envelope, worker.Envelope], error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &script{mad: mad{gone: make(chan struct{})}}
	if w.lives++; w.lives == 1 {
		s.request = w.request
	}
	return s, nil
}

type script struct {
	mad
	request   func(s *script, c *wall.Call[worker.Envelope])
	told      chan struct{} // closed by Tell
	cancelled bool
}

func (s *script) Start(q worker.Envelope, c *wall.Call[worker.Envelope]) {
	switch {
	case !c.Begin():
	case q.Type == "launch" || q.Type == "close":
		c.Conclude(worker.Envelope{Body: []byte("null")}, nil)
	case s.request != nil:
		s.request(s, c)
	default:
		c.Conclude(worker.Envelope{Body: []byte("[7]")}, nil)
	}
}

func (s *script) Tell(c *wall.Call[worker.Envelope], as *ganger.Error) {
	if c.Ask(as) {
		close(s.told)
	}
}

func (s *script) Cancel(*wall.Call[worker.Envelope], *ganger.Error) { s.cancelled = true }

func scripts(t *testing.T, request func(s *script, c *wall.Call[worker.Envelope])) worker.Queue[tally] {
	t.Helper()
	w := &scripted{Behind: behind.Wall(nil).(worker.Behind), request: request}
	table := worker.NewQueue(tallies(), worker.Config{Behind: w, Restart: life.Policy{Min: -1}})
	t.Cleanup(func() {
		if err := table.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	ref, err := table.Launch(t.Context(), "a", 1)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// TestWhatWasNeverSentIsPerformed: by the next life, whoever waits for it.
func TestWhatWasNeverSentIsPerformed(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, ctx := range []context.Context{ctx, context.Background()} {
		w := scripts(t, func(s *script, c *wall.Call[worker.Envelope]) {
			s.Kill(ganger.LeavingSignal(9))
			c.Conclude(worker.Envelope{}, wall.ErrUnsent)
		})
		got, err := worker.Call(ctx, w, count{})
		if _, n := w.Status(); err != nil || len(got) != 1 || n != 2 {
			t.Errorf("%v, %v from life %d; want the answer of the second", got, err, n)
		}
	}
}

// TestDeathBehindAnAnswer: noticed although the worker was busy at that moment.
func TestDeathBehindAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := scripts(t, func(s *script, c *wall.Call[worker.Envelope]) {
			s.Kill(ganger.LeavingSignal(9))
			synctest.Wait() // whoever watches for the death has looked
			c.Conclude(worker.Envelope{Body: []byte("[1]")}, nil)
		})
		if got, err := worker.Call(context.Background(), w, count{}); err != nil || len(got) != 1 {
			t.Errorf("%v, %v; want the answer", got, err)
		}
		synctest.Wait()
		if s, n := w.Status(); s != ganger.Idle || n != 2 {
			t.Errorf("it is %v in life %d, want idle in the second", s, n)
		}
	})
}

// TestWithdrawnIsToldAndNotCancelled: nothing is ended for a caller who gives up.
func TestWithdrawnIsToldAndNotCancelled(t *testing.T) {
	ctx, giveUp := context.WithCancelCause(t.Context())
	heard := make(chan bool, 1)
	w := scripts(t, func(s *script, c *wall.Call[worker.Envelope]) {
		s.told = make(chan struct{})
		go func() { // ends with the telling
			giveUp(errors.New("no longer"))
			<-s.told
			heard <- s.cancelled
			c.Conclude(worker.Envelope{Body: []byte("[1]")}, nil)
		}()
	})
	_, err := worker.Call(ctx, w, count{})
	if ganger.CauseOf(err) != ganger.CauseWithdrawn {
		t.Errorf("the caller got %v", err)
	}
	select {
	case cancelled := <-heard:
		if cancelled {
			t.Error("it was cancelled")
		}
	case <-time.After(time.Minute):
		t.Fatal("it was not told")
	}
}

// TestAnswerOfAnotherWord: a request is answered without a word.
func TestAnswerOfAnotherWord(t *testing.T) {
	w := scripts(t, func(_ *script, c *wall.Call[worker.Envelope]) {
		c.Conclude(worker.Envelope{Type: "ended", Body: []byte("[1]")}, nil)
	})
	_, err := worker.Call(t.Context(), w, count{})
	if ganger.OutcomeOf(err) != ganger.Crashed || ganger.CauseOf(err) != ganger.CauseProtocol {
		t.Errorf("it ended %v, want crashed (protocol)", err)
	}
}
