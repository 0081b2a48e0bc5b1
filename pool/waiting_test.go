//go:build linux

package pool_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger/pool"
)

// TestCommitWaitsForADeferredTask: and so it is performed at once.
func TestCommitWaitsForADeferredTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := plainKind{
			Request: func(_ pool.Held[struct{}], s string) (string, error) {
				if s == "unsendable" {
					return "", errors.New("no")
				}
				return s, nil
			},
			Unsent: func(string, error) func() (string, error) { return func() (string, error) { return "here", nil } },
			Commit: func(string, pool.End[string]) {},
		}
		p, stop := run(t, plain(1), k, pool.Config{Workers: 1, QueueLimit: 10})
		defer stop()
		sub(t, p, pool.Task[string]{Value: "unsendable"})
		ctx, c := context.WithTimeout(t.Context(), 24*time.Hour)
		defer c()
		for i := range 50 {
			if _, err := p.Submit(ctx, pool.Task[string]{Value: "echo"}); err != nil {
				t.Fatalf("task %d: %v", i, err)
			}
		}
		if err := p.Join(ctx); err != nil {
			t.Error(err)
		}
	})
}

// TestVacantSeatThatAloneMatches: seats are filled until one takes what waits.
func TestVacantSeatThatAloneMatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := plainKind{Match: func(h pool.Held[struct{}], s string) bool { return h.Seat == 1 }}
		p, stop := run(t, plain(1), k, pool.Config{Workers: 2, IdleTTL: time.Second})
		defer stop()
		time.Sleep(time.Minute)
		x := sub(t, p, pool.Task[string]{Value: "echo"})
		if err := within(x, 24*time.Hour); err != nil {
			t.Error(err)
		}
	})
}

// TestJoinBesideVacantSeatsThatMatchNothing: when all were filled in vain Join says so.
func TestJoinBesideVacantSeatsThatMatchNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := plainKind{Match: func(h pool.Held[struct{}], s string) bool { return false }}
		p, stop := run(t, plain(1), k, pool.Config{Workers: 2, IdleTTL: time.Second})
		defer stop()
		time.Sleep(time.Minute)
		sub(t, p, pool.Task[string]{Value: "echo"})
		ctx, c := context.WithTimeout(context.Background(), 24*time.Hour)
		defer c()
		if err := p.Join(ctx); !errors.Is(err, pool.ErrUnmatched) {
			t.Error(err)
		}
	})
}

// TestJoinSaysUnmatchedWithCommit: ends that wait behind what nobody takes are no work.
func TestJoinSaysUnmatchedWithCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := plainKind{Match: func(h pool.Held[struct{}], s string) bool { return s != "nobody" }, Commit: func(string, pool.End[string]) {}}
		p, stop := run(t, plain(1), k, pool.Config{Workers: 1})
		defer stop()
		sub(t, p, pool.Task[string]{Value: "nobody"})
		sub(t, p, pool.Task[string]{Value: "echo"})
		ctx, c := context.WithTimeout(context.Background(), 24*time.Hour)
		defer c()
		if err := p.Join(ctx); !errors.Is(err, pool.ErrUnmatched) {
			t.Error(err)
		}
	})
}

// TestReplaceLeavesTasksWithoutAKey: tasks without a key have nothing in common.
func TestReplaceLeavesTasksWithoutAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := run(t, plain(1), plainKind{}, pool.Config{Workers: 1, QueuePolicy: pool.Replace})
		defer stop()
		sub(t, p, pool.Task[string]{Value: "sleep 1m"})
		synctest.Wait()
		a := sub(t, p, pool.Task[string]{Value: "echo a"})
		sub(t, p, pool.Task[string]{Value: "echo b"})
		if err := within(a, time.Hour); err != nil {
			t.Errorf("a has no key: %v", err)
		}
	})
}

// TestNothingIsDroppedForACancelledTask: a task that never runs needs no room.
func TestNothingIsDroppedForACancelledTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := run(t, plain(1), plainKind{}, pool.Config{Workers: 1, QueuePolicy: pool.DropOldest, QueueLimit: 1})
		defer stop()
		sub(t, p, pool.Task[string]{Value: "sleep 1m"})
		synctest.Wait()
		a := sub(t, p, pool.Task[string]{Value: "echo a"})
		g := &pool.Group{}
		g.Cancel(nil)
		sub(t, p, pool.Task[string]{Value: "echo b", Group: g})
		if err := within(a, time.Hour); err != nil {
			t.Errorf("a went for a task that was cancelled before it came: %v", err)
		}
	})
}

// TestCancelledTaskDoesNotWaitForRoom: who submits it learns its end at once.
func TestCancelledTaskDoesNotWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := run(t, plain(1), plainKind{}, pool.Config{Workers: 1, QueueLimit: 1})
		defer stop()
		sub(t, p, pool.Task[string]{Value: "sleep 10h"})
		synctest.Wait()
		sub(t, p, pool.Task[string]{Value: "echo a"})
		g := &pool.Group{}
		go func() { time.Sleep(time.Minute); g.Cancel(nil) }()
		t0 := time.Now()
		_, _ = p.Submit(t.Context(), pool.Task[string]{Value: "echo b", Group: g})
		if d := time.Since(t0); d > time.Hour {
			t.Errorf("its group was cancelled after 1m, and Submit returned after %v", d)
		}
	})
}

// TestDropOldestWithCommitIsBounded: ends that wait for Commit are memory too.
func TestDropOldestWithCommitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, most := 0, 0
		accepted := 0
		k := plainKind{Commit: func(string, pool.End[string]) { n++ }}
		p, stop := run(t, plain(1), k, pool.Config{Workers: 1, QueueLimit: 5, QueuePolicy: pool.DropOldest})
		defer stop()
		sub(t, p, pool.Task[string]{Value: "sleep 1h"})
		synctest.Wait()
		for range 1000 {
			ctx, c := context.WithTimeout(t.Context(), time.Second)
			if _, err := p.Submit(ctx, pool.Task[string]{Value: "echo"}); err == nil {
				accepted++
			}
			c()
		}
		most = accepted - n
		if most > 10 {
			t.Errorf("%d tasks are in memory, with a limit of 5", most)
		}
	})
}

// TestOfferedBeforeTheDroppedIsTold: the end of the one may take its time.
func TestOfferedBeforeTheDroppedIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var had atomic.Value // when the task was given to a worker
		k := plainKind{
			Match:   func(h pool.Held[struct{}], s string) bool { return s != "nobody" },
			Request: func(_ pool.Held[struct{}], s string) (string, error) { had.Store(time.Now()); return s, nil },
			Ended: func(s string, e pool.End[string]) {
				if s == "nobody" {
					time.Sleep(time.Hour)
				}
			},
		}
		p, stop := run(t, plain(1), k, pool.Config{Workers: 1, QueueLimit: 1, QueuePolicy: pool.DropOldest})
		defer stop()
		time.Sleep(time.Second)
		sub(t, p, pool.Task[string]{Value: "nobody"})
		t0 := time.Now()
		sub(t, p, pool.Task[string]{Value: "echo"}) // tells the end of the dropped one, and so takes an hour
		if d := had.Load().(time.Time).Sub(t0); d > time.Minute {
			t.Errorf("a worker rested, and had the task after %v", d)
		}
	})
}
