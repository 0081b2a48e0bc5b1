//go:build linux

package pool_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/pool"
)

// alive reports whether a process is there, a zombie included.
func alive(pid int) bool {
	_, err := os.Stat("/proc/" + strconv.Itoa(pid))
	return err == nil
}

func TestT1FIFO(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		p := start(t, w, setup{})
		for i := range 100 {
			p.submit(t, pool.Task[string]{Value: fmt.Sprintf("echo %d", i)})
		}
		if err := p.Join(guard(t)); err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			if e := <-p.ends; e.Response != strconv.Itoa(i) {
				t.Fatalf("end %d is of %q", i, e.Response)
			}
		}
	})
}

func TestT9StayKeepsTheLife(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		var held []string
		p := start(t, w, setup{kind: func(k *pool.Kind[string, string, string, string]) {
			k.Request = func(h pool.Held[string], script string) (string, error) {
				held = append(held, fmt.Sprint(h.Warm, h.Value))
				return script, nil
			}
			k.Use = func(_ pool.Held[string], _, _ string) (pool.Next[string, string], error) {
				return pool.Next[string, string]{Held: "proof"}, nil
			}
		}})
		first := p.do(t, "life")
		for range 9 {
			if got := p.do(t, "life"); got != first {
				t.Fatalf("performed by %s, then by %s", first, got)
			}
		}
		if held[0] != "false" || held[9] != "trueproof" {
			t.Errorf("competence was seen as %q", held)
		}
	})
}

func TestT10EndReplacesTheLife(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		p := start(t, w, setup{kind: func(k *pool.Kind[string, string, string, string]) {
			k.Use = func(_ pool.Held[string], _, _ string) (pool.Next[string, string], error) {
				return pool.Next[string, string]{End: true}, nil
			}
		}})
		first := p.do(t, "life")
		one := <-p.ends
		second := p.do(t, "life")
		two := <-p.ends
		if first == second || one.Worker == two.Worker {
			t.Errorf("performed by %s (%s), then by %s (%s)", first, one.Worker, second, two.Worker)
		}
		if one.PID > 0 {
			poll(t, "the old process is gone and reaped", func() bool { return !alive(one.PID) })
		}
	})
}

func TestT25UnencodableRequest(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		p := start(t, w, setup{kind: func(k *pool.Kind[string, string, string, string]) {
			k.Request = func(_ pool.Held[string], script string) (string, error) {
				switch script {
				case "closure":
					return "", errors.New("a function has no bytes")
				case "stale":
					return "", fmt.Errorf("the document changed: %w", pool.ErrExpired)
				}
				return script, nil
			}
		}})
		life := p.do(t, "life")
		_, err := wait(t, p.submit(t, pool.Task[string]{Value: "closure", Retries: 3}))
		wantEnd(t, err, ganger.Rejected, ganger.CauseEncode)
		_, err = wait(t, p.submit(t, pool.Task[string]{Value: "stale"}))
		wantEnd(t, err, ganger.Expired, "")
		if p.do(t, "life") != life {
			t.Error("an innocent life was replaced")
		}
	})
}

func TestT29FeedbackInOrder(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		var mu sync.Mutex
		var got []string
		p := start(t, w, setup{kind: func(k *pool.Kind[string, string, string, string]) {
			k.Feedback = func(_ string, body []byte) {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, string(body))
			}
			k.Ended = func(string, pool.End[string]) {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, "end")
			}
		}})
		p.do(t, "feedback 200; echo x")
		for i, s := range got[:200] {
			if s != strconv.Itoa(i) {
				t.Fatalf("feedback %d is %q", i, s)
			}
		}
		if len(got) != 201 || got[200] != "end" {
			t.Errorf("after the feedback came %q", got[200:])
		}
	})
}

func TestT30SlowFeedbackConsumer(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		n, release := 0, make(chan struct{})
		p := start(t, w, setup{kind: func(k *pool.Kind[string, string, string, string]) {
			k.Feedback = func(string, []byte) {
				if n == 0 {
					<-release // far more is on its way than any buffer holds
				}
				n++
			}
		}})
		ticket := p.submit(t, pool.Task[string]{Value: "feedback 20000; echo through"})
		close(release)
		if got, err := wait(t, ticket); got != "through" || n != 20000 {
			t.Errorf("%q, %v after %d of 20000", got, err, n)
		}
	})
}

