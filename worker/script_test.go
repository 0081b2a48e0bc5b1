package worker_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/worker"
)

// Script is a protocol whose requests say themselves what the worker does, so
// that each test reads in one place.
type Script struct{}

type (
	// Do calls F.
	Do struct {
		worker.In[Script, int]
		F func(ctx context.Context, s *diary) (int, error)
	}
	// Note is noted in the diary; its response is how many are noted.
	Note struct {
		worker.In[Script, int]
		N int
	}
	// Stray has no handler.
	Stray struct{ worker.In[Script, int] }
)

// diary is the state of one life.
type diary struct {
	self  worker.Self[Script]
	notes []int
}

// start is how a launch goes; nil: at once and well.
type start func(ctx context.Context, self worker.Self[Script]) error

type (
	stamp       = time.Time
	scriptDef   = worker.Def[Script, string, start, *diary]
	scriptQueue = worker.Queue[Script]
)

func script() *scriptDef {
	d := &scriptDef{
		Launch: func(ctx context.Context, self worker.Self[Script], _ string, f start) (*diary, error) {
			if f != nil {
				if err := f(ctx, self); err != nil {
					return nil, err
				}
			}
			return &diary{self: self}, nil
		},
	}
	worker.Handle(d, func(ctx context.Context, s *diary, q Do) (int, error) { return q.F(ctx, s) })
	worker.Handle(d, func(_ context.Context, s *diary, q Note) (int, error) {
		s.notes = append(s.notes, q.N)
		return len(s.notes), nil
	})
	return d
}

// once is the policy of workers that have one life.
var once = life.Policy{Type: life.Temporary}

// closing closes the table at the end of the test and fails if anything is left.
func closing[F any](t *testing.T, table *worker.Table[string, start, F]) {
	t.Helper()
	t.Cleanup(func() {
		if err := table.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

// launch launches a worker that must come to life.
func launch[F any](t *testing.T, table *worker.Table[string, start, F], name string) F {
	t.Helper()
	w, err := table.Launch(t.Context(), name, nil)
	if err != nil {
		t.Fatalf("launch %s: %v", name, err)
	}
	return w
}

// queue launches one worker with a queue.
func queue(t *testing.T, d *scriptDef, c worker.Config) scriptQueue {
	t.Helper()
	table := worker.NewQueue(d, c)
	closing(t, table)
	return launch(t, table, "a")
}

// must fails the test on an error where there must be none.
func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// wantEnd fails the test unless err tells this end.
func wantEnd(t *testing.T, what string, err error, outcome ganger.Outcome, cause ganger.Cause) {
	t.Helper()
	e, ok := errors.AsType[*ganger.Error](err)
	if !ok || e.Outcome != outcome || e.Cause != cause {
		t.Errorf("%s: %v, want %v (%v)", what, err, outcome, cause)
	}
}

// parked is a request whose handler waits for release, whatever its context.
func parked() (q Do, release func()) {
	gate := make(chan struct{})
	return Do{F: func(context.Context, *diary) (int, error) {
		<-gate
		return 0, nil
	}}, sync.OnceFunc(func() { close(gate) })
}

// panicking is a request whose handler panics.
func panicking(v any) Do {
	return Do{F: func(context.Context, *diary) (int, error) { panic(v) }}
}

// noted calls for the notes of the present life.
func noted(t *testing.T, to worker.Fifo[Script]) (notes []int) {
	t.Helper()
	_, err := worker.Call(t.Context(), to, Do{F: func(_ context.Context, s *diary) (int, error) {
		notes = slices.Clone(s.notes)
		return 0, nil
	}})
	must(t, "call for the notes", err)
	return notes
}

// asked performs a call in the background; its end can be had once.
type asked struct {
	ends chan error
	n    int
}

func (a *asked) end() error { return <-a.ends }

// ask calls in the background, with the context that it is given.
func ask[Q worker.Request[Script, int]](ctx context.Context, to worker.Fifo[Script], q Q) *asked {
	a := &asked{ends: make(chan error, 1)}
	go func() { // ends with the call, which the test waits for
		n, err := worker.Call(ctx, to, q)
		a.n = n
		a.ends <- err
	}()
	return a
}
