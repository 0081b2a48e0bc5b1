//go:build linux

package pool_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/pool"
)

type scriptKind = pool.Kind[string, string, string, string]

// tagged makes a script's first word the worker that takes it, and no part of
// what is performed.
func tagged(k *scriptKind) {
	k.Match = func(h pool.Held[string], script string) bool {
		tag, _, _ := strings.Cut(script, " ")
		return tag == h.Worker
	}
	k.Request = func(_ pool.Held[string], script string) (string, error) {
		_, script, _ = strings.Cut(script, " ")
		return script, nil
	}
}

func TestT3PickyClaimOvertakes(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		ran, kind := signalled(10)
		p := start(t, w, setup{Config: pool.Config{Workers: 2}, kind: func(k *scriptKind) { kind(k); tagged(k) }})
		busy := p.submit(t, pool.Task[string]{Value: "w0 feedback 1; sleep 1h"})
		<-ran
		p.submit(t, pool.Task[string]{Value: "w0 echo oldest"})
		p.submit(t, pool.Task[string]{Value: "w0 echo older"})
		if got := p.do(t, "w1 echo young"); got != "young" {
			t.Errorf("the task that an idle worker takes answered %q", got)
		}
		if got, want := p.Queued(), []string{"w0 echo oldest", "w0 echo older"}; !slices.Equal(got, want) {
			t.Errorf("what was overtaken is %q, want %q in its place", got, want)
		}
		busy.Cancel(nil)
		if err := p.Join(guard(t)); err != nil {
			t.Fatal(err)
		}
		var order []string
		for range 4 {
			order = append(order, (<-p.ends).Response)
		}
		if want := []string{"young", "", "oldest", "older"}; !slices.Equal(order, want) {
			t.Errorf("the ends came as %q, want %q", order, want)
		}
	})
}

func TestT4BroadcastAsksMatchAgain(t *testing.T) {
	const workers = 4
	onEachWall(t, func(t *testing.T, w subject) {
		var visible atomic.Bool
		ran, kind := signalled(workers)
		p := start(t, w, setup{Config: pool.Config{Workers: workers}, kind: func(k *scriptKind) {
			kind(k)
			k.Match = func(pool.Held[string], string) bool { return visible.Load() }
		}})
		for range workers {
			p.submit(t, pool.Task[string]{Value: "feedback 1; sleep 1h"})
		}
		// Every worker has looked and gone to rest.
		if err := p.Join(guard(t)); !errors.Is(err, pool.ErrUnmatched) {
			t.Fatalf("Join returned %v, want ErrUnmatched", err)
		}
		visible.Store(true)
		p.Broadcast()
		hangs := guard(t)
		for range workers { // all at once: none of them ends by itself
			select {
			case <-ran:
			case <-hangs.Done():
				t.Fatalf("after the broadcast %q still wait", p.Queued())
			}
		}
		p.CancelAll(nil)
	})
}

// TestT5MatchSeesOnlyWhatWaits: nothing in Match is synchronised but by the
// pool itself, so that the race detector finds what the counter does not.
func TestT5MatchSeesOnlyWhatWaits(t *testing.T) {
	const submitters = 4
	n := full(4000, 400)
	onEachWall(t, func(t *testing.T, w subject) {
		inside, asked := 0, 0
		var notAlone, gone atomic.Int64
		over := make([]atomic.Bool, submitters*n) // was cancelled or claimed
		number := func(script string) int {
			_, arg, _ := strings.Cut(script, " ")
			i, _ := strconv.Atoi(arg)
			return i
		}
		p := start(t, w, setup{slots: 2, Config: pool.Config{Workers: 3}, kind: func(k *scriptKind) {
			k.Match = func(_ pool.Held[string], script string) bool {
				asked++
				if inside++; inside != 1 {
					notAlone.Add(1)
				}
				if over[number(script)].Load() {
					gone.Add(1)
				}
				inside--
				return strings.HasPrefix(script, "echo")
			}
			k.Request = func(_ pool.Held[string], script string) (string, error) {
				over[number(script)].Store(true)
				return script, nil
			}
		}})
		var all sync.WaitGroup
		for s := range submitters {
			all.Go(func() {
				for i := s * n; i < (s+1)*n; i += 2 {
					nobody, err := p.Submit(t.Context(), pool.Task[string]{Value: fmt.Sprint("nobody ", i)})
					if err != nil {
						t.Error(err)
						return
					}
					if _, err := p.Submit(t.Context(), pool.Task[string]{Value: fmt.Sprint("echo ", i+1)}); err != nil {
						t.Error(err)
					}
					nobody.Cancel(nil)
					over[i].Store(true)
					p.Broadcast()
				}
			})
		}
		all.Wait()
		if err := p.Join(guard(t)); err != nil {
			t.Fatal(err)
		}
		p.stop()
		if notAlone.Load() > 0 || gone.Load() > 0 || asked < submitters*n/2 {
			t.Errorf("Match was asked %d times, %d beside itself, %d about a task that no longer waited", asked, notAlone.Load(), gone.Load())
		}
	})
}

