package worker_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/worker"
)

// TestW19CrashAnswersEverybody: one in hand, three in the mailbox, one that comes
// later; each learns at once that the life has crashed, and of what.
func TestW19CrashAnswersEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := queue(t, script(), worker.Config{Restart: once})
		gate, ouch := make(chan struct{}), errors.New("ouch")
		held := ask(t.Context(), w, Do{F: func(context.Context, *diary) (int, error) {
			<-gate
			panic(ouch)
		}})
		synctest.Wait()
		var queued [3]*asked
		for i := range queued {
			queued[i] = ask(t.Context(), w, Note{N: i})
			synctest.Wait()
		}
		begun := time.Now()
		close(gate)

		err := held.end()
		wantEnd(t, "what was in hand", err, ganger.Crashed, ganger.CausePanic)
		e, _ := errors.AsType[*ganger.Error](err)
		if e == nil || e.Worker != "a#1" || e.Exit == nil || !strings.Contains(e.Exit.Stack, "call_test.go") || !errors.Is(err, ouch) {
			t.Errorf("what was in hand: %v (%+v), want the panic with its stack on a#1", err, e)
		}
		<-w.Done()
		_, later := worker.Call(t.Context(), w, Note{})
		for what, err := range map[string]error{
			"queued 1": queued[0].end(), "queued 2": queued[1].end(), "queued 3": queued[2].end(),
			"later": later, "pushed later": w.Push(Note{}),
		} {
			wantEnd(t, what, err, ganger.Rejected, ganger.CauseClosed)
			if !errors.Is(err, ouch) || !errors.Is(err, w.Err()) {
				t.Errorf("%s: %v does not say of what the worker died", what, err)
			}
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("they learnt it after %v, want at once", took)
		}
	})
}

