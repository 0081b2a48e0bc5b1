//go:build linux

package pool_test

import (
	"context"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/pool"
)

// TestJitterSpreadsRecycling: each life performs a number of tasks of its own, and
// the end of each is told with its reason.
func TestJitterSpreadsRecycling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most, tasks = 20, 600
		var mu sync.Mutex
		var left []inspect.Obituary
		p, stop := run(t, plain(1), plainKind{}, pool.Config{Workers: 1, MaxTasks: most, Jitter: 0.5, Left: func(o inspect.Obituary) {
			mu.Lock()
			defer mu.Unlock()
			left = append(left, o)
		}})
		for range tasks {
			k := sub(t, p, pool.Task[string]{Value: "sleep 1ms"})
			if _, err := k.Wait(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		var now inspect.Worker
		p.Snapshot(func(w inspect.Worker) bool { now = w; return true })
		stop()
		if n := len(left); n < tasks/most+2 || n > tasks/(most/2)+1 {
			t.Errorf("%d lives performed %d tasks, want each to perform between %d and %d, and not all %d", n, tasks, most/2, most, most)
		}
		for i, o := range left[:len(left)-1] {
			if o.Exit.Reason != ganger.LeavingMaxTasks || o.Incarnation != uint64(i+1) {
				t.Errorf("life %d left for %q", o.Incarnation, o.Exit.Reason)
			}
		}
		if last := left[len(left)-1]; last.Incarnation != now.Incarnation || last.Exit.Reason != ganger.LeavingStopped {
			t.Errorf("the last life, %d of %d, left for %q", last.Incarnation, now.Incarnation, last.Exit.Reason)
		}
	})
}

func TestJitterMustBeAShare(t *testing.T) {
	for _, jitter := range []float64{-0.1, 1.1, math.NaN()} {
		func() {
			defer func() {
				if said, _ := recover().(string); !strings.Contains(said, "Config.Jitter") {
					t.Errorf("Jitter %v: %v", jitter, said)
				}
			}()
			pool.New(plainKind{}, plain(1), pool.Config{Jitter: jitter})
		}()
	}
}
