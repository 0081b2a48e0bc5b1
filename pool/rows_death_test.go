//go:build linux

package pool_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/pool"
)

// prompt is a restart policy without delays, for tests that kill a lot.
var prompt = life.Policy{Min: -1, Burst: -1}

// workers returns the pool's workers.
func (r *running) workers() (all []inspect.Worker) {
	r.Snapshot(func(w inspect.Worker) bool {
		all = append(all, w)
		return true
	})
	return all
}

// poll waits until ok holds, for the state of other processes.
func poll(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within a minute: %s", what)
}

func TestT20WorkerKilledWhileBusy(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		ran, kind := signalled(10)
		p := start(t, w, setup{Config: pool.Config{Workers: 2}, kind: kind})
		other := p.submit(t, pool.Task[string]{Value: "feedback 1; sleep 50ms; echo unharmed"})
		<-ran
		_, err := wait(t, p.submit(t, pool.Task[string]{Value: "die", MaxDeaths: 1}))
		wantEnd(t, err, ganger.Crashed, w.death)
		if e, _ := errors.AsType[*ganger.Error](err); e == nil || e.Exit == nil || e.Worker == "" {
			t.Errorf("the error tells neither exit nor worker: %+v", e)
		}
		if got, err := wait(t, other); got != "unharmed" {
			t.Errorf("the other worker's task: %q, %v", got, err)
		}
		p.do(t, "echo replaced")
	})
}

func TestP2NotRunAgainAfterADeath(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		file := filepath.Join(t.TempDir(), "runs")
		p := start(t, w, setup{})
		_, err := wait(t, p.submit(t, pool.Task[string]{Value: "die-until " + file + " 9", MaxDeaths: 1, Retries: 5}))
		wantEnd(t, err, ganger.Crashed, w.death)
		if runs, _ := os.ReadFile(file); len(runs) != 1 {
			t.Errorf("it ran %d times, want once", len(runs))
		}
	})
}

func TestT23RetryPolicyCountsDeathsApart(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		dir := t.TempDir()
		p := start(t, w, setup{Config: pool.Config{Restart: prompt}})

		lucky := p.submit(t, pool.Task[string]{Value: "die-until " + filepath.Join(dir, "a") + " 2", MaxDeaths: 3})
		if got, err := wait(t, lucky); got != "alive" {
			t.Errorf("two deaths of three allowed: %q, %v", got, err)
		}
		if e := <-p.ends; e.Deaths != 2 || e.Attempts != 3 {
			t.Errorf("told %d deaths in %d attempts, want 2 in 3", e.Deaths, e.Attempts)
		}

		_, err := wait(t, p.submit(t, pool.Task[string]{Value: "die", MaxDeaths: 3, Retries: 7}))
		wantEnd(t, err, ganger.Poisoned, w.death)
		if e := <-p.ends; e.Deaths != 3 || e.Attempts != 3 {
			t.Errorf("told %d deaths in %d attempts, want 3 in 3", e.Deaths, e.Attempts)
		}

		patient := p.submit(t, pool.Task[string]{Value: "fail-until " + filepath.Join(dir, "b") + " 2", MaxDeaths: 1, Retries: 2})
		if got, err := wait(t, patient); got != "well" {
			t.Errorf("two failures and two retries: %q, %v", got, err)
		}
		_, err = wait(t, p.submit(t, pool.Task[string]{Value: "fail no", Retries: 1}))
		wantEnd(t, err, ganger.Failed, "")
	})
}

func TestT24PerformPanics(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		p := start(t, w, setup{})
		_, err := wait(t, p.submit(t, pool.Task[string]{Value: "panic oh dear", MaxDeaths: 1}))
		wantEnd(t, err, ganger.Crashed, ganger.CausePanic)
		e, _ := errors.AsType[*ganger.Error](err)
		if e == nil || e.Exit == nil || !strings.Contains(err.Error(), "oh dear") || !strings.Contains(e.Exit.Stack, "walls_test.go") {
			t.Errorf("message and stack are missing: %v, %+v", err, e)
		}
		p.do(t, "echo replaced")
	})
}

