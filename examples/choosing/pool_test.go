//go:build linux

package choosing_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/goroutine"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
)

// count is the work of these examples.
func count(_ context.Context, text string, _ wall.Host) (int, error) {
	if text == "" {
		return 0, errors.New("nothing to count")
	}
	if text == "?" {
		panic("what?")
	}
	return len(strings.Fields(text)), nil
}

// kind and lives are what most of these examples perform tasks with: a text goes
// to a worker as it is, and comes back as the number of its words.
var (
	kind = pool.Kind[string, string, int, struct{}]{
		Request: func(_ pool.Held[struct{}], text string) (string, error) { return text, nil },
	}
	lives = goroutine.Wall[string, int]{
		Begin: func(context.Context) (goroutine.Perform[string, int], error) { return count, nil },
	}
)

// For those who come from errgroup: the first failure cancels the others.
func Example_errgroup() {
	ctx := context.Background()
	texts := []string{"one", "two words", "", "three more words"}
	g := &pool.Group{FirstFailure: true}
	err := pool.With(ctx, kind, lives, pool.Config{Workers: 4}, func(ctx context.Context, p *pool.Pool[string, int]) error {
		for _, text := range texts {
			if _, err := p.Submit(ctx, pool.Task[string]{Value: text, Group: g, ExecTimeout: time.Minute}); err != nil {
				return err
			}
		}
		return g.Wait(ctx)
	})
	fmt.Println(ganger.OutcomeOf(err), errors.Unwrap(err))
	// Output: failed nothing to count
}

// For those who come from worker pools: whoever submits hears how it ended.
func Example_workerPool() {
	ctx := context.Background()
	err := pool.With(ctx, kind, lives, pool.Config{Workers: 4, QueueLimit: 100}, func(ctx context.Context, p *pool.Pool[string, int]) error {
		for _, text := range []string{"two words", "?"} {
			n, err := p.Do(ctx, pool.Task[string]{Value: text, ExecTimeout: time.Second})
			if e, ok := errors.AsType[*ganger.Error](err); ok {
				fmt.Println(e.Outcome, e.Cause) // the panic cost one task; MaxDeaths says how often it is tried
				continue
			}
			fmt.Println(n)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// 2
	// poisoned panic
	// <nil>
}

// serve is the main of the worker in Example_goPlugin.
func serve() error {
	s, err := native.Stream()
	if err != nil {
		return err
	}
	return native.Serve(s, 1, native.JSON[string](), native.JSON[int](), count)
}

// For those who come from go-plugin: the same function, in a process that is
// supervised.
func Example_goPlugin() {
	path, ctx := self(), context.Background()
	words := wall.Speak(process.Command{Path: path}, native.Dialect[string, int]{Request: native.JSON[string](), Response: native.JSON[int]()})
	err := pool.With(ctx, kind, words, pool.Config{Workers: 1}, func(ctx context.Context, p *pool.Pool[string, int]) error {
		n, err := p.Do(ctx, pool.Task[string]{Value: "in another process", ExecTimeout: time.Minute})
		fmt.Println(n)
		return err
	})
	fmt.Println(err)
	// Output:
	// 3
	// <nil>
}
