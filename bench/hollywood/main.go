// Command hollywood measures anthdm/hollywood as the benchmark's other programs
// measure named workers. It is a module and a program of its own: what it needs
// cannot be linked beside Proto.Actor.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/anthdm/hollywood/actor"

	"github.com/ganger-dev/ganger/bench/turns"
)

// limit is how long a caller waits at most. This library wants one for each call.
const limit = 5 * time.Second

func main() {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil))) // it logs each actor's start
	rounds := flag.Int("rounds", 15, "turns of each measurement")
	turn := flag.Duration("turn", 20*time.Millisecond, "how long a turn takes")
	idle := flag.Int("idle", 0, "measure the memory of so many idle actors instead")
	inbox := flag.Int("inbox", 1, "the size of their inboxes")
	flag.Parse()
	var err error
	if *idle > 0 {
		err = atRest(*idle, *inbox)
	} else {
		err = run(turns.Turns{Rounds: *rounds, Turn: *turn})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "hollywood:", err)
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

func (echo) Receive(c *actor.Context) {
	if q, ok := c.Message().(ask); ok {
		c.Respond(q.n)
	}
}

func newEcho() actor.Receiver { return echo{} }

func run(t turns.Turns) error {
	e, err := actor.NewEngine(actor.NewEngineConfig())
	if err != nil {
		return err
	}
	pid := e.Spawn(newEcho, "echo")
	request := func(n int) error {
		got, err := e.Request(pid, ask{n}, limit).Result()
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
						e.Send(pid, tell{i})
					}
				})
			}
			sent.Wait()
			return request(0) // behind all that was sent
		}
	}
	return t.Run(
		os.Stdout, "hollywood", turns.Channel(),
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
func atRest(n, inbox int) error {
	e, err := actor.NewEngine(actor.NewEngineConfig())
	if err != nil {
		return err
	}
	return turns.Idle(os.Stdout, fmt.Sprintf("hollywood/%d", inbox), n, func(int) error {
		e.Spawn(newEcho, "idle", actor.WithInboxSize(inbox))
		return nil
	})
}