func TestT21WorkerKilledWhileIdle(t *testing.T) {
	w := subjects()[1] // an idle goroutine cannot be killed
	p := start(t, w, setup{})
	first := p.do(t, "life")
	pid := p.workers()[0].PID
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	poll(t, "the idle death is noticed without a request", func() bool {
		v := p.workers()[0]
		return v.Incarnation == 2 && v.State == ganger.Idle
	})
	if v := p.workers()[0]; v.Last == nil || v.Last.Exit.Reason != "signal 9" {
		t.Errorf("the obituary is %+v, want signal 9", v.Last)
	}
	if got := p.do(t, "life"); got == first {
		t.Errorf("still performed by %s", got)
	}
}

// stopped reports whether every thread of a process is stopped.
func stopped(pid int) bool {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, f := range files {
		stat, _ := os.ReadFile(f)
		_, rest, _ := strings.Cut(string(stat), ") ")
		if !strings.HasPrefix(rest, "T") {
			return false
		}
	}
	return len(files) > 0
}

func TestT22WorkerKilledAtSend(t *testing.T) {
	w := subjects()[1]
	t.Run("never read", func(t *testing.T) {
		p := start(t, w, setup{})
		p.do(t, "echo warm")
		pid := p.workers()[0].PID
		// A stopped worker takes nothing from its pipe.
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		poll(t, "all its threads have stopped", func() bool { return stopped(pid) })
		ticket := p.submit(t, pool.Task[string]{Value: "echo again", MaxDeaths: 1})
		poll(t, "the request is on its way", func() bool { return len(p.workers()[0].Current) == 1 })
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if got, err := wait(t, ticket); got != "again" {
			t.Errorf("a request that was never read must run again: %q, %v", got, err)
		}
	})
	t.Run("at any moment", func(t *testing.T) {
		n := full(500, 40)
		p := start(t, w, setup{Config: pool.Config{Workers: 2, Restart: prompt}})
		for i := range n {
			first := p.submit(t, pool.Task[string]{Value: "echo a", MaxDeaths: 1})
			second := p.submit(t, pool.Task[string]{Value: "echo b", MaxDeaths: 3})
			for range rand.N(2000) { // a random, short delay
				_ = i
			}
			if pid := p.workers()[i%2].PID; pid > 0 {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
			if _, err := wait(t, first); err != nil {
				wantEnd(t, err, ganger.Crashed, "signal 9")
			}
			if _, err := wait(t, second); err != nil {
				t.Errorf("a task that may see three deaths: %v", err)
			}
		}
		p.stop()
		if got := len(p.ends); got != 2*n {
			t.Errorf("%d tasks were told %d ends", 2*n, got)
		}
	})
}

func TestP1KilledAtAnyMoment(t *testing.T) {
	w := subjects()[1]
	for seed := range uint64(full(200, 6)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			ran, kind := signalled(100)
			p := start(t, w, setup{Config: pool.Config{Workers: 2, Restart: prompt}, kind: kind})
			var tickets []*pool.Ticket[string]
			for range 20 {
				tickets = append(tickets, p.submit(t, pool.Task[string]{Value: "feedback 1; sleep 1ms; echo x"}))
			}
			for range rng.IntN(20) {
				<-ran
			}
			if pid := p.workers()[rng.IntN(2)].PID; pid > 0 {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
			attempts := 0
			for _, ticket := range tickets {
				if _, err := wait(t, ticket); err != nil {
					t.Errorf("task %d: %v", ticket.ID(), err)
				}
				attempts += (<-p.ends).Attempts
			}
			if attempts > 21 {
				t.Errorf("one death cost %d attempts beyond the 20", attempts-20)
			}
		})
	}
}

