//go:build linux

package pool_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/goroutine"
)

type performed = goroutine.Perform[string, string]

type (
	plainKind = pool.Kind[string, string, string, struct{}]
	instance  = wall.Instance[string, string]
)

// wrap changes a goroutine wall.
type wrap struct {
	goroutine.Wall[string, string]
	mute bool
	fail func(st wall.Start) error
}

func (w wrap) Traits() wall.Traits { t := w.Wall.Traits(); t.Mute = w.mute; return t }
func (w wrap) Open(ctx context.Context, st wall.Start) (instance, error) {
	if w.fail != nil {
		if err := w.fail(st); err != nil {
			return nil, &wall.StartError{Worker: st.Worker(), Err: err}
		}
	}
	return w.Wall.Open(ctx, st)
}

func play(ctx context.Context, q string) (string, error) {
	verb, arg, _ := strings.Cut(q, " ")
	d, _ := time.ParseDuration(arg)
	switch verb {
	case "sleep":
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	case "deaf":
		time.Sleep(d)
	case "fail":
		time.Sleep(d)
		return "", errors.New("no")
	case "panic":
		time.Sleep(d)
		panic("x")
	case "diewhenasked":
		<-ctx.Done()
		panic("y")
	}
	return q, nil
}

func plain(slots int) wrap {
	return wrap{Wall: goroutine.Wall[string, string]{Slots: slots, Begin: func(context.Context) (performed, error) {
		return func(ctx context.Context, q string, _ wall.Host) (string, error) { return play(ctx, q) }, nil
	}}}
}

func run(t *testing.T, w wall.Wall[instance], k plainKind, c pool.Config) (*pool.Pool[string, string], func()) {
	if k.Request == nil {
		k.Request = func(_ pool.Held[struct{}], s string) (string, error) { return s, nil }
	}
	p := pool.New(k, w, c)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = p.Run(ctx) }()
	return p, func() { cancel(); <-done }
}

func sub(t *testing.T, p *pool.Pool[string, string], k pool.Task[string]) *pool.Ticket[string] {
	x, err := p.Submit(context.Background(), k)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func within(x *pool.Ticket[string], d time.Duration) error {
	ctx, c := context.WithTimeoutCause(context.Background(), d, errors.New("HANGS"))
	defer c()
	_, err := x.Wait(ctx)
	return err
}

func TestCancelInTheGraceOfATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		w := plain(1)
		w.Begin = func(context.Context) (performed, error) {
			return func(ctx context.Context, q string, _ wall.Host) (string, error) {
				n.Add(1)
				return play(ctx, q)
			}, nil
		}
		p, stop := run(t, w, plainKind{}, pool.Config{Workers: 1})
		defer stop()
		x := sub(t, p, pool.Task[string]{Value: "deaf 1h", ExecTimeout: 10 * time.Second, Retries: 3})
		time.Sleep(10*time.Second + 500*time.Millisecond)
		x.Cancel(nil)
		t0 := time.Now()
		err := within(x, 2*time.Hour)
		if ganger.OutcomeOf(err) != ganger.Cancelled || n.Load() != 1 {
			t.Errorf("%v: %v later, performed %d times", err, time.Since(t0), n.Load())
		}
		time.Sleep(5 * time.Hour)
	})
}

func TestAProofEndsTheClockOfAStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := plain(1)
		w.mute = true
		p, stop := run(t, w, plainKind{}, pool.Config{Workers: 2})
		defer stop()
		a := sub(t, p, pool.Task[string]{Value: "sleep 40s"})
		_ = sub(t, p, pool.Task[string]{Value: "sleep 1s"})
		if err := within(a, time.Hour); err != nil {
			t.Errorf("no ExecTimeout, yet: %v", err)
		}
	})
}

func TestHammerGroupOfFastTasks(t *testing.T) {
	p, stop := run(t, plain(1), plainKind{}, pool.Config{Workers: 4})
	defer stop()
	for i := range full(3000, 300) {
		g := &pool.Group{}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 8 {
					_, _ = p.Submit(context.Background(), pool.Task[string]{Value: "echo", Group: g})
				}
			})
		}
		wg.Wait()
		if err := p.Join(context.Background()); err != nil {
			t.Fatal(err)
		}
		ctx, c := context.WithTimeout(context.Background(), 2*time.Second)
		if err := g.Wait(ctx); err != nil {
			t.Fatalf("round %d: every task has ended, Group.Wait: %v", i, err)
		}
		c()
	}
}

func TestRetryBesideAnOpenCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := plain(1)
		w.fail = func(st wall.Start) error {
			if st.Incarnation > 1 {
				return errors.New("no more")
			}
			return nil
		}
		p, stop := run(t, w, plainKind{}, pool.Config{Workers: 1, MaxTasks: 1})
		defer stop()
		x := sub(t, p, pool.Task[string]{Value: "fail 10m", Retries: 1})
		if err := within(x, 24*time.Hour); ganger.OutcomeOf(err) != ganger.Rejected {
			t.Errorf("a day later: %v", err)
		}
	})
}

func TestIsolationEndsWhenAnotherTookTheSuspect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := run(t, plain(2), plainKind{}, pool.Config{Workers: 2})
		defer stop()
		_ = sub(t, p, pool.Task[string]{Value: "sleep 100h"}) // one slot of one life
		synctest.Wait()
		b := sub(t, p, pool.Task[string]{Value: "panic 1m"})
		synctest.Wait()
		c := sub(t, p, pool.Task[string]{Value: "panic 2m"})
		synctest.Wait()
		_ = within(b, time.Hour)
		_ = within(c, time.Hour)
		time.Sleep(time.Minute)
		_ = sub(t, p, pool.Task[string]{Value: "sleep 10h"})
		synctest.Wait()
		_ = sub(t, p, pool.Task[string]{Value: "sleep 10h"})
		synctest.Wait()
		x := sub(t, p, pool.Task[string]{Value: "echo"})
		synctest.Wait()
		if err := within(x, time.Hour); err != nil {
			t.Errorf("3 of 4 slots are busy: %v", err)
		}
	})
}

func TestSubmittersOfAHopelessPoolAreReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := plain(1)
		w.fail = func(wall.Start) error { time.Sleep(time.Second); return errors.New("no") }
		p, stop := run(t, w, plainKind{}, pool.Config{Workers: 1, QueueLimit: 1})
		defer stop()
		var back atomic.Int32
		for range 5 {
			go func() {
				x, err := p.Submit(context.Background(), pool.Task[string]{Value: "echo"})
				if err == nil {
					_ = within(x, time.Hour)
				}
				back.Add(1)
			}()
		}
		time.Sleep(24 * time.Hour)
		if n := back.Load(); n != 5 {
			t.Errorf("%d of 5 submitters came back in a day", n)
		}
	})
}

func TestDeathBesideOneThatWasCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ends := make(chan pool.End[string], 9)
		p, stop := run(t, plain(2), plainKind{Ended: func(v string, e pool.End[string]) { ends <- e }}, pool.Config{Workers: 1})
		defer stop()
		killer := sub(t, p, pool.Task[string]{Value: "diewhenasked"})
		synctest.Wait()
		b := sub(t, p, pool.Task[string]{Value: "sleep 10s"})
		synctest.Wait()
		killer.Cancel(nil)
		_ = within(killer, time.Hour)
		_ = within(b, time.Hour)
		<-ends
		if e := <-ends; e.Deaths != 0 {
			t.Errorf("innocent bears %d deaths (%v)", e.Deaths, e.Err)
		}
	})
}

func TestCancelledFirstTasksAreNoFailedStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := plain(1)
		w.mute = true
		p, stop := run(t, w, plainKind{}, pool.Config{Workers: 1})
		defer func() { stop(); time.Sleep(2 * time.Hour) }()
		for i := range 8 {
			x, err := p.Submit(context.Background(), pool.Task[string]{Value: "deaf 1h"})
			if err != nil {
				t.Fatalf("after %d cancels: %v", i, err)
			}
			time.Sleep(10 * time.Second)
			x.Cancel(nil)
			_ = within(x, time.Hour)
			time.Sleep(10 * time.Second)
		}
	})
}

func TestUnmatchedTaskStartsNoLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened atomic.Int32
		w := plain(1)
		w.fail = func(wall.Start) error { opened.Add(1); return nil }
		p, stop := run(t, w, plainKind{Match: func(pool.Held[struct{}], string) bool { return false }}, pool.Config{Workers: 1, IdleTTL: time.Second})
		defer stop()
		_ = sub(t, p, pool.Task[string]{Value: "echo"})
		time.Sleep(time.Hour)
		if n := opened.Load(); n > 3 {
			t.Errorf("%d lives were started in an hour for a task that none takes", n)
		}
	})
}

func TestJoinBesideASeatThatGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := plain(1)
		w.fail = func(st wall.Start) error {
			if st.Seat == 1 {
				return errors.New("no")
			}
			return nil
		}
		p, stop := run(t, w, plainKind{Match: func(pool.Held[struct{}], string) bool { return false }}, pool.Config{Workers: 2})
		defer stop()
		_ = sub(t, p, pool.Task[string]{Value: "echo"})
		ctx, c := context.WithTimeout(context.Background(), 24*time.Hour)
		defer c()
		if err := p.Join(ctx); !errors.Is(err, pool.ErrUnmatched) {
			t.Error(err)
		}
	})
}

func TestRequestErrorOfAnotherPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened, asked atomic.Int32
		w := plain(1)
		w.fail = func(wall.Start) error { opened.Add(1); return nil }
		k := plainKind{Request: func(pool.Held[struct{}], string) (string, error) {
			asked.Add(1)
			return "", fmt.Errorf("preparing: %w", &ganger.Error{Outcome: ganger.Crashed, Cause: "signal 9", Worker: "other#1"})
		}}
		p, stop := run(t, w, k, pool.Config{Workers: 1})
		defer stop()
		x := sub(t, p, pool.Task[string]{Value: "echo"})
		err := within(x, time.Hour)
		time.Sleep(time.Minute)
		if ganger.OutcomeOf(err) != ganger.Rejected || opened.Load() != 1 {
			t.Errorf("%v; lives %d, asked %d", err, opened.Load(), asked.Load())
		}
	})
}

func TestVacancyIsForgottenWhenTheSeatIsFilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := plain(1)
		w.fail = func(st wall.Start) error {
			if st.Incarnation > 1 {
				time.Sleep(20 * time.Second)
			}
			return nil
		}
		p, stop := run(t, w, plainKind{Match: func(h pool.Held[struct{}], q string) bool { return !strings.HasSuffix(q, "100h") || h.Seat == 0 }},
			pool.Config{Workers: 2, TTL: time.Minute, IdleTTL: 10 * time.Second})
		defer stop()
		_ = sub(t, p, pool.Task[string]{Value: "sleep 55s"})
		_ = sub(t, p, pool.Task[string]{Value: "sleep 55s"})
		time.Sleep(81 * time.Second)
		_ = sub(t, p, pool.Task[string]{Value: "sleep 100h"})
		time.Sleep(15 * time.Second)
		b := sub(t, p, pool.Task[string]{Value: "echo"})
		if err := within(b, 30*time.Second); err != nil {
			t.Errorf("w1 is vacant and starts within 20s, yet: %v", err)
		}
	})
}
