//go:build linux

package pool_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/pool"
)

// blocked starts a pool whose one worker is busy until the returned function is called.
func blocked(t *testing.T, w subject, s setup) (*running, func()) {
	t.Helper()
	ran, kind := signalled(1000)
	mine := s.kind
	s.kind = func(k *scriptKind) {
		kind(k)
		if mine != nil {
			mine(k)
		}
	}
	p := start(t, w, s)
	busy := p.submit(t, pool.Task[string]{Value: "feedback 1; sleep 1h", Priority: 1 << 40})
	<-ran
	return p, func() {
		busy.Cancel(nil)
		<-p.ends
	}
}

func TestT2CustomOrder(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		p, release := blocked(t, w, setup{})
		number := func(s string) int {
			n, _ := strconv.Atoi(strings.Fields(s)[1])
			return n / 10
		}
		var want []string
		for i := range 40 {
			if i == 20 { // for what waits, and for what comes
				p.SetOrder(func(a, b string) int { return cmp.Compare(number(b), number(a)) })
			}
			p.submit(t, pool.Task[string]{Value: fmt.Sprintf("echo %d", i)})
			want = append(want, strconv.Itoa(i))
		}
		slices.SortStableFunc(want, func(a, b string) int { return cmp.Compare(number("echo "+b), number("echo "+a)) })
		if got := p.Queued(); len(got) != 40 || got[0] != "echo 30" || got[39] != "echo 9" {
			t.Errorf("Queued is %q", got)
		}
		release()
		if got := p.collect(t, 40); !slices.Equal(got, want) {
			t.Errorf("performed as %q, want %q", got, want)
		}
	})
}

// TestT2OrderOfTheKind: a kind's own order holds from the beginning, and a task
// that runs again has its place in it.
func TestT2OrderOfTheKind(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		p, release := blocked(t, w, setup{kind: func(k *scriptKind) {
			k.Order = func(a, b string) int {
				return strings.Count(a, "last") - strings.Count(b, "last")
			}
		}})
		file := t.TempDir() + "/times"
		p.submit(t, pool.Task[string]{Value: "echo last"})
		p.submit(t, pool.Task[string]{Value: "fail-until " + file + " 2", Retries: 2})
		p.submit(t, pool.Task[string]{Value: "echo second"})
		release()
		if got, want := p.collect(t, 3), []string{"well", "second", "last"}; !slices.Equal(got, want) {
			t.Errorf("performed as %q, want %q", got, want)
		}
	})
}

func TestP14PriorityHigherFirst(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		p, release := blocked(t, w, setup{Config: pool.Config{Aging: -1}})
		type task struct{ priority, number int }
		var want []task
		for i := range 60 {
			k := task{[]int{0, 5, -3, 5, 0, 1 << 50}[i%6], i}
			want = append(want, k)
			p.submit(t, pool.Task[string]{Value: fmt.Sprintf("echo %d %d", k.priority, k.number), Priority: k.priority})
		}
		slices.SortStableFunc(want, func(a, b task) int { return cmp.Compare(b.priority, a.priority) })
		release()
		for i, got := range p.collect(t, 60) {
			if want := fmt.Sprint(want[i].priority, want[i].number); got != want {
				t.Fatalf("task %d performed is %q, want %q", i, got, want)
			}
		}
	})
}

// TestP14AgingStarvesNobody: beside endless tasks of high priority a low one
// waits for as long as their priority is worth, and no longer.
func TestP14AgingStarvesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := run(t, plain(1), plainKind{}, pool.Config{Workers: 1, Aging: time.Minute})
		defer stop()
		sub(t, p, pool.Task[string]{Value: "sleep 1s"})
		low := sub(t, p, pool.Task[string]{Value: "sleep 1s"})
		posted := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ctx.Err() == nil {
				_, _ = p.Submit(ctx, pool.Task[string]{Value: "sleep 1s", Priority: 10})
				time.Sleep(500 * time.Millisecond) // twice as many as can be performed
			}
		}()
		if err := within(low, time.Hour); err != nil {
			t.Error(err)
		}
		if waited := time.Since(posted); waited < 10*time.Minute || waited > 21*time.Minute {
			t.Errorf("priority 0 beside endless 10 waited for %v, with a minute for each priority", waited)
		}
		cancel()
		<-done
	})
}

