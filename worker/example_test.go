package worker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/worker"
)

// Account names the protocol of the workers in the examples.
type Account struct{}

type (
	// Deposit is answered with the balance.
	Deposit struct {
		worker.In[Account, int]
		Sum int
	}
	// Statement is answered with a text.
	Statement struct {
		worker.In[Account, string]
	}
)

// accounts defines workers that keep a balance, which begins with what the
// launch says.
func accounts() *worker.Def[Account, string, int, *int] {
	def := &worker.Def[Account, string, int, *int]{
		Launch: func(_ context.Context, _ worker.Self[Account], _ string, balance int) (*int, error) {
			return &balance, nil
		},
	}
	worker.Handle(def, func(_ context.Context, balance *int, q Deposit) (int, error) {
		if q.Sum < 0 {
			return 0, errors.New("a deposit cannot be negative")
		}
		*balance += q.Sum
		return *balance, nil
	})
	worker.Handle(def, func(_ context.Context, balance *int, _ Statement) (string, error) {
		return fmt.Sprintf("balance %d", *balance), nil
	})
	return def
}

// A worker with a queue performs every request, one at a time, in order. What a
// call returns has the type that its request says.
func ExampleNewQueue() {
	ctx := context.Background()
	table := worker.NewQueue(accounts(), worker.Config{})
	ann, err := table.Launch(ctx, "ann", 100)
	if err != nil {
		log.Fatal(err)
	}

	if err := ann.Push(Deposit{Sum: 10}); err != nil { // does not wait
		log.Fatal(err)
	}
	balance, err := worker.Call(ctx, ann, Deposit{Sum: 5}) // an int
	fmt.Println(balance, err)
	text, err := worker.Call(ctx, ann, Statement{}) // a string
	fmt.Println(text, err)
	_, err = worker.Call(ctx, ann, Deposit{Sum: -1}) // the handler's own error
	fmt.Println(err)

	fmt.Println(table.Close(ctx))
	_, err = worker.Call(ctx, ann, Statement{})
	fmt.Println(err)
	// Output:
	// 115 <nil>
	// balance 115 <nil>
	// a deposit cannot be negative
	// <nil>
	// rejected (closed) on ann: the worker was stopped
}

// A bounded mailbox pushes back: who posts waits for room, gives up with a
// context, or is refused at once.
func ExampleNewBounded() {
	ctx := context.Background()
	def := accounts()
	opened, open := make(chan struct{}), make(chan struct{})
	def.Launch = func(_ context.Context, self worker.Self[Account], _ string, balance int) (*int, error) {
		close(opened)
		<-open // the bank is closed yet: what comes now waits
		return &balance, nil
	}
	table := worker.NewBounded(def, 2, worker.Config{})
	go func() {
		if _, err := table.Launch(ctx, "bob", 0); err != nil {
			log.Fatal(err)
		}
	}()
	<-opened
	bob, _ := table.Find("bob")

	fmt.Println(bob.TryPush(Deposit{Sum: 1}), bob.TryPush(Deposit{Sum: 2}))
	err := bob.TryPush(Deposit{Sum: 3})
	fmt.Println(err, ganger.CauseOf(err) == ganger.CauseFull)
	close(open)
	fmt.Println(bob.Push(ctx, Deposit{Sum: 3})) // waits for room
	fmt.Println(worker.Call(ctx, bob, Statement{}))
	fmt.Println(table.Close(ctx))
	// Output:
	// <nil> <nil>
	// rejected (full) on bob: the mailbox has no room true
	// <nil>
	// balance 6 <nil>
	// <nil>
}

