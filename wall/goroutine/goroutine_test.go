package goroutine_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/goroutine"
)

type perform = goroutine.Perform[string, string]

// open opens a life of f and stops it when the test is over.
func open(t testing.TB, slots int, f perform) wall.Instance[string, string] {
	t.Helper()
	w := goroutine.Wall[string, string]{
		Slots: slots,
		Begin: func(context.Context) (perform, error) { return f, nil },
	}
	i, err := w.Open(t.Context(), wall.Start{Name: "w", Incarnation: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { i.Stop(context.Background(), ganger.LeavingStopped) })
	return i
}

// TestT24PerformPanics: the call tells the message and the stack, and the life is gone.
func TestT24PerformPanics(t *testing.T) {
	for name, c := range map[string]struct {
		f    perform
		want string
	}{
		"panic":        {func(context.Context, string, wall.Host) (string, error) { panic("no such table") }, "no such table"},
		"error":        {func(context.Context, string, wall.Host) (string, error) { panic(errors.ErrUnsupported) }, "unsupported"},
		"index":        {func(_ context.Context, q string, _ wall.Host) (string, error) { return q[len(q):][:1], nil }, "out of range"},
		"runtime exit": {func(context.Context, string, wall.Host) (string, error) { runtime.Goexit(); return "", nil }, "Goexit"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := open(t, 1, c.f)
				_, err := wall.Do(t.Context(), i, "q", nil)
				e, ok := errors.AsType[*ganger.Error](err)
				if !ok || e.Outcome != ganger.Crashed || e.Cause != ganger.CausePanic || !strings.Contains(err.Error(), c.want) {
					t.Fatalf("Do: %v, want crashed (panic) with %q", err, c.want)
				}
				if !strings.Contains(e.Exit.Stack, "TestT24PerformPanics") {
					t.Errorf("the stack does not show the function that fell:\n%s", e.Exit.Stack)
				}
				<-i.Gone()
				if x := i.Exit(); x.Reason != ganger.LeavingPanic || x.Asked {
					t.Errorf("exit %+v, want panic, not asked", x)
				}
				if _, err := wall.Do(t.Context(), i, "q", nil); !errors.Is(err, wall.ErrUnsent) {
					t.Errorf("Do on a life that is gone: %v, want ErrUnsent", err)
				}
			})
		})
	}
}

// TestContextOfRequest: the context is a full one, made when it is needed.
func TestContextOfRequest(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("no longer wanted")
		ctx, cancel := context.WithCancelCause(context.WithValue(t.Context(), key{}, "from the start"))
		w := goroutine.Wall[string, string]{Begin: func(context.Context) (perform, error) {
			return func(ctx context.Context, _ string, _ wall.Host) (string, error) {
				if ctx.Value(key{}) != "from the start" || ctx.Err() != nil {
					t.Errorf("value %v, err %v", ctx.Value(key{}), ctx.Err())
				}
				child, cancel := context.WithTimeout(ctx, time.Hour)
				defer cancel()
				<-child.Done()
				if !errors.Is(context.Cause(child), why) || !errors.Is(context.Cause(ctx), why) || ctx.Err() != context.Canceled {
					t.Errorf("cause %v of the child, %v of the parent, want %v", context.Cause(child), context.Cause(ctx), why)
				}
				return "", child.Err()
			}, nil
		}}
		i, err := w.Open(ctx, wall.Start{Name: "w", Incarnation: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer i.Stop(context.Background(), ganger.LeavingStopped)
		go func() { time.Sleep(time.Minute); cancel(why) }()
		if _, err := wall.Do(ctx, i, "q", nil); ganger.OutcomeOf(err) != ganger.Cancelled || !errors.Is(err, why) {
			t.Errorf("Do: %v, want cancelled: %v", err, why)
		}
	})
}

