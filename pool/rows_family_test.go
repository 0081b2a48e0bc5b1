//go:build linux

package pool_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
)

// forking lets scripts ask for other scripts: "ask all N SCRIPT" waits for N of
// them, "ask none N SCRIPT" for none.
func forking(p **running) func(*scriptKind) {
	return func(k *scriptKind) {
		k.Ask = func(ctx context.Context, _ string, question []byte) ([]byte, error) {
			f := strings.SplitN(string(question), " ", 3)
			n, _ := strconv.Atoi(f[1])
			script := strings.NewReplacer("++", "+", "+", ";").Replace(f[2]) // a level deeper
			g := &pool.Group{}
			for range n {
				if _, err := (*p).Submit(ctx, pool.Task[string]{Value: script, Group: g}); err != nil {
					return nil, err
				}
			}
			if f[0] == "all" {
				if err := g.Wait(ctx); err != nil {
					return nil, err
				}
			}
			return []byte("asked"), nil
		}
	}
}

// TestP16TreeOfTasks: tasks submit tasks and wait for them, three deep, on one
// worker and a queue for one.
func TestP16TreeOfTasks(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		for _, slots := range []int{1, 3} {
			var p *running
			p = start(t, w, setup{kind: forking(&p), slots: slots, Config: pool.Config{QueueLimit: 1}})
			leaf := "ask all 2 echo leaf"
			if got := p.do(t, "ask all 2 "+leaf); got != "asked" {
				t.Fatalf("the root answered %q", got)
			}
			if err := p.Join(guard(t)); err != nil {
				t.Fatal(err)
			}
			got := p.collect(t, 7)
			slices.Sort(got)
			if want := []string{"asked", "asked", "asked", "leaf", "leaf", "leaf", "leaf"}; !slices.Equal(got, want) {
				t.Errorf("ends are %q, want %q", got, want)
			}
			p.stop()
		}
	})
}

// TestP16DepthNeverLocksUp: every worker waits for a task that waits for a task.
func TestP16DepthNeverLocksUp(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		var p *running
		p = start(t, w, setup{kind: forking(&p), Config: pool.Config{Workers: 2}})
		script := "echo bottom"
		for range 8 {
			script = "ask all 1 " + script
		}
		for range 4 {
			p.submit(t, pool.Task[string]{Value: script})
		}
		if err := p.Join(guard(t)); err != nil {
			t.Fatal(err)
		}
		for _, end := range p.collect(t, 4*9) {
			if end != "asked" && end != "bottom" {
				t.Errorf("a task ended %q", end)
			}
		}
		p.do(t, "echo after")
	})
}

// TestP16LentSlotsAreForTheChildren: what is lent performs nothing else, so that
// a long queue of tasks that wait does not become as many workers.
func TestP16LentSlotsAreForTheChildren(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		var p *running
		most := 0
		p = start(t, w, setup{kind: func(k *scriptKind) {
			forking(&p)(k)
			request := k.Request
			k.Request = func(h pool.Held[string], script string) (string, error) {
				n := 0
				p.Snapshot(func(inspect.Worker) bool { n++; return true })
				most = max(most, n)
				return request(h, script)
			}
		}})
		for range 20 {
			p.submit(t, pool.Task[string]{Value: "ask all 1 echo leaf"})
		}
		if err := p.Join(guard(t)); err != nil {
			t.Fatal(err)
		}
		if most > 2 {
			t.Errorf("%d workers for one worker's tasks of depth two, want at most 2", most)
		}
	})
}

func TestP16CancelReachesTheChildren(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		ran, signal := signalled(100)
		var p *running
		p = start(t, w, setup{kind: func(k *scriptKind) { signal(k); forking(&p)(k) }, Config: pool.Config{Workers: 2}})
		// A root that waits, with a child that waits, with a child that runs.
		root := p.submit(t, pool.Task[string]{Value: "ask all 1 ask all 1 feedback 1++ sleep 1h"})
		<-ran
		why := errors.New("enough")
		root.Cancel(why)
		if err := p.Join(guard(t)); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			e := <-p.ends
			wantEnd(t, e.Err, ganger.Cancelled, ganger.CauseTask)
			if !errors.Is(e.Err, why) {
				t.Errorf("%v does not tell why", e.Err)
			}
		}
		// Children that nobody waits for outlive a root that is done, and are
		// cancelled with it all the same.
		root = p.submit(t, pool.Task[string]{Value: "ask none 2 sleep 1h"})
		if _, err := wait(t, root); err != nil {
			t.Fatal(err)
		}
		root.Cancel(nil)
		if err := p.Join(guard(t)); err != nil {
			t.Fatal(err)
		}
	})
}

// TestP16AttemptTakesItsChildrenAlong: what an attempt submitted is cancelled
// when the attempt comes to nothing, and submitted again by the next.
func TestP16AttemptTakesItsChildrenAlong(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		file := t.TempDir() + "/times"
		var p *running
		p = start(t, w, setup{kind: forking(&p)})
		root := p.submit(t, pool.Task[string]{Value: "ask none 1 sleep 1h; die-until " + file + " 1"})
		if value, err := wait(t, root); err != nil || value != "alive" {
			t.Fatalf("%q, %v", value, err)
		}
		got := p.collect(t, 2) // before the cancel, which would reach both children
		root.Cancel(nil)
		if err := p.Join(guard(t)); err != nil {
			t.Fatal(err)
		}
		got = append(got, p.collect(t, 1)...)
		slices.Sort(got)
		if want := []string{"alive", "cancelled group", "cancelled task"}; !slices.Equal(got, want) {
			t.Errorf("ends are %q, want %q", got, want)
		}
	})
}

