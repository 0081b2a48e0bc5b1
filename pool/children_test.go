//go:build linux

package pool_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
)

// asking is a wall whose workers ask when the request is "ask X".
func asking(slots int) wrap {
	w := plain(slots)
	w.Begin = func(context.Context) (performed, error) {
		return func(ctx context.Context, q string, h wall.Host) (string, error) {
			if rest, ok := strings.CutPrefix(q, "ask "); ok {
				a, err := h.Ask(ctx, []byte(rest))
				return string(a), err
			}
			return play(ctx, q)
		}, nil
	}
	return w
}

// TestChildWithTheKeyOfItsParent: a slot that is lent is lent for any key: else the parent waits for itself.
func TestChildWithTheKeyOfItsParent(t *testing.T) {
	for _, kw := range []time.Duration{-1, 0} {
		synctest.Test(t, func(t *testing.T) {
			var p *pool.Pool[string, string]
			k := plainKind{Ask: func(ctx context.Context, _ string, q []byte) ([]byte, error) {
				_, err := p.Do(ctx, pool.Task[string]{Value: string(q), Key: "k"})
				return nil, err
			}}
			var stop func()
			p, stop = run(t, asking(1), k, pool.Config{Workers: 1, KeyWait: kw})
			defer stop()
			t0 := time.Now()
			x := sub(t, p, pool.Task[string]{Value: "ask ask ask ask echo", Key: "k"})
			err := within(x, 24*time.Hour)
			if err != nil {
				t.Errorf("KeyWait %v: %v", kw, err)
			}
			if d := time.Since(t0); d > time.Millisecond {
				t.Errorf("KeyWait %v: it took %v", kw, d)
			}
		})
	}
}

// TestAdditionalSeatOfTemporaryLives: an additional seat whose worker does not live again is kept anew.
func TestAdditionalSeatOfTemporaryLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *pool.Pool[string, string]
		k := plainKind{Ask: func(ctx context.Context, _ string, q []byte) ([]byte, error) {
			_, err := p.Do(ctx, pool.Task[string]{Value: string(q)})
			return nil, err
		}}
		var stop func()
		p, stop = run(t, asking(1), k, pool.Config{Workers: 1, Restart: life.Policy{Type: life.Temporary}})
		defer stop()
		if err := within(sub(t, p, pool.Task[string]{Value: "ask echo"}), time.Hour); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if err := within(sub(t, p, pool.Task[string]{Value: "ask echo"}), 24*time.Hour); err != nil {
			t.Error(err)
		}
	})
}

// TestAdditionalSeatIsTriedAgain: after one that could not be filled, another task finds one that can.
func TestAdditionalSeatIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *pool.Pool[string, string]
		var bad atomic.Bool
		bad.Store(true)
		w := asking(1)
		w.fail = func(st wall.Start) error {
			if st.Seat > 0 && bad.Load() {
				return errors.New("no memory")
			}
			return nil
		}
		k := plainKind{Ask: func(ctx context.Context, _ string, q []byte) ([]byte, error) {
			_, err := p.Do(ctx, pool.Task[string]{Value: string(q)})
			return nil, err
		}}
		var stop func()
		p, stop = run(t, w, k, pool.Config{Workers: 1})
		defer stop()
		if err := within(sub(t, p, pool.Task[string]{Value: "ask echo"}), time.Hour); err == nil || !strings.Contains(err.Error(), "no memory") {
			t.Errorf("no worker can be started for what it asks for, yet: %v", err)
		}
		bad.Store(false)
		time.Sleep(time.Minute)
		if err := within(sub(t, p, pool.Task[string]{Value: "ask echo"}), 24*time.Hour); err != nil {
			t.Error(err)
		}
	})
}

// TestEnvMayCallThePool: no function but Match, Order and View is called under the lock.
func TestEnvMayCallThePool(t *testing.T) {
	var made atomic.Pointer[pool.Pool[string, string]]
	k := plainKind{Ask: func(ctx context.Context, _ string, q []byte) ([]byte, error) {
		_, err := made.Load().Do(ctx, pool.Task[string]{Value: string(q)})
		return nil, err
	}}
	p, stop := run(t, asking(1), k, pool.Config{Workers: 1, Env: func(int) []string {
		if p := made.Load(); p != nil {
			_ = p.Queued()
		}
		return nil
	}})
	made.Store(p)
	x := sub(t, p, pool.Task[string]{Value: "ask echo"})
	select {
	case <-x.Done():
		stop()
	case <-time.After(time.Minute):
		t.Fatal("HANGS")
	}
}

