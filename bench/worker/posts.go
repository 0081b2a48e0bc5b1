package main

import (
	"context"
	"errors"
	"os"
	"sync"

	"github.com/ganger-dev/ganger/bench/turns"
	"github.com/ganger-dev/ganger/worker"
)

// posts prints what requests cost that nobody waits for.
func posts(t turns.Turns) error {
	table, w, err := queue(worker.Config{})
	if err != nil {
		return err
	}
	push := func(name string, producers int) turns.Op {
		return turns.Whole(name, func(n int) error {
			errs := make([]error, producers)
			var pushed sync.WaitGroup
			for p := range producers {
				pushed.Go(func() {
					for i := range (n + producers - 1) / producers {
						if err := w.Push(tell{N: i}); err != nil {
							errs[p] = err
							return
						}
					}
				})
			}
			pushed.Wait()
			return errors.Join(append(errs, answered(context.Background(), w, n))...) // behind all that was pushed
		})
	}
	boxes := worker.NewLatest(def(), func(_, incoming worker.Post[echo]) worker.Post[echo] { return incoming }, worker.Config{})
	b, err := boxes.Launch(context.Background(), 0, struct{}{})
	if err != nil {
		return err
	}
	put := func(n int) error {
		for i := range n {
			if err := b.Put(tell{N: i}); err != nil {
				return err
			}
		}
		return nil
	}
	err = t.Run(
		os.Stdout, "worker", turns.Channel(),
		push("push", 1),
		push("push8", 8),
		turns.Whole("put", func(n int) error {
			until, begun := make(chan struct{}), make(chan struct{})
			if err := b.Put(wait{until: until, begun: begun}); err != nil {
				return err
			}
			<-begun
			err := put(n)
			close(until)
			return err
		}),
		turns.Whole("put taken", put),
	)
	return errors.Join(err, table.Close(context.Background()), boxes.Close(context.Background()))
}
