//go:build linux

package pool_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
)

// running gives every instance the Runner upgrade.
type (
	runningInstance struct{ instance }
	relay           struct {
		k    *wall.Call[string]
		end  wall.Ender[string]
		done chan struct{}
	}
)

func (o relay) EndCall(c *wall.Call[string]) { c.End = o.end; o.end.EndCall(c); close(o.done) }
func (r runningInstance) Run(q string, c *wall.Call[string]) {
	o := relay{c, c.End, make(chan struct{})}
	c.End = o
	r.Start(q, c)
	<-o.done
}

type runners struct{ wrap }

func (w runners) Open(ctx context.Context, st wall.Start) (instance, error) {
	i, err := w.wrap.Open(ctx, st)
	if err != nil {
		return nil, err
	}
	return runningInstance{i}, nil
}

// TestCasualtyBesideADeferredTask: the last call of a dead life may be one that is performed elsewhere.
func TestCasualtyBesideADeferredTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := plainKind{
			Request: func(_ pool.Held[struct{}], s string) (string, error) {
				if s == "unsendable" {
					time.Sleep(time.Minute) // its neighbour dies meanwhile
					return "", errors.New("no")
				}
				return s, nil
			},
			Unsent: func(string, error) func() (string, error) { return func() (string, error) { return "here", nil } },
		}
		p, stop := run(t, plain(2), k, pool.Config{Workers: 1})
		a := sub(t, p, pool.Task[string]{Value: "panic 1s", MaxDeaths: 1})
		_ = sub(t, p, pool.Task[string]{Value: "unsendable"})
		err := within(a, 24*time.Hour)
		if err == nil || err.Error() == "HANGS" {
			t.Errorf("a: %v", err)
		}
		ctx, c := context.WithTimeout(t.Context(), 24*time.Hour)
		defer c()
		if err := p.Join(ctx); err != nil {
			t.Errorf("join: %v", err)
		}
		if !t.Failed() {
			stop()
		} else {
			t.FailNow()
		}
	})
}

// TestDoObeysTheTotalTimeout: also when the caller performs the task on a resting life.
func TestDoObeysTheTotalTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := run(t, runners{plain(1)}, plainKind{}, pool.Config{Workers: 1})
		defer stop()
		time.Sleep(time.Second)
		ctx, c := context.WithTimeout(t.Context(), time.Hour)
		defer c()
		t0 := time.Now()
		_, err := p.Do(ctx, pool.Task[string]{Value: "sleep 2h", TotalTimeout: time.Second})
		if ganger.CauseOf(err) != ganger.CauseTotal {
			t.Errorf("after %v: %v", time.Since(t0), err)
		}
	})
}

// TestUseErrorIsAFailure: whatever it tells of: the life has answered.
func TestUseErrorIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var used, opened atomic.Int32
		w := plain(1)
		w.fail = func(wall.Start) error { opened.Add(1); return nil }
		k := plainKind{Use: func(pool.Held[struct{}], string, string) (n pool.Next[string, struct{}], err error) {
			used.Add(1)
			return n, &ganger.Error{Outcome: ganger.Crashed, Cause: "signal 9", Worker: "other#1"} // as another pool's Do returned it
		}}
		p, stop := run(t, w, k, pool.Config{Workers: 1})
		defer stop()
		err := within(sub(t, p, pool.Task[string]{Value: "echo"}), time.Hour)
		if ganger.OutcomeOf(err) != ganger.Failed || used.Load() != 1 {
			t.Errorf("%v; used %d times, %d lives", err, used.Load(), opened.Load())
		}
	})
}

// TestUseErrorAboutTheUnsent: what Use says of something that was not sent is not about its task.
func TestUseErrorAboutTheUnsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		k := plainKind{Use: func(pool.Held[struct{}], string, string) (x pool.Next[string, struct{}], err error) {
			n.Add(1)
			return x, fmt.Errorf("inner: %w", wall.ErrUnsent)
		}}
		p, stop := run(t, plain(1), k, pool.Config{Workers: 1})
		defer stop()
		err := within(sub(t, p, pool.Task[string]{Value: "echo", MaxDeaths: 1}), time.Hour)
		if ganger.OutcomeOf(err) != ganger.Failed || n.Load() != 1 {
			t.Errorf("%v after %d runs", err, n.Load())
		}
	})
}

// TestWordsAboutTheUnsent: nor is what the work says of it.
func TestWordsAboutTheUnsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		w := plain(1)
		w.Begin = func(context.Context) (performed, error) {
			return func(ctx context.Context, q string, h wall.Host) (string, error) {
				n.Add(1)
				return "", fmt.Errorf("the inner worker: %w", wall.ErrUnsent)
			}, nil
		}
		p, stop := run(t, w, plainKind{}, pool.Config{Workers: 1})
		defer stop()
		err := within(sub(t, p, pool.Task[string]{Value: "echo", MaxDeaths: 1}), time.Hour)
		if ganger.OutcomeOf(err) != ganger.Failed || n.Load() != 1 {
			t.Errorf("%v after %d runs", err, n.Load())
		}
	})
}

