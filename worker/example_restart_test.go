package worker_test

import (
	"context"
	"fmt"
	"log"

	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/worker"
)

// Audit panics for a sum that nobody has, as a handler with a bug does.
type Audit struct {
	worker.In[Account, bool]
	Sum int
}

// A panic costs one life and the request in hand. The worker lives again, with the
// state that Launch makes and with what still waits, until there were too many bad
// ends in a window: then it is dead for good, its callers hear why at once, and
// whoever owns the table is told.
func ExampleConfig_supervision() {
	ctx := context.Background()
	def := accounts()
	worker.Handle(def, func(_ context.Context, balance *int, q Audit) (bool, error) {
		if q.Sum > *balance {
			panic("an audit for more than there is")
		}
		return true, nil
	})
	told := make(chan error, 1)
	table := worker.NewQueue(def, worker.Config{
		Restart:  life.Policy{Burst: 2, Min: -1}, // two bad ends within a minute, no delay between
		Escalate: func(err error) { told <- err },
	})
	ann, err := table.Launch(ctx, "ann", 100)
	if err != nil {
		log.Fatal(err)
	}

	_, err = worker.Call(ctx, ann, Audit{Sum: 500})
	fmt.Println(err)
	balance, err := worker.Call(ctx, ann, Deposit{Sum: 5}) // waits for the next life
	_, incarnation := ann.Status()
	fmt.Println(balance, err, "in life", incarnation)

	_, err = worker.Call(ctx, ann, Audit{Sum: 500})
	fmt.Println(err)
	_, err = worker.Call(ctx, ann, Deposit{Sum: 5})
	fmt.Println(err)
	fmt.Println("the owner:", <-told)
	<-ann.Done()
	for _, o := range table.Dead() {
		fmt.Printf("%s#%d: %v\n", o.Worker, o.Incarnation, o.Exit)
	}
	// Output:
	// crashed (panic) on ann#1: panic: an audit for more than there is
	// 105 <nil> in life 2
	// crashed (panic) on ann#2: panic: an audit for more than there is
	// rejected (closed) on ann: crashed (panic) on ann#2: panic: an audit for more than there is
	// the owner: crashed (panic) on ann#2: panic: an audit for more than there is
	// ann#1: panic: an audit for more than there is
	// ann#2: panic: an audit for more than there is
}