func TestT36JoinListsTheBlockers(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		ran, kind := signalled(10)
		p := start(t, w, setup{kind: kind})
		if err := p.Join(guard(t)); err != nil {
			t.Errorf("Join of an idle pool: %v", err)
		}
		busy := p.submit(t, pool.Task[string]{Value: "feedback 1; sleep 1h"})
		<-ran
		p.submit(t, pool.Task[string]{Value: "echo x"})
		tired := errors.New("tired of waiting")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Millisecond, tired)
		defer cancel()
		err := p.Join(ctx)
		b, _ := errors.AsType[*pool.BlockedError](err)
		if b == nil || len(b.Blockers) != 2 || b.Blockers[0].Worker != "w0#1" || b.Blockers[1].Worker != "" || !errors.Is(err, tired) {
			t.Errorf("Join returned %v, want the running and the queued task, and the cause", err)
		}
		busy.Cancel(nil)
		if err := p.Join(guard(t)); err != nil {
			t.Error(err)
		}
		if got := len(p.ends); got != 2 {
			t.Errorf("Join returned with %d of 2 ends told", got)
		}
	})
}

func TestT37JoinWithAnUnmatchableTask(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		p := start(t, w, setup{Config: pool.Config{Workers: 2}, kind: func(k *pool.Kind[string, string, string, string]) {
			k.Match = func(_ pool.Held[string], script string) bool { return script != "nobody" }
		}})
		ticket := p.submit(t, pool.Task[string]{Value: "nobody"})
		p.do(t, "echo others overtake it")
		err := p.Join(guard(t))
		if !errors.Is(err, pool.ErrUnmatched) || !strings.Contains(err.Error(), "task 1: queued, no worker takes") {
			t.Errorf("Join returned %v, want ErrUnmatched with the task", err)
		}
		ticket.Cancel(nil)
		if err := p.Join(guard(t)); err != nil {
			t.Error(err)
		}
	})
}

func TestT49DeadlineAndIdleTimeout(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		ran, kind := signalled(10)
		p := start(t, w, setup{kind: kind, Config: pool.Config{IdleTTL: 50 * time.Millisecond, CancelGrace: 20 * time.Millisecond}})
		_, err := wait(t, p.submit(t, pool.Task[string]{Value: "deaf 3s", ExecTimeout: 30 * time.Millisecond}))
		wantEnd(t, err, ganger.TimedOut, ganger.CauseExec)
		_, err = wait(t, p.submit(t, pool.Task[string]{Value: "sleep 1h", TotalTimeout: 30 * time.Millisecond, Retries: 5}))
		wantEnd(t, err, ganger.TimedOut, ganger.CauseTotal)
		busy := p.submit(t, pool.Task[string]{Value: "feedback 1; sleep 1h"})
		<-ran
		_, err = wait(t, p.submit(t, pool.Task[string]{Value: "echo x", QueueTimeout: 10 * time.Millisecond}))
		wantEnd(t, err, ganger.TimedOut, ganger.CauseQueue)
		busy.Cancel(nil)
		_, _ = wait(t, busy)

		poll(t, "the idle life leaves and its seat is vacant", func() bool { return p.workers()[0].Detail == "vacant" })
		if last := p.workers()[0].Last; last == nil || last.Exit.Reason != ganger.LeavingIdle {
			t.Errorf("it left for %+v, want idle", last)
		}
		p.do(t, "echo back on demand")
	})
}

// TestP4TheClockRunsFromTheStart: what waits in the queue does not age.
func TestP4TheClockRunsFromTheStart(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		ran, kind := signalled(10)
		p := start(t, w, setup{kind: kind})
		busy := p.submit(t, pool.Task[string]{Value: "feedback 1; sleep 300ms"})
		<-ran
		ticket := p.submit(t, pool.Task[string]{Value: "sleep 50ms; echo in time", ExecTimeout: 200 * time.Millisecond})
		_, _ = wait(t, busy)
		if got, err := wait(t, ticket); got != "in time" {
			t.Errorf("it waited longer than its limit and ran shorter: %q, %v", got, err)
		}
	})
}

func TestT54NamesAreUniqueThroughReplacements(t *testing.T) {
	n := full(1000, 100)
	onEachWall(t, func(t *testing.T, w subject) {
		p := start(t, w, setup{Config: pool.Config{Workers: 2, MaxTasks: 1}})
		for range n {
			p.submit(t, pool.Task[string]{Value: "life"})
		}
		if err := p.Join(guard(t)); err != nil {
			t.Fatal(err)
		}
		names, lives := map[string]bool{}, map[string]bool{}
		for range n {
			e := <-p.ends
			if e.Err != nil || names[e.Worker] || lives[e.Response] {
				t.Fatalf("task %d: %v, performed by %s, %s, which was there before", e.Task, e.Err, e.Worker, e.Response)
			}
			names[e.Worker], lives[e.Response] = true, true
		}
	})
}

