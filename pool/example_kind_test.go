package pool_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/goroutine"
)

// stateless is the goroutine wall in the examples of this package whose workers
// keep nothing from one request to the next.
func stateless[Q, R any](f goroutine.Perform[Q, R]) goroutine.Wall[Q, R] {
	return goroutine.Wall[Q, R]{
		Begin: func(context.Context) (goroutine.Perform[Q, R], error) { return f, nil },
	}
}

// upper is what most workers of these examples do.
func upper(_ context.Context, s string, _ wall.Host) (string, error) {
	return strings.ToUpper(s), nil
}

// A life that has loaded a book is competent for the questions about it, and
// takes no others: loading is what costs. Use says what a life holds from now
// on, Match and Request are told.
func ExampleKind_match() {
	type question struct{ book, text string }
	book := func(q question) string { return q.book }
	kind := pool.Kind[question, string, string, string]{
		Match: func(h pool.Held[string], q question) bool {
			return !h.Warm || h.Value == book(q)
		},
		Request: func(h pool.Held[string], q question) (string, error) {
			if !h.Warm {
				return "load " + q.book + ", then " + q.text, nil
			}
			return q.text, nil
		},
		Use: func(_ pool.Held[string], q question, _ string) (pool.Next[question, string], error) {
			return pool.Next[question, string]{Held: q.book}, nil
		},
	}
	echo := stateless(func(_ context.Context, s string, _ wall.Host) (string, error) { return s, nil })
	err := pool.With(context.Background(), kind, echo, pool.Config{Workers: 2}, func(ctx context.Context, p *pool.Pool[question, string]) error {
		for _, q := range []question{{"emma", "count"}, {"ulysses", "count"}, {"emma", "sort"}, {"ulysses", "sort"}} {
			sent, err := p.Do(ctx, pool.Task[question]{Value: q})
			if err != nil {
				return err
			}
			fmt.Println(q.book+":", sent)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// emma: load emma, then count
	// ulysses: load ulysses, then count
	// emma: sort
	// ulysses: sort
	// <nil>
}

// A request is made just before it is sent, from the newest state. One that is
// no longer worth sending expires: the life stays as it was and the task ends.
func ExampleKind_expired() {
	type edit struct{ paragraph, version int }
	current := map[int]int{1: 1, 2: 7} // paragraph 2 was edited meanwhile
	kind := pool.Kind[edit, string, string, struct{}]{
		Request: func(_ pool.Held[struct{}], e edit) (string, error) {
			if e.version != current[e.paragraph] {
				return "", pool.ErrExpired
			}
			return fmt.Sprint("paragraph ", e.paragraph), nil
		},
	}
	_ = pool.With(context.Background(), kind, stateless(upper), pool.Config{Workers: 1}, func(ctx context.Context, p *pool.Pool[edit, string]) error {
		for _, e := range []edit{{1, 1}, {2, 6}} {
			_, err := p.Do(ctx, pool.Task[edit]{Value: e})
			fmt.Println(e.paragraph, ganger.OutcomeOf(err))
		}
		return nil
	})
	// Output:
	// 1 done
	// 2 expired
}

// What cannot cross the wall may be performed here instead, when somebody waits
// for it. The worker never hears of it.
func ExampleKind_unsent() {
	kind := pool.Kind[any, string, string, struct{}]{
		Request: func(_ pool.Held[struct{}], v any) (string, error) {
			s, ok := v.(string)
			if !ok {
				return "", fmt.Errorf("%T values cannot be sent", v)
			}
			return s, nil
		},
		Unsent: func(v any, why error) func() (string, error) {
			f, ok := v.(func() string)
			if !ok {
				return nil // it ends Rejected (encode)
			}
			return func() (string, error) { return f() + ", because " + errors.Unwrap(why).Error(), nil }
		},
	}
	_ = pool.With(context.Background(), kind, stateless(upper), pool.Config{Workers: 1}, func(ctx context.Context, p *pool.Pool[any, string]) error {
		for _, v := range []any{"sent", func() string { return "performed here" }, 42} {
			s, err := p.Do(ctx, pool.Task[any]{Value: v})
			fmt.Println(s, err)
		}
		return nil
	})
	// Output:
	// SENT <nil>
	// performed here, because func() string values cannot be sent <nil>
	//  rejected (encode): int values cannot be sent
}

// Feedback comes in order, and before the end of its task.
func ExampleKind_feedback() {
	kind := pool.Kind[string, string, string, struct{}]{
		Request:  func(_ pool.Held[struct{}], s string) (string, error) { return s, nil },
		Feedback: func(s string, body []byte) { fmt.Printf("%s: %s\n", s, body) },
	}
	reporter := stateless(func(_ context.Context, s string, h wall.Host) (string, error) {
		for _, part := range []string{"a third", "two thirds"} {
			h.Feedback([]byte(part))
		}
		return "all of " + s, nil
	})
	_ = pool.With(context.Background(), kind, reporter, pool.Config{Workers: 1}, func(ctx context.Context, p *pool.Pool[string, string]) error {
		s, err := p.Do(ctx, pool.Task[string]{Value: "it"})
		fmt.Println(s, err)
		return nil
	})
	// Output:
	// it: a third
	// it: two thirds
	// all of it <nil>
}

// View says what people are shown of a task. A look never waits for a worker.
func ExamplePool_Snapshot() {
	kind := pool.Kind[string, string, string, struct{}]{
		Request: func(_ pool.Held[struct{}], s string) (string, error) { return s, nil },
		View:    func(s string) any { return map[string]string{"file": s} },
	}
	begun := make(chan struct{})
	stuck := stateless(func(ctx context.Context, _ string, _ wall.Host) (string, error) {
		close(begun)
		<-ctx.Done()
		return "", context.Cause(ctx)
	})
	_ = pool.With(context.Background(), kind, stuck, pool.Config{Workers: 1}, func(ctx context.Context, p *pool.Pool[string, string]) error {
		t, err := p.Submit(ctx, pool.Task[string]{Value: "a.go"})
		if err != nil {
			return err
		}
		<-begun
		for w := range p.Snapshot {
			fmt.Println(w.Name, w.State, w.Current[0].View)
		}
		t.Cancel(nil)
		return nil
	})
	// Output: w0 busy map[file:a.go]
}

// Match may depend on something outside. When that changes, Broadcast has it
// asked again; until then nothing happens, and Join says so.
func ExamplePool_Broadcast() {
	var onScreen atomic.Bool
	kind := pool.Kind[string, string, string, struct{}]{
		Match:   func(pool.Held[struct{}], string) bool { return onScreen.Load() },
		Request: func(_ pool.Held[struct{}], s string) (string, error) { return s, nil },
	}
	_ = pool.With(context.Background(), kind, stateless(upper), pool.Config{Workers: 1}, func(ctx context.Context, p *pool.Pool[string, string]) error {
		t, err := p.Submit(ctx, pool.Task[string]{Value: "proof"})
		if err != nil {
			return err
		}
		fmt.Println(errors.Is(p.Join(ctx), pool.ErrUnmatched))
		onScreen.Store(true)
		p.Broadcast()
		fmt.Println(t.Wait(ctx))
		return nil
	})
	// Output:
	// true
	// PROOF <nil>
}