// TestP16ChildrenNeedNoRoom: what a task submits is let in though the queue is full
// and closed, or the parent would wait for room that comes only after it.
func TestP16ChildrenNeedNoRoom(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		begun, full := make(chan struct{}), make(chan struct{})
		var p *running
		p = start(t, w, setup{Config: pool.Config{QueueLimit: 1}, kind: func(k *scriptKind) {
			forking(&p)(k)
			k.Feedback = func(string, []byte) {
				close(begun)
				<-full
			}
		}})
		root := p.submit(t, pool.Task[string]{Value: "feedback 1; ask all 3 echo leaf"})
		<-begun
		p.submit(t, pool.Task[string]{Value: "echo outside"})
		drained := make(chan error, 1)
		go func() { drained <- p.Drain(guard(t)) }()
		poll(t, "the pool is closed", func() bool {
			_, err := p.Submit(t.Context(), pool.Task[string]{Value: "echo refused"})
			return ganger.CauseOf(err) == ganger.CauseClosed
		})
		close(full)
		if got, err := wait(t, root); got != "asked" {
			t.Errorf("the parent ended with %q, %v", got, err)
		}
		if err := <-drained; err != nil {
			t.Error(err)
		}
	})
}

// TestP16SlotIsLentWhileItsTaskWaits: and no longer: a task that goes on has its
// slot for itself.
func TestP16SlotIsLentWhileItsTaskWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := plain(1)
		w.Begin = func(context.Context) (performed, error) {
			return func(ctx context.Context, q string, h wall.Host) (string, error) {
				if q != "root" {
					return q, nil
				}
				for _, question := range []string{"waited for", "not waited for"} {
					if _, err := h.Ask(ctx, []byte(question)); err != nil {
						return "", err
					}
				}
				time.Sleep(time.Hour)
				return q, nil
			}, nil
		}
		var p *pool.Pool[string, string]
		k := plainKind{Ask: func(ctx context.Context, _ string, question []byte) ([]byte, error) {
			child, err := p.Submit(ctx, pool.Task[string]{Value: string(question)})
			if err == nil && string(question) == "waited for" {
				_, err = child.Wait(ctx)
			}
			return nil, err
		}}
		var stop func()
		p, stop = run(t, w, k, pool.Config{Workers: 1})
		defer stop()
		root := sub(t, p, pool.Task[string]{Value: "root"})
		time.Sleep(time.Minute)
		if got, want := p.Queued(), []string{"not waited for"}; !slices.Equal(got, want) {
			t.Errorf("while the parent goes on %q wait, want %q: there is one worker", got, want)
		}
		if err := within(root, 2*time.Hour); err != nil {
			t.Error(err)
		}
		if err := p.Join(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestP16LenderCannotStart: a child that only a lent slot could perform is
// rejected when no additional worker starts, and its parent goes on.
func TestP16LenderCannotStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *pool.Pool[string, string]
		w := plain(1)
		w.fail = func(st wall.Start) error {
			if st.Seat > 0 {
				return errors.New("no memory for more")
			}
			return nil
		}
		w.Begin = func(context.Context) (performed, error) {
			return func(ctx context.Context, q string, h wall.Host) (string, error) {
				answer, err := h.Ask(ctx, []byte("child"))
				return string(answer), err
			}, nil
		}
		k := plainKind{Ask: func(ctx context.Context, _ string, question []byte) ([]byte, error) {
			_, err := p.Do(ctx, pool.Task[string]{Value: string(question)})
			if ganger.CauseOf(err) != ganger.CauseStart {
				return nil, fmt.Errorf("the child ended with %w", err)
			}
			return []byte("no child"), nil
		}}
		var stop func()
		p, stop = run(t, w, k, pool.Config{Workers: 1})
		defer stop()
		x := sub(t, p, pool.Task[string]{Value: "ask"})
		if err := within(x, time.Hour); err != nil {
			t.Error(err)
		}
	})
}

// TestT39Scoped: a scoped pool leaves nothing behind, whatever its function does.
func TestT39Scoped(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	onEachWall(t, func(t *testing.T, w subject) {
		kind := scriptKind{Request: func(_ pool.Held[string], s string) (string, error) { return s, nil }}
		ends := map[string]int{}
		kind.Commit = func(_ string, e pool.End[string]) { ends[ganger.OutcomeOf(e.Err).String()]++ }
		some := func(script string, then error) func(context.Context, *pool.Pool[string, string]) error {
			return func(ctx context.Context, p *pool.Pool[string, string]) error {
				for range 5 {
					if _, err := p.Submit(ctx, pool.Task[string]{Value: script}); err != nil {
						return err
					}
				}
				return then
			}
		}
		cfg := pool.Config{Workers: 2}
		if err := pool.With(t.Context(), kind, w.open(1), cfg, some("echo", nil)); err != nil || ends["done"] != 5 {
			t.Errorf("%v: %v", ends, err)
		}
		enough := errors.New("enough")
		if err := pool.With(t.Context(), kind, w.open(1), cfg, some("sleep 1h", enough)); !errors.Is(err, enough) || ends["cancelled"] != 5 {
			t.Errorf("%v: %v", ends, err)
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, enough)
		defer cancel()
		if err := pool.With(ctx, kind, w.open(1), cfg, some("sleep 1h", nil)); !errors.Is(err, enough) || ends["cancelled"] != 10 {
			t.Errorf("%v: %v", ends, err)
		}
	})
}