// TestChildWaitsForAWorkerThatIsSoonFree: that no additional worker can be started is no end while another will be free.
func TestChildWaitsForAWorkerThatIsSoonFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *pool.Pool[string, string]
		w := asking(1)
		w.fail = func(st wall.Start) error {
			if st.Seat > 1 {
				return errors.New("no memory for more")
			}
			return nil
		}
		k := plainKind{Ask: func(ctx context.Context, _ string, q []byte) ([]byte, error) {
			_, err := p.Do(ctx, pool.Task[string]{Value: string(q)})
			return nil, err
		}}
		var stop func()
		p, stop = run(t, w, k, pool.Config{Workers: 2})
		defer stop()
		sub(t, p, pool.Task[string]{Value: "sleep 1m"})
		synctest.Wait()
		if err := within(sub(t, p, pool.Task[string]{Value: "ask echo"}), time.Hour); err != nil {
			t.Error(err)
		}
	})
}

// TestChildThatRunsIsNotForsaken: what a worker took meanwhile goes on when no additional one can be started.
func TestChildThatRunsIsNotForsaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *pool.Pool[string, string]
		w := asking(1)
		w.fail = func(st wall.Start) error {
			if st.Seat > 1 {
				time.Sleep(time.Second)
				return errors.New("no memory for more")
			}
			return nil
		}
		k := plainKind{
			Ask: func(ctx context.Context, _ string, q []byte) ([]byte, error) {
				a, _ := p.Submit(ctx, pool.Task[string]{Value: "echo first"})
				b, _ := p.Submit(ctx, pool.Task[string]{Value: "sleep 1h"})
				_, _ = a.Wait(ctx)
				_, err := b.Wait(ctx)
				return nil, err
			},
			Ended: func(s string, _ pool.End[string]) {
				if s == "echo first" {
					time.Sleep(time.Minute)
				}
			},
		}
		var stop func()
		p, stop = run(t, w, k, pool.Config{Workers: 2})
		defer stop()
		sub(t, p, pool.Task[string]{Value: "sleep 30s"})
		synctest.Wait()
		if err := within(sub(t, p, pool.Task[string]{Value: "ask x"}), 24*time.Hour); err != nil {
			t.Error(err)
		}
	})
}

// TestChildOfAPastAttempt: what an attempt submits after its end is not for the next attempt.
func TestChildOfAPastAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *pool.Pool[string, string]
		var asks atomic.Int32
		child := make(chan *pool.Ticket[string], 1)
		k := plainKind{Ask: func(ctx context.Context, _ string, q []byte) ([]byte, error) {
			if asks.Add(1) == 1 {
				time.Sleep(time.Minute) // longer than its attempt
				x, err := p.Submit(ctx, pool.Task[string]{Value: "echo"})
				if err == nil {
					child <- x
				}
				return nil, err
			}
			time.Sleep(time.Hour)
			return nil, nil
		}}
		var stop func()
		p, stop = run(t, asking(1), k, pool.Config{Workers: 2})
		defer stop()
		x := sub(t, p, pool.Task[string]{Value: "ask x", ExecTimeout: 10 * time.Second, Retries: 50, TotalTimeout: 2 * time.Hour})

		select {
		case c := <-child:
			if err := within(c, time.Hour); ganger.OutcomeOf(err) != ganger.Cancelled {
				t.Errorf("submitted by an attempt that has come to nothing, it ended: %v", err)
			}
		case <-time.After(30 * time.Minute):
			t.Log("not accepted")
		}
		x.Cancel(nil)
		time.Sleep(3 * time.Hour)
	})
}