func TestP13AffinityByKey(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		p := start(t, w, setup{Config: pool.Config{Workers: 2, KeyWait: -1, QueueLimit: -1}})
		of := make(map[string]string) // life by key
		type submitted struct {
			key string
			*pool.Ticket[string]
		}
		var all []submitted
		for i := range 1000 {
			key := "k" + strconv.Itoa(i%10)
			all = append(all, submitted{key, p.submit(t, pool.Task[string]{Value: "life", Key: key})})
		}
		for _, s := range all {
			life, err := wait(t, s.Ticket)
			if err != nil {
				t.Fatal(err)
			}
			if was, ok := of[s.key]; ok && was != life {
				t.Errorf("key %s went to %s, then to %s", s.key, was, life)
			}
			of[s.key] = life
		}
		hits, misses := uint64(0), uint64(0)
		p.Snapshot(func(w inspect.Worker) bool {
			if w.Extra != nil {
				hits += w.Extra["key-hits"].(uint64)
				misses += w.Extra["key-misses"].(uint64)
			}
			return true
		})
		if hits != 990 || misses != 10 {
			t.Errorf("hits %d, misses %d, want 990 and 10", hits, misses)
		}
	})
}

// TestP13KeyWait: once another worker would have had it, a task is kept for its
// own for KeyWait and no longer, and not at all when that has gone.
func TestP13KeyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := make(map[string]string)
		k := plainKind{Request: func(h pool.Held[struct{}], s string) (string, error) {
			took[s] = h.Worker
			return s, nil
		}}
		p, stop := run(t, plain(1), k, pool.Config{Workers: 2, KeyWait: time.Minute})
		defer stop()
		within(sub(t, p, pool.Task[string]{Value: "a", Key: "model"}), time.Second)
		owner := took["a"]
		sub(t, p, pool.Task[string]{Value: "sleep 1h", Key: "model"})
		synctest.Wait()
		if took["sleep 1h"] != owner {
			t.Fatalf("the model of %s was asked of %s", owner, took["sleep 1h"])
		}
		t0 := time.Now()
		if err := within(sub(t, p, pool.Task[string]{Value: "b", Key: "model"}), 10*time.Minute); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(t0); took["b"] == owner || waited != time.Minute {
			t.Errorf("b was performed by %s (warm: %s) after %v, want another after a minute", took["b"], owner, waited)
		}
		t0 = time.Now() // two are warm now, and one is idle
		if err := within(sub(t, p, pool.Task[string]{Value: "c", Key: "model"}), time.Minute); err != nil || time.Since(t0) != 0 {
			t.Errorf("c waited for %v: %v", time.Since(t0), err)
		}
		if err := p.CancelWorker(owner); err != nil {
			t.Fatal(err)
		}
	})
}

// TestP13OwnerGone: a key whose worker has gone is anybody's.
func TestP13OwnerGone(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		p := start(t, w, setup{Config: pool.Config{Workers: 2, KeyWait: -1}})
		_, err := wait(t, p.submit(t, pool.Task[string]{Value: "die", Key: "k", MaxDeaths: 1}))
		wantEnd(t, err, ganger.Crashed, w.death)
		if value, err := wait(t, p.submit(t, pool.Task[string]{Value: "echo x", Key: "k"})); err != nil || value != "x" {
			t.Errorf("%q, %v", value, err)
		}
	})
}

func TestP12DropOldest(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		p, release := blocked(t, w, setup{Config: pool.Config{QueueLimit: 3, QueuePolicy: pool.DropOldest}})
		for i := range 8 {
			p.submit(t, pool.Task[string]{Value: fmt.Sprintf("echo %d", i), Priority: i % 2})
		}
		for range 5 {
			if got := p.collect(t, 1)[0]; got != "cancelled superseded" {
				t.Errorf("what was dropped ended %q", got)
			}
		}
		if got := p.Queued(); !slices.Equal(got, []string{"echo 5", "echo 7", "echo 6"}) {
			t.Errorf("%q wait, want the newest three", got)
		}
		release()
	})
}

