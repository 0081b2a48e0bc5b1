// Command worker is package worker's contestant against actor libraries and
// against an unbuffered channel, with which all its operations take turns
// (package turns): calls, pushes and puts, lives that end, workers behind a
// process, and the memory of idle ones.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"time"

	"github.com/ganger-dev/ganger/bench/turns"
	"github.com/ganger-dev/ganger/wall/process"
	"github.com/ganger-dev/ganger/worker"
)

func main() {
	process.Main()
	rounds := flag.Int("rounds", 15, "turns of each measurement")
	turn := flag.Duration("turn", 20*time.Millisecond, "how long a turn takes")
	idle := flag.Int("idle", 0, "measure the memory of so many idle workers instead")
	only := flag.String("only", "", "measure this alone: calls, posts, lives, processes")
	of := flag.String("child", "", "be a worker process, of a table or of a pool")
	profile := flag.String("cpuprofile", "", "write where the time went to this file")
	flag.Parse()
	err := profiled(*profile, func() error {
		switch {
		case *of != "":
			return child(*of)
		case *idle > 0:
			return atRest(*idle)
		}
		return run(*only, turns.Turns{Rounds: *rounds, Turn: *turn})
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

// run prints the figures of one measurement, or of all.
func run(only string, t turns.Turns) error {
	var err error
	for _, m := range []struct {
		name string
		run  func(turns.Turns) error
	}{
		{"calls", calls},
		{"posts", posts},
		{"lives", lives},
		{"processes", processes},
	} {
		if only == "" || only == m.name {
			err = errors.Join(err, m.run(t))
		}
	}
	return err
}

// echo is the protocol of all workers here.
type echo struct{}

type (
	// ask wants its number back.
	ask struct {
		worker.In[echo, int]
		N int
	}
	// tell wants nothing.
	tell struct {
		worker.In[echo, struct{}]
		N int
	}
	// wait keeps the worker busy until its channel is closed.
	wait struct {
		worker.In[echo, struct{}]
		until <-chan struct{}
		begun chan<- struct{} // closed when it is in hand
	}
	// die panics.
	die struct{ worker.In[echo, struct{}] }
)

// def defines workers that are launched with nothing and remember nothing.
func def() *worker.Def[echo, int, struct{}, struct{}] {
	d := &worker.Def[echo, int, struct{}, struct{}]{
		Launch: func(context.Context, worker.Self[echo], int, struct{}) (struct{}, error) { return struct{}{}, nil },
	}
	worker.Handle(d, func(_ context.Context, _ struct{}, q ask) (int, error) { return q.N, nil })
	worker.Handle(d, func(context.Context, struct{}, tell) (struct{}, error) { return struct{}{}, nil })
	worker.Handle(d, func(_ context.Context, _ struct{}, q wait) (struct{}, error) {
		close(q.begun)
		<-q.until
		return struct{}{}, nil
	})
	worker.Handle(d, func(context.Context, struct{}, die) (struct{}, error) { panic("as asked") })
	return d
}

// queue launches one worker with an unbounded mailbox. The table is the caller's
// to close.
func queue(c worker.Config) (*worker.Table[int, struct{}, worker.Queue[echo]], worker.Queue[echo], error) {
	t := worker.NewQueue(def(), c)
	w, err := t.Launch(context.Background(), 0, struct{}{})
	return t, w, err
}

// calls prints what a call costs with each of the things that can bound it.
func calls(t turns.Turns) error {
	plain, w, err := queue(worker.Config{})
	if err != nil {
		return err
	}
	limited, l, err := queue(worker.Config{Limit: 5 * time.Second})
	if err != nil {
		return err
	}
	cancellable, cancel := context.WithCancel(context.Background())
	defer cancel()
	through := func(name string, to worker.Queue[echo], ctx context.Context) turns.Op {
		return turns.Whole(name, func(n int) error {
			for i := range n {
				if err := answered(ctx, to, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err = t.Run(
		os.Stdout, "worker", turns.Channel(),
		through("call", w, context.Background()),
		through("call cancellable", w, cancellable),
		through("call limit", l, context.Background()),
		turns.Whole("call timeout", func(n int) error {
			for i := range n {
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				err := answered(ctx, w, i)
				cancel()
				if err != nil {
					return err
				}
			}
			return nil
		}),
	)
	return errors.Join(err, plain.Close(context.Background()), limited.Close(context.Background()))
}

// answered calls to once.
func answered(ctx context.Context, to worker.Queue[echo], n int) error {
	got, err := worker.Call(ctx, to, ask{N: n})
	if err == nil && got != n {
		err = fmt.Errorf("%d came back as %d", n, got)
	}
	return err
}

// atRest prints the memory of n workers that have nothing to do.
func atRest(n int) error {
	t := worker.NewQueue(def(), worker.Config{})
	return turns.Idle(os.Stdout, "worker", n, func(i int) error {
		_, err := t.Launch(context.Background(), i, struct{}{})
		return err
	})
}

// profiled is f, with a profile for go tool pprof unless file is empty.
func profiled(file string, f func() error) error {
	if file == "" {
		return f()
	}
	to, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(to); err != nil {
		return errors.Join(err, to.Close())
	}
	err = f()
	pprof.StopCPUProfile()
	return errors.Join(err, to.Close())
}
