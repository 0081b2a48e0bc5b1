//go:build linux

package pool_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
)

// TestIsolationEndsWithABroadcast: a life that takes nothing until its hand is
// empty, for the sake of a suspect, takes what there is when Match no longer lets
// it have that suspect.
func TestIsolationEndsWithABroadcast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gate atomic.Bool
		k := plainKind{Match: func(_ pool.Held[struct{}], q string) bool {
			return gate.Load() || !strings.HasPrefix(q, "panic")
		}}
		p, stop := run(t, plain(2), k, pool.Config{Workers: 1})
		defer stop()
		turn := func(open bool) {
			gate.Store(open)
			p.Broadcast()
			synctest.Wait()
		}
		turn(true)
		sub(t, p, pool.Task[string]{Value: "panic 1m"})
		beside := sub(t, p, pool.Task[string]{Value: "sleep 90s"})
		synctest.Wait()
		turn(false)
		if err := within(beside, time.Hour); err != nil { // both are suspects now, and only this one may run
			t.Fatal(err)
		}
		sub(t, p, pool.Task[string]{Value: "sleep 10h"})
		synctest.Wait()
		turn(true)
		turn(false)
		if err := within(sub(t, p, pool.Task[string]{Value: "echo"}), time.Hour); err != nil {
			t.Errorf("one of two slots is busy, and nobody takes the suspect: %v", err)
		}
	})
}

// TestJoinBesideASpentLife: a life that was given all that it may perform is not
// at rest, though it has slots: its successor is on its way.
func TestJoinBesideASpentLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := plain(2)
		w.fail = func(st wall.Start) error {
			if st.Incarnation > 1 {
				time.Sleep(20 * time.Second)
			}
			return nil
		}
		k := plainKind{Use: func(_ pool.Held[struct{}], q, _ string) (n pool.Next[string, struct{}], err error) {
			if q == "sleep 1s" {
				n.Follow = []pool.Task[string]{{Value: "sleep 2s"}}
			}
			return n, nil
		}}
		p, stop := run(t, w, k, pool.Config{Workers: 1, MaxTasks: 2})
		defer stop()
		sub(t, p, pool.Task[string]{Value: "sleep 1s"})
		time.Sleep(2 * time.Second)
		sub(t, p, pool.Task[string]{Value: "echo"})
		if err := p.Join(t.Context()); err != nil {
			t.Errorf("the successor starts within 20s, yet Join returned: %v", err)
		}
	})
}

// TestIsolationLeavesTheRestToOthers: what comes back while a life begins to keep
// itself for a suspect goes to another that has room, though it has more in hand.
func TestIsolationLeavesTheRestToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := plainKind{Match: func(h pool.Held[struct{}], q string) bool {
			return h.Warm || !strings.HasPrefix(q, "panic")
		}}
		p, stop := run(t, plain(3), k, pool.Config{Workers: 2})
		defer stop()
		submit := func(q string) *pool.Ticket[string] {
			x := sub(t, p, pool.Task[string]{Value: q, Retries: 1})
			synctest.Wait()
			return x
		}
		_ = within(submit("echo"), time.Hour)
		submit("panic 1m")
		time.Sleep(2 * time.Minute) // it waits, a suspect, for a life that is warm
		submit("sleep 10h")
		submit("sleep 10h")
		again := submit("fail 1m") // which makes its life warm
		submit("sleep 10h")
		err := within(again, time.Hour)
		if _, ended := errors.AsType[*ganger.Error](err); !ended {
			t.Errorf("another life has two slots free: %v", err)
		}
	})
}

// TestSlowRequestHoldsUpItsLifeAlone: while a request is made for one life, others
// get what they may take, also if that life could have had some of what waits.
func TestSlowRequestHoldsUpItsLifeAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var echoed time.Time
		k := plainKind{
			Match: func(h pool.Held[struct{}], q string) bool { return strings.HasPrefix(q, h.Worker) },
			Request: func(_ pool.Held[struct{}], q string) (string, error) {
				_, q, _ = strings.Cut(q, " ")
				if q == "slow" {
					time.Sleep(time.Hour)
				}
				return q, nil
			},
			Use: func(_ pool.Held[struct{}], q, _ string) (n pool.Next[string, struct{}], err error) {
				if q == "w1 sleep 1m" {
					n.Follow = []pool.Task[string]{{Value: "w1 slow"}, {Value: "w1 echo"}, {Value: "w0 echo"}}
				}
				return n, nil
			},
			Ended: func(q string, _ pool.End[string]) {
				if q == "w0 echo" {
					echoed = time.Now()
				}
			},
		}
		p, stop := run(t, plain(3), k, pool.Config{Workers: 2})
		defer stop()
		for _, q := range []string{"w0 sleep 10h", "w0 sleep 10h", "w1 sleep 1m"} {
			sub(t, p, pool.Task[string]{Value: q})
			synctest.Wait()
		}
		begun := time.Now()
		if err := p.Join(t.Context()); err != nil {
			t.Fatal(err)
		}
		if waited := echoed.Sub(begun); waited != time.Minute {
			t.Errorf("a task was done after %v, want a minute: its worker had a slot free", waited)
		}
	})
}
