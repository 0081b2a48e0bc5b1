package life_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/wall"
)

// keep runs k in the background until the test is over; serve may be nil.
func keep(t *testing.T, k *life.Keeper[*actor], serve func(context.Context, *life.Tenure[*actor]) ganger.Leaving) {
	t.Helper()
	if serve == nil {
		serve = func(ctx context.Context, _ *life.Tenure[*actor]) ganger.Leaving {
			<-ctx.Done()
			return ""
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := k.Run(ctx, serve); !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v, want the cause of its context", err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

func view(k *life.Keeper[*actor]) (w inspect.Worker) {
	k.View(&w)
	return w
}

// TestT44SpawnFailure: a command that cannot be started is backed off from, that
// can be seen, and the end of it is an error that says all.
func TestT44SpawnFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []error
		k := &life.Keeper[*actor]{
			Name: "w0", Wall: &stage{plans: []plan{{fail: 127}}}, Jitter: func() float64 { return 0.5 },
			OnOpen: func(err error) { told = append(told, err) },
		}
		keep(t, k, nil)
		synctest.Wait()
		w := view(k)
		if w.State != ganger.Dead || w.Detail != "back-off" || w.Retry == nil || time.Until(*w.Retry) != 50*time.Millisecond {
			t.Errorf("after the first failed start: %v (%s), retry %v; want a back-off of 50ms", w.State, w.Detail, w.Retry)
		}
		if w.Last == nil || w.Last.Exit.Reason != ganger.LeavingExit(127) || w.Last.Incarnation != 1 {
			t.Errorf("obituary of the first start: %+v, want exit 127 of incarnation 1", w.Last)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(told) != 1 {
			t.Fatalf("OnOpen was told %d times, want once: %v", len(told), told)
		}
		se, ok := errors.AsType[*wall.StartError](told[0])
		if !ok || se.Command != "./actor --warm" || se.Exit.Code != 127 || !strings.Contains(told[0].Error(), "no such module: warp") {
			t.Errorf("OnOpen was told %q, want command, status and last words", told[0])
		}
	})
}

// TestP17StartFailures: whatever is wrong with the start, the error tells the
// command, how it ended and what it said last.
func TestP17StartFailures(t *testing.T) {
	for name, c := range map[string]struct {
		plan plan
		want []string
	}{
		"exits":      {plan{fail: 1}, []string{"./actor --warm", "exit 1", "no such module: warp"}},
		"is silent":  {plan{after: time.Hour}, []string{"./actor --warm", "not ready within 30s", "start-failed"}},
		"is no file": {plan{fail: 127}, []string{"./actor --warm", "exit 127"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told error
				k := &life.Keeper[*actor]{Name: "w0", Wall: &stage{plans: []plan{c.plan}}, OnOpen: func(err error) { told = err }}
				keep(t, k, nil)
				time.Sleep(time.Hour)
				synctest.Wait()
				for _, w := range append(c.want, "5 starts in a row") {
					if told == nil || !strings.Contains(told.Error(), w) {
						t.Errorf("the circuit opened with %v, want %q in it", told, w)
					}
				}
			})
		})
	}
}

// TestT46CrashLoop: a worker that ends as soon as it is started, or as soon as
// it is ready, is started a few times and then no more.
func TestT46CrashLoop(t *testing.T) {
	for name, c := range map[string]struct {
		plan plan
		most int
	}{
		"at start":        {plan{fail: 1}, life.DefaultStartFails},
		"when just ready": {plan{}, life.DefaultBurst},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stage{plans: []plan{c.plan}}
				k := &life.Keeper[*actor]{Wall: s, Jitter: func() float64 { return 0 }} // the worst luck
				keep(t, k, func(_ context.Context, l *life.Tenure[*actor]) ganger.Leaving {
					l.Life.die(ganger.Exit{Reason: ganger.LeavingExit(1), Code: 1})
					return ""
				})
				time.Sleep(24 * time.Hour)
				synctest.Wait()
				w := view(k)
				if w.Detail != "circuit open" || w.Incarnation != uint64(c.most) || w.Retry != nil {
					t.Errorf("after a day: incarnation %d, %s; want %d starts and an open circuit", w.Incarnation, w.Detail, c.most)
				}
			})
		})
	}
}

