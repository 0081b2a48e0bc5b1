package pool_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/goroutine"
)

// collected returns a kind whose ends without success are printed.
func collected() pool.Kind[string, string, string, struct{}] {
	return pool.Kind[string, string, string, struct{}]{
		Request: func(_ pool.Held[struct{}], s string) (string, error) { return s, nil },
		Ended: func(s string, e pool.End[string]) {
			if e.Err != nil {
				fmt.Println(s, "is", e.Err)
			}
		},
	}
}

// With keeps a pool for as long as a function takes. Here it is gone, with all
// its lives, when With returns.
func ExampleWith() {
	err := pool.With(context.Background(), collected(), stateless(upper), pool.Config{Workers: 2}, func(ctx context.Context, p *pool.Pool[string, string]) error {
		s, err := p.Do(ctx, pool.Task[string]{Value: "a goal"})
		fmt.Println(s)
		return err
	})
	fmt.Println(err)

	err = pool.With(context.Background(), collected(), stateless(upper), pool.Config{Workers: 2}, func(context.Context, *pool.Pool[string, string]) error {
		return errors.New("nothing to prove") // what was submitted would be cancelled
	})
	fmt.Println(err)
	// Output:
	// A GOAL
	// <nil>
	// nothing to prove
}

// A pool without workers only collects.
func ExamplePool_Queued() {
	p := pool.New(collected(), stateless(upper), pool.Config{Workers: -1})
	for _, s := range []string{"one", "two", "three"} {
		if _, err := p.Submit(context.Background(), pool.Task[string]{Value: s}); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(p.Queued()) // only a look
	p.CancelAll(errors.New("not wanted"))
	fmt.Println(p.Queued())
	// Output:
	// [one two three]
	// one is cancelled (task): not wanted
	// two is cancelled (task): not wanted
	// three is cancelled (task): not wanted
	// []
}

// Higher priorities go first, equal ones by age.
func ExampleTask_priority() {
	p := pool.New(collected(), stateless(upper), pool.Config{Workers: -1})
	for _, t := range []pool.Task[string]{
		{Value: "nightly", Priority: -1},
		{Value: "first"},
		{Value: "second"},
		{Value: "somebody waits", Priority: 5},
	} {
		if _, err := p.Submit(context.Background(), t); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Printf("%q\n", p.Queued())
	// Output: ["somebody waits" "first" "second" "nightly"]
}

// An order of the user's own comes before priority and age; it may change at
// any time, also for those that wait.
func ExamplePool_SetOrder() {
	kind := collected()
	kind.Order = func(a, b string) int { return cmp.Compare(len(a), len(b)) } // the small ones first
	p := pool.New(kind, stateless(upper), pool.Config{Workers: -1})
	for _, s := range []string{"lemma", "theorem", "axiom"} {
		if _, err := p.Submit(context.Background(), pool.Task[string]{Value: s}); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(p.Queued())
	p.SetOrder(func(a, b string) int { return cmp.Compare(a, b) })
	fmt.Println(p.Queued())
	p.SetOrder(nil)
	fmt.Println(p.Queued())
	// Output:
	// [lemma axiom theorem]
	// [axiom lemma theorem]
	// [lemma theorem axiom]
}

// Tasks of one key go where that key is warm.
func ExampleTask_key() {
	caches := goroutine.Wall[string, string]{
		Begin: func(context.Context) (goroutine.Perform[string, string], error) {
			warm := map[string]bool{} // of this life alone
			return func(_ context.Context, key string, _ wall.Host) (string, error) {
				if warm[key] {
					return key + " is at hand", nil
				}
				warm[key] = true
				return key + " is read", nil
			}, nil
		},
	}
	// They wait for that life for ever here; else another has them after a second.
	err := pool.With(context.Background(), collected(), caches, pool.Config{Workers: 4, KeyWait: -1}, func(ctx context.Context, p *pool.Pool[string, string]) error {
		for _, key := range []string{"a.db", "b.db", "a.db", "b.db", "a.db"} {
			s, err := p.Do(ctx, pool.Task[string]{Value: key, Key: key})
			if err != nil {
				return err
			}
			fmt.Println(s)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// a.db is read
	// b.db is read
	// a.db is at hand
	// b.db is at hand
	// a.db is at hand
	// <nil>
}

// A full queue gives up what has waited longest.
func ExampleQueuePolicy_dropOldest() {
	p := pool.New(collected(), stateless(upper), pool.Config{Workers: -1, QueueLimit: 2, QueuePolicy: pool.DropOldest})
	for _, s := range []string{"frame 1", "frame 2", "frame 3"} {
		if _, err := p.Submit(context.Background(), pool.Task[string]{Value: s}); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Printf("%q\n", p.Queued())
	// Output:
	// frame 1 is cancelled (superseded)
	// ["frame 2" "frame 3"]
}

// Of each key only the newest task waits, in the place of the one before.
func ExampleQueuePolicy_replace() {
	p := pool.New(collected(), stateless(upper), pool.Config{Workers: -1, QueuePolicy: pool.Replace})
	for _, t := range []pool.Task[string]{
		{Value: "check a.v as of 9:00", Key: "a.v"},
		{Value: "check b.v as of 9:01", Key: "b.v"},
		{Value: "check a.v as of 9:02", Key: "a.v"},
	} {
		if _, err := p.Submit(context.Background(), t); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Printf("%q\n", p.Queued())
	// Output:
	// check a.v as of 9:00 is cancelled (superseded)
	// ["check a.v as of 9:02" "check b.v as of 9:01"]
}

// The worker is known by name: what it has in hand is cancelled and a fresh life
// takes its seat.
func ExamplePool_CancelWorker() {
	begun := make(chan struct{}, 1) // room for the one task that waits to be cancelled
	lives := 0
	counted := goroutine.Wall[string, int]{
		Begin: func(context.Context) (goroutine.Perform[string, int], error) {
			lives++ // one worker: its lives begin one after the other
			life := lives
			return func(ctx context.Context, s string, _ wall.Host) (int, error) {
				if s == "which life" {
					return life, nil
				}
				begun <- struct{}{}
				<-ctx.Done()
				return 0, context.Cause(ctx)
			}, nil
		},
	}
	kind := pool.Kind[string, string, int, struct{}]{
		Request: func(_ pool.Held[struct{}], s string) (string, error) { return s, nil },
	}
	_ = pool.With(context.Background(), kind, counted, pool.Config{Workers: 1}, func(ctx context.Context, p *pool.Pool[string, int]) error {
		t, err := p.Submit(ctx, pool.Task[string]{Value: "for ever"})
		if err != nil {
			return err
		}
		<-begun
		fmt.Println(p.CancelWorker("w7"))
		fmt.Println(p.CancelWorker("w0"))
		_, err = t.Wait(ctx)
		fmt.Println(err)
		fmt.Println(p.Do(ctx, pool.Task[string]{Value: "which life"}))
		return nil
	})
	// Output:
	// pool: no such worker: "w7"
	// <nil>
	// cancelled (task) on w0#1: worker w0 was cancelled
	// 2 <nil>
}