func TestT6RequestIsBuiltLate(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		var document atomic.Value
		document.Store("first draft")
		ran, kind := signalled(10)
		p := start(t, w, setup{kind: func(k *scriptKind) {
			kind(k)
			k.Request = func(_ pool.Held[string], script string) (string, error) {
				return strings.ReplaceAll(script, "DOCUMENT", document.Load().(string)), nil
			}
		}})
		busy := p.submit(t, pool.Task[string]{Value: "feedback 1; sleep 1h"})
		<-ran
		ticket := p.submit(t, pool.Task[string]{Value: "echo DOCUMENT"})
		document.Store("last draft")
		busy.Cancel(nil)
		if got, err := wait(t, ticket); got != "last draft" || err != nil {
			t.Errorf("the request was made of the %q (%v), want what there was when a worker took it", got, err)
		}
	})
}

func TestT7ExpiredRequest(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		var seen []string
		p := start(t, w, setup{kind: func(k *scriptKind) {
			k.Request = func(h pool.Held[string], script string) (string, error) {
				seen = append(seen, fmt.Sprint(h.Warm, h.Value))
				if script == "stale" {
					return "", pool.ErrExpired
				}
				return script, nil
			}
			k.Use = func(pool.Held[string], string, string) (pool.Next[string, string], error) {
				return pool.Next[string, string]{Held: " with proof"}, nil
			}
		}})
		expire := func() {
			ticket := p.submit(t, pool.Task[string]{Value: "stale", Retries: 3, MaxDeaths: 3})
			_, err := wait(t, ticket)
			wantEnd(t, err, ganger.Expired, "")
			if e := <-p.ends; e.Task != ticket.ID() || ganger.OutcomeOf(e.Err) != ganger.Expired {
				t.Errorf("Ended was told %+v, want task %d expired", e, ticket.ID())
			}
		}
		expire() // a fresh life stays fresh
		life := p.do(t, "life")
		<-p.ends
		expire() // a warm one warm, with its competence
		expire()
		if p.do(t, "life") != life {
			t.Error("a life that never saw the request was replaced")
		}
		if want := []string{"false", "false", "true with proof", "true with proof", "true with proof"}; !slices.Equal(seen, want) {
			t.Errorf("requests were made for lives that were %q, want %q", seen, want)
		}
		<-p.ends
		p.stop()
		if n := len(p.ends); n != 0 {
			t.Errorf("%d more ends were told than there were tasks", n)
		}
	})
}

func TestT8WarmLivesGetLess(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		state := strings.Repeat("x", 100_000)
		p := start(t, w, setup{kind: func(k *scriptKind) {
			k.Request = func(h pool.Held[string], script string) (string, error) {
				if h.Warm {
					return "echo " + h.Value + script, nil
				}
				return "echo " + state + script, nil
			}
			k.Use = func(_ pool.Held[string], script, _ string) (pool.Next[string, string], error) {
				return pool.Next[string, string]{Held: "=", End: script == "bye"}, nil
			}
		}})
		// What the worker was sent is what it answers.
		for i, want := range []int{len(state) + 1, 2, 2, 4, len(state) + 1, 2} {
			script := "y"
			if i == 3 {
				script = "bye" // the next life knows nothing
			}
			if got := len(p.do(t, script)); got != want {
				t.Errorf("request %d carried %d bytes, want %d", i+1, got, want)
			}
		}
	})
}