// TestWordsOfAnotherPool: the death that the work tells of is another's.
func TestWordsOfAnotherPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n, opened atomic.Int32
		w := plain(1)
		w.fail = func(wall.Start) error { opened.Add(1); return nil }
		w.Begin = func(context.Context) (performed, error) {
			return func(ctx context.Context, q string, h wall.Host) (string, error) {
				n.Add(1)
				return "", fmt.Errorf("the other pool: %w", &ganger.Error{Outcome: ganger.Crashed, Cause: "signal 9", Worker: "other#1"})
			}, nil
		}
		p, stop := run(t, w, plainKind{}, pool.Config{Workers: 1})
		defer stop()
		err := within(sub(t, p, pool.Task[string]{Value: "echo"}), time.Hour)
		if ganger.OutcomeOf(err) != ganger.Failed || n.Load() != 1 {
			t.Errorf("%v after %d runs on %d lives", err, n.Load(), opened.Load())
		}
	})
}

// TestEndedIsToldBeforeAnythingMore: a life with one slot gets no task while the end of the last is told.
func TestEndedIsToldBeforeAnythingMore(t *testing.T) {
	for _, w := range []wall.Wall[instance]{plain(1), runners{plain(1)}} {
		synctest.Test(t, func(t *testing.T) {
			var telling atomic.Int32
			k := plainKind{
				Request: func(_ pool.Held[struct{}], s string) (string, error) {
					if telling.Load() > 0 {
						t.Errorf("%s is given while Ended runs", s)
					}
					return s, nil
				},
				Ended: func(s string, _ pool.End[string]) { telling.Add(1); time.Sleep(10 * time.Second); telling.Add(-1) },
			}
			p, stop := run(t, w, k, pool.Config{Workers: 1, IdleTTL: time.Second})
			defer stop()
			time.Sleep(100 * time.Millisecond)
			if _, ok := w.(runners); ok {
				go p.Do(t.Context(), pool.Task[string]{Value: "echo 1"})
				synctest.Wait()
			} else {
				sub(t, p, pool.Task[string]{Value: "echo 1"})
			}
			sub(t, p, pool.Task[string]{Value: "echo 2"})
			p.Join(t.Context())
		})
	}
}

// TestCancelAllReachesWhatComesBack: a task that is about to run again was accepted before, too.
func TestCancelAllReachesWhatComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		die := make(chan struct{})
		var runs atomic.Int32
		w := plain(1)
		w.fail = func(st wall.Start) error {
			if st.Incarnation > 1 {
				time.Sleep(10 * time.Second)
			}
			return nil
		}
		w.Begin = func(context.Context) (performed, error) {
			return func(ctx context.Context, q string, h wall.Host) (string, error) {
				if q == "R" && runs.Add(1) == 1 {
					<-die
					panic("x")
				}
				return "", nil
			}, nil
		}
		k := plainKind{Ended: func(s string, e pool.End[string]) {
			if s == "Q" {
				close(die)
				time.Sleep(time.Second)
			}
		}}
		p, stop := run(t, w, k, pool.Config{Workers: 1})
		defer stop()
		r := sub(t, p, pool.Task[string]{Value: "R"})
		synctest.Wait()
		sub(t, p, pool.Task[string]{Value: "Q"})
		p.CancelAll(nil)
		if err := within(r, time.Hour); ganger.OutcomeOf(err) != ganger.Cancelled {
			t.Errorf("R was accepted before CancelAll, and ended %v after %d runs", err, runs.Load())
		}
	})
}

// TestSuspectChildrenRunAlone: also on an additional worker, what was in hand at a
// death runs with nothing beside it.
func TestSuspectChildrenRunAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p *pool.Pool[string, string]
		var parents, began, running atomic.Int32
		both := make(chan struct{}) // closed when both parents run, so that both slots are lent
		w := asking(2)
		w.fail = func(st wall.Start) error {
			if st.Seat > 1 {
				return errors.New("no memory for more")
			}
			return nil
		}
		ask := w.Begin
		w.Begin = func(ctx context.Context) (performed, error) {
			perform, err := ask(ctx)
			return func(ctx context.Context, q string, h wall.Host) (string, error) {
				if q != "child" {
					if parents.Add(1) == 2 {
						close(both)
					}
					<-both
					return perform(ctx, q, h)
				}
				switch began.Add(1) {
				case 1: // until its neighbour dies
					return play(ctx, "sleep 1h")
				case 2:
					return play(ctx, "panic 1s")
				}
				if n := running.Add(1); n > 1 {
					t.Errorf("%d suspects run at once", n)
				}
				defer running.Add(-1)
				return play(ctx, "sleep 1m")
			}, err
		}
		k := plainKind{Ask: func(ctx context.Context, _ string, q []byte) ([]byte, error) {
			_, err := p.Do(ctx, pool.Task[string]{Value: string(q)})
			return nil, err
		}}
		var stop func()
		p, stop = run(t, w, k, pool.Config{Workers: 1})
		defer stop()
		a, b := sub(t, p, pool.Task[string]{Value: "ask child"}), sub(t, p, pool.Task[string]{Value: "ask child"})
		if err := errors.Join(within(a, 24*time.Hour), within(b, 24*time.Hour)); err != nil {
			t.Error(err)
		}
		if n := began.Load(); n != 4 {
			t.Errorf("the children were begun %d times, want each twice", n)
		}
	})
}
