package pool_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/goroutine"
)

// Numbers are parsed by workers behind the goroutine wall. Behind a process wall
// only the second argument of New would change.
func Example() {
	kind := pool.Kind[string, string, int, struct{}]{
		Request: func(_ pool.Held[struct{}], s string) (string, error) { return s, nil },
	}
	workers := goroutine.Wall[string, int]{
		Begin: func(context.Context) (goroutine.Perform[string, int], error) {
			return func(_ context.Context, s string, _ wall.Host) (int, error) {
				if s == "" {
					panic("nothing to parse")
				}
				return strconv.Atoi(s)
			}, nil
		},
	}
	p := pool.New(kind, workers, pool.Config{Workers: 2})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = p.Run(ctx) }()

	for _, s := range []string{"42", "x", ""} {
		n, err := p.Do(ctx, pool.Task[string]{Value: s, ExecTimeout: time.Second})
		if e, ok := errors.AsType[*ganger.Error](err); ok {
			fmt.Printf("%v (%v)\n", e.Outcome, e.Cause)
			continue
		}
		fmt.Println(n)
	}
	cancel()
	<-done
	// Output:
	// 42
	// failed ()
	// poisoned (panic)
}

// The first task of a group that has no success cancels the others, and its
// error is the group's.
func ExampleGroup() {
	kind := pool.Kind[time.Duration, time.Duration, struct{}, struct{}]{
		Request: func(_ pool.Held[struct{}], d time.Duration) (time.Duration, error) { return d, nil },
	}
	workers := goroutine.Wall[time.Duration, struct{}]{
		Slots: 4,
		Begin: func(context.Context) (goroutine.Perform[time.Duration, struct{}], error) {
			return func(ctx context.Context, d time.Duration, _ wall.Host) (struct{}, error) {
				if d == 0 {
					return struct{}{}, errors.New("this goal is false")
				}
				select {
				case <-time.After(d):
					return struct{}{}, nil
				case <-ctx.Done():
					return struct{}{}, context.Cause(ctx)
				}
			}, nil
		},
	}
	p := pool.New(kind, workers, pool.Config{Workers: 1})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = p.Run(ctx) }()

	g := &pool.Group{FirstFailure: true}
	for _, d := range []time.Duration{time.Hour, 2 * time.Hour, 0} {
		if _, err := p.Submit(ctx, pool.Task[time.Duration]{Value: d, Group: g}); err != nil {
			fmt.Println(err)
		}
	}
	err := g.Wait(ctx)
	fmt.Println(ganger.OutcomeOf(err), errors.Unwrap(err))
	cancel()
	<-done
	// Output: failed this goal is false
}
