package worker_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/worker"
)

// Counter is the protocol of the workers in these tests.
type Counter struct{}

type (
	// Add adds and returns the sum.
	Add struct {
		worker.In[Counter, int]
		N int
	}
	// Fail ends as it is told.
	Fail struct {
		worker.In[Counter, string]
		Err   error
		Panic any
	}
	// Hold waits until it may go on, or its context ends.
	Hold struct {
		worker.In[Counter, error]
		Held chan<- context.Context
		Go   <-chan struct{}
	}
)

type state struct{ sum int }

func counter() *worker.Def[Counter, string, int, *state] {
	d := &worker.Def[Counter, string, int, *state]{
		Group: "counter",
		Launch: func(_ context.Context, _ worker.Self[Counter], _ string, start int) (*state, error) {
			return &state{start}, nil
		},
	}
	worker.Handle(d, func(_ context.Context, s *state, q Add) (int, error) {
		s.sum += q.N
		return s.sum, nil
	})
	worker.Handle(d, func(_ context.Context, _ *state, q Fail) (string, error) {
		if q.Panic != nil {
			panic(q.Panic)
		}
		return "", q.Err
	})
	worker.Handle(d, func(ctx context.Context, _ *state, q Hold) (error, error) {
		q.Held <- ctx
		select {
		case <-q.Go:
			return nil, nil
		case <-ctx.Done():
			return context.Cause(ctx), ctx.Err()
		}
	})
	return d
}

func TestOneWorkerFromLaunchToStop(t *testing.T) {
	ctx := t.Context()
	table := worker.NewQueue(counter(), worker.Config{Restart: life.Policy{Min: -1}})
	w, err := table.Launch(ctx, "a", 5)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if n, err := worker.Call(ctx, w, Add{N: 1}); err != nil || n != 6+i {
			t.Errorf("%d %v", n, err)
		}
	}
	if err := w.Push(Add{N: 10}); err != nil {
		t.Error(err)
	}
	if n, err := worker.Call(context.Background(), w, Add{N: 1}); err != nil || n != 19 {
		t.Errorf("%d %v", n, err)
	}
	_, err = worker.Call(ctx, w, Fail{Panic: "ouch"})
	if ganger.CauseOf(err) != ganger.CausePanic {
		t.Errorf("%v", err)
	}
	if n, err := worker.Call(ctx, w, Add{N: 1}); err != nil || n != 6 {
		t.Errorf("%d %v", n, err)
	}
	mine := errors.New("mine")
	if _, err = worker.Call(ctx, w, Fail{Err: mine}); err != mine {
		t.Errorf("%v", err)
	}
	in := make(chan context.Context, 1)
	c2, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	_, err = worker.Call(c2, w, Hold{Held: in, Go: nil})
	if ganger.CauseOf(err) != ganger.CauseWithdrawn {
		t.Errorf("%v", err)
	}
	if err := w.Stop(ctx); err != nil {
		t.Error(err)
	}
	if _, err = worker.Call(ctx, w, Add{}); ganger.CauseOf(err) != ganger.CauseClosed {
		t.Errorf("%v", err)
	}
	if n := len(table.Dead()); n != 2 {
		t.Errorf("%d obituaries", n)
	}
	if err := table.Close(ctx); err != nil {
		t.Error(err)
	}
}
