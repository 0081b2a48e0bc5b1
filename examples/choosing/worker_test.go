//go:build linux

package choosing_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
	"github.com/ganger-dev/ganger/worker"
	"github.com/ganger-dev/ganger/worker/behind"
)

// account is the protocol of workers that keep accounts; add is one of its
// requests, answered with the balance.
type account struct{}

type add struct {
	worker.In[account, int]
	N int
}

// bank defines the workers: one for each account, whose balance nobody else can
// touch.
func bank() *worker.Def[account, string, int, *int] {
	d := &worker.Def[account, string, int, *int]{
		Launch: func(_ context.Context, _ worker.Self[account], name string, opening int) (*int, error) {
			return &opening, nil
		},
	}
	worker.Handle(d, func(_ context.Context, balance *int, q add) (int, error) {
		*balance += q.N
		return *balance, nil
	})
	return d
}

// deposit launches a worker and has it add twice.
func deposit(ctx context.Context) (balance int, err error) {
	accounts := worker.NewQueue(bank(), worker.Config{Restart: life.Policy{Type: life.Transient}})
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
	fmt.Println(deposit(context.Background()))
	// Output: 42 <nil>
}

// serveBank is the main of the worker in Example_statefulPlugin.
func serveBank() error {
	s, err := native.Stream()
	if err != nil {
		return err
	}
	return behind.Serve(bank(), s)
}

// For those who come from go-plugin: a plugin with a state. The process is this
// program again, which serves the same definition.
func Example_statefulPlugin() {
	ctx := context.Background()
	plugin := process.Command{Path: self(), Args: []string{"bank"}}
	accounts := worker.NewQueue(bank(), worker.Config{Behind: behind.Wall(plugin)})
	w, err := accounts.Launch(ctx, "alice", 40)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(worker.Call(ctx, w, add{N: 2}))
	fmt.Println(accounts.Close(ctx))
	// Output:
	// 42 <nil>
	// <nil>
}