// TestOrphansAreOfTheirAttempt: the end of an attempt cancels its own children, not those of the next.
func TestOrphansAreOfTheirAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *pool.Pool[string, string]
		var n [2]atomic.Int32 // attempts of a and b
		var moved atomic.Bool
		k := plainKind{
			Match: func(h pool.Held[struct{}], s string) bool {
				return len(s) == 1 && h.Seat == 0 || len(s) > 1 && h.Seat == 1 || moved.Load()
			},
			Ask: func(ctx context.Context, s string, _ []byte) ([]byte, error) {
				i := n[s[0]-'a'].Add(1)
				x, err := p.Submit(ctx, pool.Task[string]{Value: fmt.Sprintf("child of %s %d", s, i)})
				if i == 2 { // the second attempt waits for its child
					if _, err = x.Wait(ctx); err != nil {
						t.Errorf("the child of the second attempt at %s: %v", s, err)
					}
				}
				return nil, err
			},
			Ended: func(s string, e pool.End[string]) {
				if strings.HasPrefix(s, "child") && !moved.Swap(true) {
					p.Broadcast()
				}
				switch s { // a callback that takes its time
				case "child of a 1":
					time.Sleep(90 * time.Second)
				case "child of b 1":
					time.Sleep(30 * time.Second)
				}
			},
		}
		w := plain(2)
		w.Begin = func(context.Context) (performed, error) {
			return func(ctx context.Context, q string, h wall.Host) (string, error) {
				if strings.HasPrefix(q, "child") {
					return play(ctx, "sleep 1m")
				}
				if len(q) > 1 {
					return play(ctx, q)
				}
				_, err := h.Ask(ctx, nil)
				if n[q[0]-'a'].Load() == 1 { // both die in the first attempt
					if q == "a" {
						time.Sleep(800 * time.Millisecond)
						panic("x")
					}
					<-ctx.Done()
					return "", ctx.Err()
				}
				return "", err
			}, nil
		}
		var stop func()
		p, stop = run(t, w, k, pool.Config{Workers: 2})
		defer stop()
		// w1 is busy, and so the children wait when their elders die.
		sub(t, p, pool.Task[string]{Value: "sleep 900ms"})
		sub(t, p, pool.Task[string]{Value: "sleep 900ms"})

		synctest.Wait()
		a, b := sub(t, p, pool.Task[string]{Value: "a"}), sub(t, p, pool.Task[string]{Value: "b"})
		if err := errors.Join(within(a, time.Hour), within(b, time.Hour)); err != nil {
			t.Error(err)
		}
	})
}

// TestDeathOfAChild: an error about the death of a child is not the death of who returns it.
func TestDeathOfAChild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *pool.Pool[string, string]
		var asked, opened atomic.Int32
		k := plainKind{Ask: func(ctx context.Context, _ string, q []byte) ([]byte, error) {
			asked.Add(1)
			_, err := p.Do(ctx, pool.Task[string]{Value: string(q), MaxDeaths: 1})
			return nil, err
		}}
		w := asking(1)
		w.fail = func(st wall.Start) error {
			if st.Seat == 0 {
				opened.Add(1)
			}
			return nil
		}
		var stop func()
		p, stop = run(t, w, k, pool.Config{Workers: 1})
		defer stop()
		err := within(sub(t, p, pool.Task[string]{Value: "ask panic 1s"}), time.Hour)
		if ganger.OutcomeOf(err) != ganger.Failed || asked.Load() != 1 || opened.Load() != 1 {
			t.Errorf("%v; the parent asked %d times on %d lives, none of which died", err, asked.Load(), opened.Load())
		}
	})
}

// TestDrainedPoolTakesNoOthersChild: a drained pool lets in what its own tasks submit, and nothing else.
func TestDrainedPoolTakesNoOthersChild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a *pool.Pool[string, string]
		gate := make(chan struct{})
		k := plainKind{Ask: func(ctx context.Context, _ string, q []byte) ([]byte, error) {
			<-gate
			_, err := a.Submit(ctx, pool.Task[string]{Value: string(q)})
			return nil, err
		}}
		var ended atomic.Int32
		a, stopA := run(t, plain(1), plainKind{Ended: func(string, pool.End[string]) { ended.Add(1) }}, pool.Config{Workers: 1})
		b, stopB := run(t, asking(1), k, pool.Config{Workers: 1})
		defer stopA()
		defer stopB()
		x := sub(t, b, pool.Task[string]{Value: "ask echo"})
		synctest.Wait()
		if err := a.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		close(gate)
		if err := within(x, time.Hour); !errors.Is(err, pool.ErrClosed) {
			t.Errorf("a was drained, yet: %v", err)
		}
		synctest.Wait()
		if n := ended.Load(); n != 0 {
			t.Errorf("%d tasks ended after Drain had returned", n)
		}
	})
}