// TestT49IdleWorkerLeavesAndComesBack: a seat that an idle life has left costs
// nothing until it is wanted.
func TestT49IdleWorkerLeavesAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &life.Keeper[*actor]{Wall: &stage{plans: []plan{{}}}}
		served := 0
		keep(t, k, func(ctx context.Context, _ *life.Tenure[*actor]) ganger.Leaving {
			served++
			select {
			case <-time.After(time.Minute):
				return ganger.LeavingIdle
			case <-ctx.Done():
				return ""
			}
		})
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if w := view(k); w.Detail != "vacant" || w.Last.Exit.Reason != ganger.LeavingIdle || served != 1 {
			t.Fatalf("after a day without work: %s, served %d lives, obituary %+v; want vacant, 1, idle", w.Detail, served, w.Last)
		}
		k.Want()
		synctest.Wait()
		if w := view(k); w.State != ganger.Idle || w.Incarnation != 2 {
			t.Errorf("after Want: %v #%d, want idle #2", w.State, w.Incarnation)
		}
	})
}

// TestT54IncarnationsAreUnique: a thousand replacements, every one overlapped.
func TestT54IncarnationsAreUnique(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{plans: []plan{{after: time.Millisecond}}}
		hub := &inspect.Hub{}
		k := &life.Keeper[*actor]{Name: "w0", Wall: s, Overlap: true, Hub: hub}
		events := hub.Events(t.Context())
		idle := map[uint64]int{}
		done := make(chan struct{})
		go func() {
			for e := range events {
				if e.Name == inspect.StateEvent(ganger.Idle) {
					if idle[e.Incarnation]++; len(idle) == 1001 {
						close(done)
						return
					}
				}
			}
		}()
		keep(t, k, func(ctx context.Context, l *life.Tenure[*actor]) ganger.Leaving {
			l.Recycle(ganger.LeavingMaxTasks)
			select {
			case <-l.Leave():
			case <-ctx.Done():
			}
			return l.Why()
		})
		<-done
		for n := uint64(1); n <= 1001; n++ {
			if idle[n] != 1 {
				t.Fatalf("incarnation %d was ready %d times, want once", n, idle[n])
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		ids := map[string]bool{}
		for _, a := range s.lives {
			if ids[a.ID()] {
				t.Errorf("two lives are called %q", a.ID())
			}
			ids[a.ID()] = true
		}
	})
}

// TestT55StatusStream: the events of each life are a path through the states,
// with its process, in order of time.
func TestT55StatusStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := &inspect.Hub{}
		s := &stage{plans: []plan{{after: time.Second}}}
		k := &life.Keeper[*actor]{Group: "g", Name: "w0", Wall: s, Overlap: true, Hub: hub, Policy: life.Policy{Burst: -1}}
		events := hub.Events(t.Context())
		path := map[uint64][]string{}
		deaths := 0
		var last time.Time
		read := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer close(read)
			for e := range events {
				path[e.Incarnation] = append(path[e.Incarnation], e.Name)
				if e.At.Before(last) || e.Worker != "w0" || e.Group != "g" {
					t.Errorf("event %+v after one of %v", e, last)
				}
				last = e.At
				if e.Name != "starting" && e.PID != 1000+int(e.Incarnation) {
					t.Errorf("event %q of life %d has pid %d", e.Name, e.Incarnation, e.PID)
				}
				if e.Name == "dead" && e.Incarnation <= 30 {
					if deaths++; deaths == 30 {
						return
					}
				}
			}
		}()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = k.Run(ctx, func(ctx context.Context, l *life.Tenure[*actor]) ganger.Leaving {
				if l.Incarnation%2 == 0 {
					l.Life.die(ganger.Exit{Reason: ganger.LeavingSignal(9)})
				} else {
					l.Recycle(ganger.LeavingMaxTasks)
				}
				select {
				case <-l.Leave():
				case <-ctx.Done():
				}
				return l.Why()
			})
		}()
		<-read
		cancel()
		<-done
		for n := uint64(1); n <= 30; n++ {
			want := "starting idle stopping dead"
			if n%2 == 0 {
				want = "starting idle dead"
			}
			if got := strings.Join(path[n], " "); got != want {
				t.Errorf("life %d: %s, want %s", n, got, want)
			}
		}
	})
}