func TestP8RecyclingLosesNothing(t *testing.T) {
	n := full(10_000, 150)
	onEachWall(t, func(t *testing.T, w subject) {
		hub := new(inspect.Hub)
		events := hub.Events(t.Context())
		var order []string
		done := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer close(done)
			for e := range events {
				order = append(order, e.Name+" "+strconv.FormatUint(e.Incarnation, 10))
				if ctx.Err() != nil {
					return
				}
			}
		}()
		p := start(t, w, setup{Config: pool.Config{MaxTasks: 1, Hub: hub, QueueLimit: -1}})
		for range n {
			p.submit(t, pool.Task[string]{Value: "echo x"})
		}
		// In full size a minute is what ten thousand processes take.
		patient, stop := context.WithTimeoutCause(t.Context(), 5*time.Minute, errors.New("it hangs"))
		defer stop()
		if err := p.Drain(patient); err != nil {
			t.Fatal(err)
		}
		p.stop()
		cancel()
		hub.Emit(inspect.Event{Name: "last"})
		<-done
		for range n {
			if e := <-p.ends; e.Err != nil || e.Attempts != 1 {
				t.Fatalf("task %d: %v in %d attempts", e.Task, e.Err, e.Attempts)
			}
		}
		ready, left := slices.Index(order, "idle 2"), slices.Index(order, "stopping 1")
		if n < 1000 && (ready < 0 || left < ready) {
			t.Errorf("the first life left (event %d) before the second was ready (event %d)", left, ready)
		}
	})
}

func TestP12BoundedSubmit(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		for _, policy := range []pool.QueuePolicy{pool.Block, pool.Reject} {
			ran, kind := signalled(10)
			p := start(t, w, setup{kind: kind, Config: pool.Config{QueueLimit: 2, QueuePolicy: policy}})
			busy := p.submit(t, pool.Task[string]{Value: "feedback 1; sleep 1h"})
			<-ran
			one := p.submit(t, pool.Task[string]{Value: "echo 1"})
			p.submit(t, pool.Task[string]{Value: "echo 2"})
			tired := errors.New("tired of waiting")
			ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, tired)
			_, err := p.Submit(ctx, pool.Task[string]{Value: "echo 3"})
			cancel()
			if policy == pool.Reject {
				wantEnd(t, err, ganger.Rejected, ganger.CauseFull)
				busy.Cancel(nil)
				continue
			}
			wantEnd(t, err, ganger.Cancelled, ganger.CauseWithdrawn)
			if !errors.Is(err, tired) {
				t.Errorf("the cause of the caller's context is lost: %v", err)
			}
			// Room is given in the order of those who wait, as soon as there is some.
			through := make(chan error, 1)
			go func() {
				_, err := p.Submit(t.Context(), pool.Task[string]{Value: "echo 4"})
				through <- err
			}()
			one.Cancel(nil)
			if err := <-through; err != nil {
				t.Error(err)
			}
			busy.Cancel(nil)
			if err := p.Join(guard(t)); err != nil {
				t.Error(err)
			}
			p.stop()
		}
	})
}

func TestP12SubmittersAreReleasedAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // tells when all of them wait
		ran, kind := signalled(10)
		p := start(t, subjects()[0], setup{kind: kind, Config: pool.Config{QueueLimit: 1}})
		p.submit(t, pool.Task[string]{Value: "feedback 1; sleep 1h"})
		<-ran
		p.submit(t, pool.Task[string]{Value: "echo 1"})
		errs := make(chan error, 4)
		for range 4 {
			go func() {
				_, err := p.Submit(context.Background(), pool.Task[string]{Value: "echo more"})
				errs <- err
			}()
		}
		synctest.Wait()
		p.stop()
		for range 4 {
			wantEnd(t, <-errs, ganger.Rejected, ganger.CauseClosed)
		}
	})
}

func TestT55StatusStream(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		hub := new(inspect.Hub)
		events := hub.Events(t.Context())
		p := start(t, w, setup{Config: pool.Config{Hub: hub}})
		p.do(t, "echo x")
		p.stop()
		var got []string
		for e := range events {
			if e.Worker == "w0" && e.Name != inspect.EventStarted && e.Name != inspect.EventEnded {
				got = append(got, e.Name)
				if e.At.IsZero() || e.Incarnation != 1 {
					t.Errorf("event without time or incarnation: %+v", e)
				}
				if w.name == "process" && e.PID == 0 && e.Name != "starting" {
					t.Errorf("event without pid: %+v", e)
				}
				if e.Name == "busy" && e.Task != 1 {
					t.Errorf("busy with task %d, want 1", e.Task)
				}
			}
			if e.Name == "dead" {
				break
			}
		}
		if want := "starting idle busy idle stopping dead"; strings.Join(got, " ") != want {
			t.Errorf("states were %v, want %s", got, want)
		}
	})
}