func TestP12Replace(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		p, release := blocked(t, w, setup{Config: pool.Config{QueueLimit: 2, QueuePolicy: pool.Replace, KeyWait: -1}})
		a := p.submit(t, pool.Task[string]{Value: "echo a1", Key: "a"})
		p.submit(t, pool.Task[string]{Value: "echo b1", Key: "b"})
		p.submit(t, pool.Task[string]{Value: "echo a2", Key: "a"}) // though it is full
		if _, err := wait(t, a); ganger.CauseOf(err) != ganger.CauseSuperseded {
			t.Errorf("a1 ended with %v", err)
		}
		if got := p.Queued(); !slices.Equal(got, []string{"echo a2", "echo b1"}) {
			t.Errorf("%q wait, want a2 in the place of a1", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := p.Submit(ctx, pool.Task[string]{Value: "echo c1", Key: "c"}); ganger.CauseOf(err) != ganger.CauseWithdrawn {
			t.Errorf("a third key on a queue of two: %v", err)
		}
		<-p.ends
		release()
		if got := p.collect(t, 2); !slices.Equal(got, []string{"a2", "b1"}) {
			t.Errorf("performed %q", got)
		}
	})
}

// TestT57CommitInSubmitOrder: whatever the schedule, what is committed is the same.
func TestT57CommitInSubmitOrder(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		commit := func(seed uint64) []string {
			r := rand.New(rand.NewPCG(seed, 57))
			var merged []string
			p := start(t, w, setup{Config: pool.Config{Workers: 1 + r.IntN(4)}, slots: 1 + r.IntN(3), kind: func(k *scriptKind) {
				following(k)
				k.Commit = func(script string, e pool.End[string]) {
					merged = append(merged, strings.Trim(strings.Fields(script)[1], ";")+" "+ganger.OutcomeOf(e.Err).String())
				}
			}})
			for i := range 30 {
				script := fmt.Sprintf("echo %d; sleep %dus", i, r.IntN(3000))
				switch i % 5 {
				case 1:
					script = fmt.Sprintf("fail %d", i)
				case 2:
					script += fmt.Sprintf(" > echo %d.1 ; sleep %dus | echo %d.2 | fail %d.3", i, r.IntN(3000), i, i)
				case 3:
					script += fmt.Sprintf(" >> echo %d.1 | echo %d.2", i, i)
				}
				p.submit(t, pool.Task[string]{Value: script})
			}
			if err := p.Join(guard(t)); err != nil {
				t.Fatal(err)
			}
			p.stop()
			return merged
		}
		want := commit(0)
		if len(want) != 30+6*3+6*2 || want[2] != "2 done" || want[3] != "2.1 done" || want[5] != "2.3 failed" || want[6] != "3 done" {
			t.Fatalf("committed %q", want)
		}
		for seed := range full(100, 10) {
			if got := commit(uint64(seed) + 1); !slices.Equal(got, want) {
				t.Fatalf("seed %d: committed %q, want %q", seed, got, want)
			}
		}
	})
}

// TestCommitHoldsUpTheQueue: ends that wait to be committed count against the limit.
func TestCommitHoldsUpTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := run(t, plain(1), plainKind{Commit: func(string, pool.End[string]) {}}, pool.Config{Workers: 2, QueueLimit: 5})
		defer stop()
		sub(t, p, pool.Task[string]{Value: "sleep 1h"})
		for range 5 {
			within(sub(t, p, pool.Task[string]{Value: "echo"}), time.Second)
		}
		ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Minute, errors.New("full"))
		defer cancel()
		if _, err := p.Submit(ctx, pool.Task[string]{Value: "echo"}); ganger.CauseOf(err) != ganger.CauseWithdrawn {
			t.Errorf("behind five ends that wait for the first: %v", err)
		}
		if _, err := p.Submit(t.Context(), pool.Task[string]{Value: "echo"}); err != nil {
			t.Error(err)
		}
	})
}
