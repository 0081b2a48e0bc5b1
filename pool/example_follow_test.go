package pool_test

import (
	"context"
	"fmt"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/goroutine"
)

// progress is how far a life came.
type progress struct {
	sum  int
	left []int // what it did not add, because the sum would pass 10
}

// adder begins lives that each keep a sum of their own. One that meets an error
// half way stops there and keeps what is good.
func adder(context.Context) (goroutine.Perform[[]int, progress], error) {
	sum := 0
	return func(_ context.Context, numbers []int, _ wall.Host) (progress, error) {
		for i, n := range numbers {
			if sum+n > 10 {
				return progress{sum, numbers[i:]}, nil
			}
			sum += n
		}
		return progress{sum, nil}, nil
	}, nil
}

// The worker meets an error half way and keeps what it has. The task fails, and
// what follows from it, bound to the same life, goes on from there: nothing is
// done twice.
func ExampleNext_bound() {
	kind := pool.Kind[[]int, []int, progress, int]{
		Request: func(_ pool.Held[int], numbers []int) ([]int, error) { return numbers, nil },
		Use: func(h pool.Held[int], _ []int, p progress) (pool.Next[[]int, int], error) {
			fmt.Printf("life %d came from %d to %d, left %v\n", h.Incarnation, h.Value, p.sum, p.left)
			if p.left == nil {
				return pool.Next[[]int, int]{End: true}, nil // it has served
			}
			repaired := append([]int{3}, p.left[1:]...)
			return pool.Next[[]int, int]{
				Held:   p.sum,
				Follow: []pool.Task[[]int]{{Value: repaired}},
				Bound:  true,
			}, fmt.Errorf("%d is too much", p.left[0])
		},
		Ended: func(numbers []int, e pool.End[progress]) { fmt.Println(numbers, ganger.OutcomeOf(e.Err)) },
	}
	lives := goroutine.Wall[[]int, progress]{Begin: adder}
	err := pool.With(context.Background(), kind, lives, pool.Config{Workers: 2}, func(ctx context.Context, p *pool.Pool[[]int, progress]) error {
		_, err := p.Submit(ctx, pool.Task[[]int]{Value: []int{2, 4, 50, 1}})
		return err // With drains: it waits for what follows too
	})
	fmt.Println(err)
	// Output:
	// life 1 came from 0 to 6, left [50 1]
	// [2 4 50 1] failed
	// life 1 came from 6 to 10, left []
	// [3 1] done
	// <nil>
}

// What is bound to a life that goes, for whatever reason, ends as Cancelled
// (holder): nobody else could perform it.
func ExampleNext_holder() {
	kind := pool.Kind[string, string, string, struct{}]{
		Request: func(_ pool.Held[struct{}], s string) (string, error) { return s, nil },
		Use: func(_ pool.Held[struct{}], s, _ string) (pool.Next[string, struct{}], error) {
			return pool.Next[string, struct{}]{
				Follow: []pool.Task[string]{{Value: "what followed from " + s}},
				Bound:  true,
				End:    true,
			}, nil
		},
		Ended: func(s string, e pool.End[string]) {
			if e.Err != nil {
				fmt.Println(s, "is", e.Err)
			}
		},
	}
	err := pool.With(context.Background(), kind, stateless(upper), pool.Config{Workers: 1}, func(ctx context.Context, p *pool.Pool[string, string]) error {
		_, err := p.Do(ctx, pool.Task[string]{Value: "a proof"})
		return err
	})
	fmt.Println(err)
	// Output:
	// what followed from a proof is cancelled (holder) on w0#1: pool: the life that held what it needs has gone
	// <nil>
}

// A worker asks for other tasks in mid-task and waits for them. It lends its
// slot meanwhile, so that one worker is enough however deep they go.
func ExampleKind_ask() {
	needs := map[string]string{"app": "library", "library": "core", "core": ""}
	var p *pool.Pool[string, string]
	kind := pool.Kind[string, string, string, struct{}]{
		Request: func(_ pool.Held[struct{}], target string) (string, error) { return target, nil },
		Ask: func(ctx context.Context, target string, needed []byte) ([]byte, error) {
			fmt.Printf("%s waits for %s\n", target, needed)
			// With ctx it is the task's own: cancelled with it, and waited for
			// without a slot.
			built, err := p.Do(ctx, pool.Task[string]{Value: string(needed)})
			return []byte(built), err
		},
	}
	builder := stateless(func(ctx context.Context, target string, h wall.Host) (string, error) {
		if needs[target] == "" {
			return target, nil
		}
		part, err := h.Ask(ctx, []byte(needs[target]))
		return target + "(" + string(part) + ")", err
	})
	_ = pool.With(context.Background(), kind, builder, pool.Config{Workers: 1}, func(ctx context.Context, running *pool.Pool[string, string]) error {
		p = running
		fmt.Println(p.Do(ctx, pool.Task[string]{Value: "app"}))
		return nil
	})
	// Output:
	// app waits for library
	// library waits for core
	// app(library(core)) <nil>
}

// Three workers end in the order 3, 2, 1. Ended hears of it at once, Commit in
// the order of submission, so that what it writes depends on no schedule.
func ExampleKind_commit() {
	const n = 3
	var over [n + 2]chan struct{}
	for i := range over {
		over[i] = make(chan struct{})
	}
	close(over[n+1])
	kind := pool.Kind[int, int, int, struct{}]{
		Request: func(_ pool.Held[struct{}], i int) (int, error) { return i, nil },
		Ended: func(i int, _ pool.End[int]) {
			fmt.Println("ended", i)
			close(over[i])
		},
		Commit: func(i int, _ pool.End[int]) { fmt.Println("commit", i) },
	}
	afterTheNext := stateless(func(_ context.Context, i int, _ wall.Host) (int, error) {
		<-over[i+1]
		return i, nil
	})
	_ = pool.With(context.Background(), kind, afterTheNext, pool.Config{Workers: n}, func(ctx context.Context, p *pool.Pool[int, int]) error {
		for i := range n {
			if _, err := p.Submit(ctx, pool.Task[int]{Value: i + 1}); err != nil {
				return err
			}
		}
		return nil // With drains
	})
	// Output:
	// ended 3
	// ended 2
	// ended 1
	// commit 1
	// commit 2
	// commit 3
}
