// Command protoactor measures asynkron/protoactor-go as the benchmark's other
// programs measure named workers. It is a module and a program of its own: what
// it needs cannot be linked beside Hollywood.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/ganger-dev/ganger/bench/turns"
)

// limit is how long a caller waits at most. This library wants one for each call.
const limit = 5 * time.Second

func main() {
	rounds := flag.Int("rounds", 15, "turns of each measurement")
	turn := flag.Duration("turn", 20*time.Millisecond, "how long a turn takes")
	idle := flag.Int("idle", 0, "measure the memory of so many idle actors instead")
	flag.Parse()
	var err error
	if *idle > 0 {
		err = atRest(*idle)
	} else {
		err = run(turns.Turns{Rounds: *rounds, Turn: *turn})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "protoactor:", err)
		os.Exit(1)
	}
}

// ask wants an answer, tell does not.
type (
	ask  struct{ n int }
	tell struct{ n int }
)

// echo answers what is asked.
type echo struct{}

func (echo) Receive(c actor.Context) {
	if q, ok := c.Message().(ask); ok {
		c.Respond(q.n)
	}
}

func newEcho() actor.Actor { return echo{} }

// system is the whole of the library, silent.
func system() *actor.RootContext {
	silent := actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) })
	return actor.NewActorSystem(silent).Root
}

func run(t turns.Turns) error {
	root := system()
	pid := root.Spawn(actor.PropsFromProducer(newEcho))
	request := func(n int) error {
		got, err := root.RequestFuture(pid, ask{n}, limit).Result()
		if err == nil && got != n {
			err = fmt.Errorf("%d came back as %v", n, got)
		}
		return err
	}
	send := func(producers int) func(int) error {
		return func(n int) error {
			var sent sync.WaitGroup
			for range producers {
				sent.Go(func() {
					for i := range (n + producers - 1) / producers {
						root.Send(pid, tell{i})
					}
				})
			}
			sent.Wait()
			return request(0) // behind all that was sent
		}
	}
	return t.Run(
		os.Stdout, "protoactor", turns.Channel(),
		turns.Whole("call", func(n int) (err error) {
			for i := range n {
				err = errors.Join(err, request(i))
			}
			return err
		}),
		turns.Whole("push", send(1)),
		turns.Whole("push8", send(8)),
	)
}

// atRest prints the memory of n actors that have nothing to do.
func atRest(n int) error {
	root, props := system(), actor.PropsFromProducer(newEcho)
	return turns.Idle(os.Stdout, "protoactor", n, func(int) error {
		root.Spawn(props)
		return nil
	})
}