// A box keeps the latest request only. Here deposits that come while the worker
// is busy are merged into one.
func ExampleNewLatest() {
	ctx := context.Background()
	def := accounts()
	opened, open := make(chan struct{}), make(chan struct{})
	def.Launch = func(_ context.Context, _ worker.Self[Account], _ string, balance int) (*int, error) {
		close(opened)
		<-open
		return &balance, nil
	}
	done := make(chan int, 1)
	def.OnDone = func(_ context.Context, balance *int, q worker.Post[Account], _, _, _ time.Time) {
		fmt.Printf("deposited %d\n", q.(Deposit).Sum)
		done <- *balance
	}
	merge := func(pending, incoming worker.Post[Account]) worker.Post[Account] {
		p, ok := pending.(Deposit)
		i, also := incoming.(Deposit)
		if !ok || !also {
			return incoming // the newest wins
		}
		return Deposit{Sum: p.Sum + i.Sum}
	}
	table := worker.NewLatest(def, merge, worker.Config{})
	go func() {
		if _, err := table.Launch(ctx, "cyd", 0); err != nil {
			log.Fatal(err)
		}
	}()
	<-opened
	cyd, _ := table.Find("cyd")

	for i := range 10 {
		if err := cyd.Put(Deposit{Sum: 1 + i}); err != nil {
			log.Fatal(err)
		}
	}
	close(open)
	fmt.Println("balance", <-done)
	fmt.Println(table.Close(ctx))
	// Output:
	// deposited 55
	// balance 55
	// <nil>
}

// A worker with a source pulls its requests itself. io.EOF ends it in order.
func ExampleNewSource() {
	ctx := context.Background()
	incoming := make(chan int, 3) // what a socket or a file gives
	for _, sum := range []int{5, 6, 7} {
		incoming <- sum
	}
	close(incoming)
	def := accounts()
	def.Close = func(_ context.Context, balance *int, why error) error {
		fmt.Println("balance", *balance, "-", why)
		return nil
	}
	next := func(ctx context.Context, _ *int) (worker.Post[Account], error) {
		select {
		case sum, ok := <-incoming:
			if !ok {
				return nil, io.EOF
			}
			return Deposit{Sum: sum}, nil
		case <-ctx.Done(): // the worker is to stop
			return nil, ctx.Err()
		}
	}
	table := worker.NewSource(def, next, worker.Config{Restart: life.Policy{Type: life.Transient}})
	dan, err := table.Launch(ctx, "dan", 0)
	if err != nil {
		log.Fatal(err)
	}
	<-dan.Done()
	fmt.Println(errors.Is(dan.Err(), io.EOF), table.Close(ctx))
	// Output:
	// balance 18 - its source has ended: EOF
	// true <nil>
}

// Workers are launched when they are first needed, and found after that.
func ExampleTable_LaunchOrFind() {
	ctx := context.Background()
	table := worker.NewQueue(accounts(), worker.Config{})
	for _, name := range []string{"eve", "fay", "eve"} {
		w, launched, err := table.LaunchOrFind(ctx, name, 100)
		if err != nil {
			log.Fatal(err)
		}
		balance, err := worker.Call(ctx, w, Deposit{Sum: 1})
		fmt.Println(name, launched, balance, err)
	}
	fmt.Println(table.Close(ctx))
	// Output:
	// eve true 101 <nil>
	// fay true 101 <nil>
	// eve false 102 <nil>
	// <nil>
}

// A worker without requests for a while may do something about it, such as leave.
func ExampleDef_onIdle() {
	ctx := context.Background()
	type account struct {
		self    worker.Self[Account]
		balance int
	}
	def := &worker.Def[Account, string, int, *account]{
		Launch: func(_ context.Context, self worker.Self[Account], _ string, balance int) (*account, error) {
			return &account{self, balance}, nil
		},
		OnIdle: func(_ context.Context, a *account) {
			a.self.Trigger(errors.New("nobody needs it")) // Stop would wait for itself
		},
		Close: func(_ context.Context, a *account, why error) error {
			fmt.Println("saved", a.balance, "-", why)
			return nil
		},
	}
	worker.Handle(def, func(_ context.Context, a *account, q Deposit) (int, error) {
		a.balance += q.Sum
		return a.balance, nil
	})
	table := worker.NewQueue(def, worker.Config{Idle: 10 * time.Millisecond})
	guy, err := table.Launch(ctx, "guy", 3)
	if err != nil {
		log.Fatal(err)
	}
	<-guy.Done()
	_, found := table.Find("guy")
	fmt.Println(found, table.Close(ctx))
	// Output:
	// saved 3 - nobody needs it
	// false <nil>
}
