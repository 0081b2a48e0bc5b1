package behind_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/wall/process"
	"github.com/ganger-dev/ganger/worker"
	"github.com/ganger-dev/ganger/worker/behind"
)

// Account names the protocol of a worker that keeps a balance.
type Account struct{}

type (
	// Deposit is answered with the balance.
	Deposit struct {
		worker.In[Account, int]
		Amount int
	}
	// Audit is work that may hang, as in a library of somebody else's.
	Audit struct{ worker.In[Account, string] }
)

// accounts is the definition, which the coordinator and the process share.
func accounts() *worker.Def[Account, string, int, *int] {
	d := &worker.Def[Account, string, int, *int]{
		Launch: func(_ context.Context, _ worker.Self[Account], _ string, opening int) (*int, error) {
			return &opening, nil
		},
	}
	worker.Handle(d, func(_ context.Context, balance *int, q Deposit) (int, error) {
		*balance += q.Amount
		return *balance, nil
	})
	worker.Handle(d, func(context.Context, *int, Audit) (string, error) {
		for {
			time.Sleep(time.Hour) // whatever its context says
		}
	})
	return d
}

// The handlers run in a process of the worker's own. One that hangs is killed,
// and the next life begins as the first did.
func Example() {
	ctx := context.Background()
	table := worker.NewQueue(accounts(), worker.Config{
		Restart: life.Policy{Min: -1},
		Limit:   50 * time.Millisecond,
		Grace:   -1,
		// This field makes the difference. The process calls
		// behind.Serve(accounts(), s) on the stream of native.Stream.
		Behind: behind.Wall(process.Command{Path: os.Args[0], Env: []string{"GANGER_BEHIND_TEST=account"}}),
	})
	w, err := table.Launch(ctx, "alice", 100)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(worker.Call(ctx, w, Deposit{Amount: 20}))
	_, err = worker.Call(ctx, w, Audit{})
	fmt.Println(ganger.OutcomeOf(err), ganger.CauseOf(err))
	fmt.Println(worker.Call(ctx, w, Deposit{Amount: 1}))
	fmt.Println(table.Dead()[0].Exit.Reason, table.Dead()[0].Exit.Signal)
	fmt.Println(table.Close(ctx))
	// Output:
	// 120 <nil>
	// timed-out exec
	// 101 <nil>
	// exec-timeout SIGKILL
	// <nil>
}