// TestW20OneEndForEach: whatever happens to callers and lives, every call has one
// end, each is of the kinds that are promised, and the counters agree.
func TestW20OneEndForEach(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { chaos(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func chaos(t *testing.T, rng *rand.Rand) {
	d := script()
	d.OnError = func(context.Context, *diary, worker.Post[Script], error) worker.Verdict {
		return worker.Crash
	}
	w := queue(t, d, worker.Config{
		Restart: life.Policy{Min: time.Millisecond, Max: 5 * time.Millisecond, Burst: -1},
		Pending: worker.Pending(rng.IntN(3)), Limit: 40 * time.Millisecond, Grace: 5 * time.Millisecond,
	})
	odd := errors.New("odd")
	var performed atomic.Uint64
	job := func() Do {
		takes, how := time.Duration(rng.IntN(10))*time.Millisecond, rng.IntN(40)
		return Do{F: func(ctx context.Context, s *diary) (int, error) {
			performed.Add(1)
			switch how {
			case 0:
				panic(odd)
			case 1:
				return 0, odd
			case 2:
				takes = 50 * time.Millisecond // deaf: time-out or abandonment
			case 3:
				s.self.Crash(odd)
			}
			time.Sleep(takes)
			return 1, ctx.Err()
		}}
	}
	var calls []*asked
	for range 300 {
		ctx := t.Context()
		if rng.IntN(3) == 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, time.Duration(rng.IntN(50))*time.Millisecond)
			t.Cleanup(cancel)
		}
		calls = append(calls, ask(ctx, w, job()))
		time.Sleep(time.Duration(rng.IntN(8)) * time.Millisecond)
	}
	w.Trigger(odd)
	ends := map[string]int{}
	for _, c := range calls {
		err := c.end()
		if err == odd {
			ends["its own"]++
			continue
		}
		ends[strings.TrimSpace(ganger.OutcomeOf(err).String()+" "+string(ganger.CauseOf(err)))]++
	}
	<-w.Done()
	time.Sleep(time.Second) // for handlers that were abandoned
	known := map[string]bool{
		"its own": true, "done": true, "crashed panic": true, "crashed abandoned": true, "timed-out exec": true,
		"cancelled withdrawn": true, "cancelled shutdown": true, "cancelled holder": true, "rejected closed": true,
	}
	sum := 0
	for end, n := range ends {
		sum += n
		if !known[end] {
			t.Errorf("%d calls ended %q, which is no end of a call", n, end)
		}
	}
	if sum != len(calls) {
		t.Errorf("%d ends of %d calls", sum, len(calls))
	}
	show := w.Describe()
	if show.Done != uint64(ends["done"]) || show.Done+show.Failed > uint64(len(calls)) {
		t.Errorf("counted %d done and %d failed; ends %v", show.Done, show.Failed, ends)
	}
	if performed.Load() < show.Done || performed.Load() > uint64(len(calls)) {
		t.Errorf("%d handlers ran for %d calls", performed.Load(), len(calls))
	}
	if ends["done"] == 0 || len(ends) < 4 {
		t.Errorf("only these ends: %v", ends)
	}
}

// TestW27CallerGivesUp: a request that waits is withdrawn and never runs; one that
// is performed is told, and what it returns late is dropped; the worker lives on.
func TestW27CallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := queue(t, script(), worker.Config{})
		tired := errors.New("tired")
		ctx, giveUp := context.WithCancelCause(t.Context())
		gate := make(chan struct{})
		var told error
		running := ask(ctx, w, Do{F: func(ctx context.Context, s *diary) (int, error) {
			<-ctx.Done()
			told = context.Cause(ctx)
			<-gate // deaf, and late
			s.notes = append(s.notes, 1)
			return 7, nil
		}})
		synctest.Wait()
		queued := ask(ctx, w, Note{N: 2})
		other := ask(t.Context(), w, Note{N: 3})
		synctest.Wait()
		giveUp(tired)
		for what, a := range map[string]*asked{"running": running, "queued": queued} {
			err := a.end()
			wantEnd(t, what, err, ganger.Cancelled, ganger.CauseWithdrawn)
			if !errors.Is(err, tired) || a.n != 0 {
				t.Errorf("%s: %d, %v; want 0 and %v in it", what, a.n, err, tired)
			}
		}
		synctest.Wait()
		wantEnd(t, "the handler", told, ganger.Cancelled, ganger.CauseWithdrawn)
		if d := w.Describe(); d.PendingLen != 1 || len(d.Current) != 1 || d.Incarnation != 1 {
			t.Errorf("%+v, want the late one in hand and one that waits", d)
		}
		time.Sleep(time.Hour) // the worker is not ended for it
		close(gate)
		must(t, "another caller", other.end())
		if got := noted(t, w); len(got) != 2 || got[0] != 1 || got[1] != 3 {
			t.Errorf("performed %v, want [1 3]", got)
		}
		if d := w.Describe(); d.Done != 2 || d.Failed != 2 || d.Restarts != 0 {
			t.Errorf("%d done, %d failed, %d restarts; want 2, 2, 0", d.Done, d.Failed, d.Restarts)
		}
		_, err := worker.Call(ctx, w, Note{N: 4})
		wantEnd(t, "a caller that had given up before", err, ganger.Cancelled, ganger.CauseWithdrawn)
	})
}

// TestW27TheContextOfARequestEnds: what a handler has left running with its
// context is told when the request is over, also if that cost a life.
func TestW27TheContextOfARequestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := queue(t, script(), worker.Config{})
		left := make(chan error, 2)
		for _, fails := range []bool{false, true} {
			_, err := worker.Call(t.Context(), w, Do{F: func(ctx context.Context, _ *diary) (int, error) {
				context.AfterFunc(ctx, func() { left <- context.Cause(ctx) })
				if fails {
					panic("ouch")
				}
				return 0, nil
			}})
			if (err != nil) != fails {
				t.Errorf("call: %v", err)
			}
			if cause := <-left; cause == nil { // a deadlock of the bubble if it never ends
				t.Error("the context has ended without a cause")
			}
		}
	})
}

// TestW19NoHandler: a request that nobody is for fails, and never hangs.
func TestW19NoHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := queue(t, script(), worker.Config{})
		_, err := worker.Call(t.Context(), w, Stray{})
		wantEnd(t, "call", err, ganger.Failed, ganger.CauseUnhandled)
		wantEnd(t, "push", w.Push(Stray{}), ganger.Failed, ganger.CauseUnhandled)
		if !strings.Contains(err.Error(), "worker_test.Stray") {
			t.Errorf("%q does not name the request", err)
		}
		if err := w.Push(&Note{}); err == nil || !strings.Contains(err.Error(), "not its address") {
			t.Errorf("a pushed address: %v, want a hint to push the value", err)
		}
		wantEnd(t, "push of nothing", w.Push(nil), ganger.Failed, ganger.CauseUnhandled)
	})
}
