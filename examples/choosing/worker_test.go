//go:build linux

package choosing_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/worker"
)

// account is the protocol of workers that keep accounts; add is one of its
// requests, answered with the balance.
type account struct{}

type add struct {
	worker.In[account, int]
	N int
}

// actor launches a worker for one account, whose balance nobody else can touch.
func actor(ctx context.Context) (balance int, err error) {
	d := &worker.Def[account, string, int, *int]{
		Launch: func(_ context.Context, _ worker.Self[account], name string, opening int) (*int, error) {
			return &opening, nil
		},
	}
	worker.Handle(d, func(_ context.Context, balance *int, q add) (int, error) {
		*balance += q.N
		return *balance, nil
	})
	accounts := worker.NewQueue(d, worker.Config{Restart: life.Policy{Type: life.Transient}})
	defer func() { err = errors.Join(err, accounts.Close(ctx)) }()

	w, err := accounts.Launch(ctx, "alice", 40)
	if err != nil {
		return 0, err
	}
	if err := w.Push(add{N: 1}); err != nil {
		return 0, err
	}
	return worker.Call(ctx, w, add{N: 1})
}

// For those who come from actor libraries.
func Example_actor() {
	fmt.Println(actor(context.Background()))
	// Output: 42 <nil>
}