// TestP5NeighboursOfAKiller: with several slots a killer takes its neighbours
// along; they run again, alone, and only the killer bears its deaths.
func TestP5NeighboursOfAKiller(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		p := start(t, w, setup{slots: 4, Config: pool.Config{Restart: prompt}})
		var good []*pool.Ticket[string]
		bad := p.submit(t, pool.Task[string]{Value: "sleep 30ms; die", MaxDeaths: 2})
		for range 12 {
			good = append(good, p.submit(t, pool.Task[string]{Value: "sleep 10ms; echo good", MaxDeaths: 2}))
		}
		for _, ticket := range good {
			if got, err := wait(t, ticket); got != "good" {
				t.Errorf("a neighbour: %q, %v", got, err)
			}
		}
		_, err := wait(t, bad)
		wantEnd(t, err, ganger.Poisoned, w.death)
		p.stop()
		close(p.ends)
		for e := range p.ends {
			if e.Err == nil && e.Deaths > 0 {
				t.Errorf("task %d bears %d deaths that were not its own", e.Task, e.Deaths)
			}
		}
	})
}

func TestP5NeighboursOfADeafOne(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		ran, kind := signalled(100)
		p := start(t, w, setup{slots: 4, kind: kind, Config: pool.Config{CancelGrace: 50 * time.Millisecond}})
		deaf := p.submit(t, pool.Task[string]{Value: "feedback 1; deaf 2s"})
		again := p.submit(t, pool.Task[string]{Value: "feedback 1; sleep 400ms; echo finished"})
		never := p.submit(t, pool.Task[string]{Value: "feedback 1; sleep 401ms; echo finished", MaxDeaths: 1})
		for range 3 {
			<-ran
		}
		deaf.Cancel(nil)
		_, err := wait(t, deaf)
		wantEnd(t, err, ganger.Cancelled, ganger.CauseTask)
		if got, err := wait(t, again); got != "finished" {
			t.Errorf("a neighbour that may run again: %q, %v", got, err)
		}
		if w.kills { // what was sent and may have had effects is not repeated
			_, err = wait(t, never)
			wantEnd(t, err, ganger.Crashed, "cancelled")
		}
	})
}

func TestP4HungTask(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		p := start(t, w, setup{Config: pool.Config{Workers: 2, CancelGrace: 50 * time.Millisecond}})
		hung := errors.New("the caller's patience is over")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 200*time.Millisecond, hung)
		defer cancel()
		bad := make(chan error, 1)
		go func() {
			_, err := p.Do(ctx, pool.Task[string]{Value: "deaf 5s"})
			bad <- err
		}()
		var good []*pool.Ticket[string]
		for range 19 {
			good = append(good, p.submit(t, pool.Task[string]{Value: "echo x"}))
		}
		for _, ticket := range good {
			if _, err := wait(t, ticket); err != nil {
				t.Errorf("task %d: %v", ticket.ID(), err)
			}
		}
		err := <-bad
		wantEnd(t, err, ganger.Cancelled, ganger.CauseWithdrawn)
		if !errors.Is(err, hung) {
			t.Errorf("the cause of the caller's context is lost: %v", err)
		}
		// No slot is lost: two tasks that wait for each other's presence.
		first := p.submit(t, pool.Task[string]{Value: "sleep 100ms"})
		second := p.submit(t, pool.Task[string]{Value: "sleep 100ms"})
		poll(t, "both workers are busy at once", func() bool {
			busy := 0
			for _, v := range p.workers() {
				busy += len(v.Current)
			}
			return busy == 2
		})
		_, _ = wait(t, first)
		_, _ = wait(t, second)
	})
}

func TestT31FeedbackBeforeDeath(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		var got []string
		p := start(t, w, setup{kind: func(k *pool.Kind[string, string, string, string]) {
			k.Feedback = func(_ string, body []byte) { got = append(got, string(body)) }
		}})
		_, err := wait(t, p.submit(t, pool.Task[string]{Value: "feedback 10; die", MaxDeaths: 1}))
		wantEnd(t, err, ganger.Crashed, w.death)
		if want := "0 1 2 3 4 5 6 7 8 9"; strings.Join(got, " ") != want {
			t.Errorf("feedback before the death is %v, want %s", got, want)
		}
	})
}