func TestT38QueuedIsOnlyALook(t *testing.T) {
	const workers, waiting = 4, 20
	onEachWall(t, func(t *testing.T, w subject) {
		ran, kind := signalled(workers)
		p := start(t, w, setup{kind: kind, Config: pool.Config{Workers: workers}})
		for range workers {
			p.submit(t, pool.Task[string]{Value: "feedback 1; sleep 1h"})
		}
		for range workers {
			<-ran
		}
		var busy, want []string
		for i := range waiting {
			want = append(want, fmt.Sprintf("echo %02d", i))
			p.submit(t, pool.Task[string]{Value: want[i]})
		}
		if got := p.Queued(); !slices.Equal(got, want) {
			t.Fatalf("Queued returned %q, want %q", got, want)
		}
		for w := range p.Snapshot {
			busy = append(busy, fmt.Sprintf("%v %d", w.State, len(w.Current)))
			if err := p.CancelTask(w.Current[0].ID); err != nil {
				t.Error(err)
			}
		}
		if want := slices.Repeat([]string{"busy 1"}, workers); !slices.Equal(busy, want) {
			t.Errorf("the workers were %q", busy)
		}
		for got := p.Queued(); len(got) > 0; got = p.Queued() { // while they are taken
			if !slices.Equal(got, want[waiting-len(got):]) {
				t.Fatalf("Queued returned %q, which is no end of %q", got, want)
			}
			runtime.Gosched()
		}
		if err := p.Join(guard(t)); err != nil {
			t.Fatal(err)
		}
		p.stop()
		times := map[string]int{}
		for range workers + waiting {
			if e := <-p.ends; e.Err == nil && e.Attempts == 1 {
				times["echo "+e.Response]++
			}
		}
		for _, script := range want {
			if times[script] != 1 {
				t.Errorf("%q ran %d times", script, times[script])
			}
		}
		if len(p.ends) > 0 {
			t.Errorf("%d ends too many", len(p.ends))
		}
	})
}

// TestT39NoWorkers: a pool may be there only to collect. A goroutine that it
// left would fail the bubble.
func TestT39NoWorkers(t *testing.T) {
	for _, w := range subjects() {
		t.Run(w.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := start(t, w, setup{Config: pool.Config{Workers: -1}})
				synctest.Wait()
				before := runtime.NumGoroutine()
				var want []string
				for i := range 100 {
					want = append(want, fmt.Sprint("echo ", i))
					p.submit(t, pool.Task[string]{Value: want[i]})
				}
				synctest.Wait()
				if got := p.Queued(); !slices.Equal(got, want) {
					t.Errorf("collected %q, want %q", got, want)
				}
				if after := runtime.NumGoroutine(); after > before {
					t.Errorf("%d goroutines became %d", before, after)
				}
				if err := p.Join(guard(t)); !errors.Is(err, pool.ErrUnmatched) {
					t.Errorf("Join returned %v, want ErrUnmatched", err)
				}
				p.CancelAll(errUnwanted)
				if got := p.Queued(); len(got) != 0 {
					t.Errorf("CancelAll left %q", got)
				}
				left := p.submit(t, pool.Task[string]{Value: "echo more"})
				if err := p.Join(guard(t)); !errors.Is(err, pool.ErrUnmatched) {
					t.Errorf("Join returned %v, want ErrUnmatched", err)
				}
				p.stop()
				for i := range 100 {
					e := <-p.ends
					wantEnd(t, e.Err, ganger.Cancelled, ganger.CauseTask)
					if e.Task != uint64(i+1) || e.Attempts != 0 {
						t.Errorf("end %d is of task %d with %d attempts", i+1, e.Task, e.Attempts)
					}
				}
				_, err := wait(t, left)
				wantEnd(t, err, ganger.Cancelled, ganger.CauseShutdown)
			})
		})
	}
}