// TestP8ReplacementIsReadyFirst: with overlap there is never a moment without a
// life that serves, however long a start takes.
func TestP8ReplacementIsReadyFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &life.Keeper[*actor]{Wall: &stage{plans: []plan{{after: 10 * time.Second}}}, Overlap: true, TTL: time.Minute}
		var serving atomic.Int32
		var gap time.Duration
		keep(t, k, func(ctx context.Context, l *life.Tenure[*actor]) ganger.Leaving {
			serving.Add(1)
			select {
			case <-l.Leave():
			case <-ctx.Done():
			}
			time.Sleep(time.Second) // what is in hand
			serving.Add(-1)
			return l.Why()
		})
		time.Sleep(10*time.Second + time.Millisecond) // the first start
		for range 10_000 {
			time.Sleep(100 * time.Millisecond)
			if serving.Load() == 0 {
				gap += 100 * time.Millisecond
			}
		}
		if w := view(k); gap != 0 || w.Incarnation < 14 {
			t.Errorf("nothing served for %v over %d lives, want never, over 14 or more", gap, w.Incarnation)
		}
	})
}

// TestTTLIsSpread: what began together is not replaced together.
func TestTTLIsSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		draws := []float64{0.5, 0, 1} // for the first life's age, for the policy at its end, for the second's
		var ends []inspect.Obituary
		k := &life.Keeper[*actor]{
			Wall: &stage{plans: []plan{{}}}, TTL: time.Hour, Spread: 0.5,
			Jitter: func() (draw float64) {
				if len(draws) == 0 {
					return 0
				}
				draw, draws = draws[0], draws[1:]
				return draw
			},
			OnEnd: func(o inspect.Obituary) { ends = append(ends, o) },
		}
		begun := time.Now()
		keep(t, k, func(ctx context.Context, l *life.Tenure[*actor]) ganger.Leaving {
			select {
			case <-l.Leave():
			case <-ctx.Done():
			}
			return l.Why()
		})
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if len(ends) != 2 || ends[0].Died.Sub(begun) != 45*time.Minute || ends[1].Died.Sub(ends[1].Born) != 30*time.Minute {
			t.Errorf("the ends of the lives: %+v; want them after 45 and another 30 minutes, and no other", ends)
		}
	})
}

// TestKeeperRunsAgain: what one Run left, the next takes up.
func TestKeeperRunsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &life.Keeper[*actor]{Name: "w0", Wall: &stage{plans: []plan{{}}}, Policy: life.Policy{Type: life.Temporary}}
		for n := uint64(1); n <= 3; n++ {
			var got uint64
			err := k.Run(t.Context(), func(_ context.Context, l *life.Tenure[*actor]) ganger.Leaving {
				got = l.Incarnation
				return ""
			})
			if err != nil || got != n {
				t.Errorf("run %d: incarnation %d, %v; want %d, nil", n, got, err, n)
			}
		}
	})
}

// TestHammerKeeper: everything at once, from everywhere; Run still ends with
// nothing left. What is wrong shows as a race, a panic or a bubble that hangs.
func TestHammerKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{plans: []plan{{after: time.Millisecond}, {fail: 1}, {after: 3 * time.Millisecond, deaf: 2 * time.Millisecond}, {}}}
		k := &life.Keeper[*actor]{
			Wall: s, Overlap: true, TTL: 7 * time.Millisecond, Hub: &inspect.Hub{},
			Policy: life.Policy{Min: time.Microsecond, Max: time.Millisecond, Burst: 3, Window: 5 * time.Millisecond},
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = k.Run(ctx, func(ctx context.Context, l *life.Tenure[*actor]) ganger.Leaving {
				switch l.Incarnation % 5 {
				case 0:
					l.Life.die(ganger.Exit{Reason: ganger.LeavingSignal(9)})
				case 1:
					return ganger.LeavingIdle
				case 2:
					l.Recycle(ganger.LeavingMaxTasks)
					return ganger.LeavingMaxTasks
				case 3:
					return ganger.LeavingStartFailed
				}
				select {
				case <-l.Leave():
				case <-ctx.Done():
				}
				return l.Why()
			})
		}()
		var hammers sync.WaitGroup
		for range 4 {
			hammers.Go(func() {
				for ctx.Err() == nil {
					k.Want()
					time.Sleep(300 * time.Microsecond)
					k.Nudge()
					_ = view(k)
				}
			})
		}
		time.Sleep(3 * time.Second)
		cancel()
		<-done
		hammers.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.now != 0 || s.most > 2 || len(s.lives) < 1000 {
			t.Errorf("%d lives left, %d at once, %d in all; want 0, at most 2, over 1000", s.now, s.most, len(s.lives))
		}
	})
}