// TestBegin: what can go wrong at a start is an error that says so, in time.
func TestBegin(t *testing.T) {
	for name, c := range map[string]struct {
		begin func(context.Context) (perform, error)
		want  string
		after time.Duration
		left  int
	}{
		"errs":    {func(context.Context) (perform, error) { return nil, errors.New("no such table") }, "no such table", 0, 0},
		"panics":  {func(context.Context) (perform, error) { panic("no such table") }, "no such table", 0, 0},
		"nothing": {func(context.Context) (perform, error) { return nil, nil }, "nothing to perform", 0, 0},
		"waits":   {func(ctx context.Context) (perform, error) { <-ctx.Done(); return nil, ctx.Err() }, "too late", time.Minute, 0},
		"deaf": {
			func(context.Context) (perform, error) { time.Sleep(time.Hour); return nil, nil },
			"too late", time.Minute + time.Second, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("too late"))
				defer cancel()
				_, err := goroutine.Wall[string, string]{Begin: c.begin}.Open(ctx, wall.Start{Name: "w", Incarnation: 1})
				if _, ok := errors.AsType[*wall.StartError](err); !ok || !strings.Contains(err.Error(), c.want) {
					t.Errorf("Open: %v, want a StartError with %q", err, c.want)
				}
				if got := time.Since(start); got != c.after || goroutine.Abandoned() != c.left {
					t.Errorf("Open took %v and left %d, want %v and %d", got, goroutine.Abandoned(), c.after, c.left)
				}
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				if n := goroutine.Abandoned(); n != 0 {
					t.Errorf("%d still counted as abandoned after all have returned", n)
				}
			})
		})
	}
}

// TestDeafIsAbandoned: what ignores its context is given up after the grace and
// takes its life with it; its late answer is dropped, neighbours are not blamed.
func TestDeafIsAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := open(t, 3, func(ctx context.Context, q string, _ wall.Host) (string, error) {
			switch q {
			case "deaf":
				time.Sleep(time.Hour)
				return "late", nil
			case "quick":
				<-ctx.Done()
				return "in time", nil
			}
			<-ctx.Done()
			return "", ctx.Err()
		})
		type end struct {
			r   string
			err error
			at  time.Duration
		}
		start := time.Now()
		do := func(ctx context.Context, q string) <-chan end {
			c := make(chan end, 1)
			go func() {
				r, err := wall.Do(ctx, i, q, nil)
				c <- end{r, err, time.Since(start)}
			}()
			synctest.Wait()
			return c
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		deaf, quick, meek := do(ctx, "deaf"), do(t.Context(), "quick"), do(t.Context(), "meek")
		if got := <-deaf; ganger.OutcomeOf(got.err) != ganger.Cancelled || got.at != time.Minute+time.Second {
			t.Errorf("deaf: %+v, want cancelled after the grace", got)
		}
		if got := <-quick; got.r != "in time" || got.err != nil {
			t.Errorf("neighbour that had its response: %+v, want done", got)
		}
		if got := <-meek; !errors.Is(got.err, wall.ErrNeighbour) || ganger.OutcomeOf(got.err) != ganger.Crashed {
			t.Errorf("neighbour without: %+v, want crashed for a neighbour", got)
		}
		<-i.Gone()
		if i.Exit().Reason != ganger.LeavingAbandoned || goroutine.Abandoned() != 1 {
			t.Errorf("exit %+v, %d abandoned; want abandoned, 1", i.Exit(), goroutine.Abandoned())
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if goroutine.Abandoned() != 0 {
			t.Errorf("%d abandoned after the deaf one returned", goroutine.Abandoned())
		}
	})
}

// chain starts the next call from the end of the one before.
type chain struct {
	wall.Call[string]
	i    wall.Instance[string, string]
	left int
	done chan struct{}
}

func (c *chain) EndCall(*wall.Call[string]) {
	if c.left == 0 || c.Err != nil {
		close(c.done)
		return
	}
	next := &chain{i: c.i, left: c.left - 1, done: c.done}
	next.End = next
	c.i.Start("q", &next.Call)
}

// TestEndMayStart: End may start the next call, on and on, without a deadlock
// and without growing a stack.
func TestEndMayStart(t *testing.T) {
	i := open(t, 1, func(_ context.Context, q string, _ wall.Host) (string, error) { return q, nil })
	c := &chain{i: i, left: 100_000, done: make(chan struct{})}
	c.End = c
	i.Start("q", &c.Call)
	<-c.done
}

// BenchmarkChain is the price of one request when each End starts the next; the
// chain needs its length beforehand, so it cannot be a loop.
func BenchmarkChain(b *testing.B) {
	i := open(b, 1, func(_ context.Context, q string, _ wall.Host) (string, error) { return q, nil })
	c := &chain{i: i, left: b.N, done: make(chan struct{})}
	c.End = c
	b.ReportAllocs()
	b.ResetTimer()
	i.Start("q", &c.Call)
	<-c.done
}
