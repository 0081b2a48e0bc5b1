package behind_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/worker"
	"github.com/ganger-dev/ganger/worker/behind"
)

// inProcess is a bed for what only a process can suffer.
func inProcess(t *testing.T) bed { return bed{t, true} }

// kill kills the process of a worker.
func kill(b bed, w worker.Queue[till]) {
	b.Helper()
	d := w.Describe()
	if d.PID == 0 || d.Wall != "process" {
		b.Fatalf("its process is %d on wall %q", d.PID, d.Wall)
	}
	if err := syscall.Kill(d.PID, syscall.SIGKILL); err != nil {
		b.Fatal(err)
	}
}

// incarnated polls until the worker is idle in its n-th life.
func incarnated(b bed, w worker.Queue[till], n uint64) {
	b.Helper()
	for until := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if s, have := w.Status(); s == ganger.Idle && have == n {
			return
		} else if time.Now().After(until) {
			b.Fatalf("it is %v in life %d, want idle in %d", s, have, n)
		}
	}
}

// TestKilledWhileIdle: noticed at once, and nobody asked for anything.
func TestKilledWhileIdle(t *testing.T) {
	b := inProcess(t)
	w, table := b.launch(worker.Config{Restart: atOnce}, opening{Start: 5})
	b.sum(w, 1)
	kill(b, w)
	incarnated(b, w, 2)
	if got := b.sum(w, 1); got != 6 {
		b.Errorf("the sum of the next life is %d, want 6", got)
	}
	dead := table.Dead()
	if len(dead) != 1 || dead[0].Exit.Reason != ganger.LeavingSignal(9) || dead[0].Exit.Signal != "SIGKILL" || dead[0].Last != nil {
		b.Errorf("obituaries %+v, want one of SIGKILL with nothing in hand", dead)
	}
}

// TestKilledWhileIdleForGood: the policy decides that it stays dead.
func TestKilledWhileIdleForGood(t *testing.T) {
	b := inProcess(t)
	w, _ := b.launch(worker.Config{Restart: lifeTemporary}, opening{})
	kill(b, w)
	b.await(w.Done(), "the end")
	b.ended(w.Err(), ganger.Crashed, ganger.LeavingSignal(9).Cause())
}

// TestKilledWhileBusy: what was in hand crashed, what waits is performed.
func TestKilledWhileBusy(t *testing.T) {
	b := inProcess(t)
	g := newGate(t)
	w, table := b.launch(worker.Config{Restart: atOnce}, opening{})
	ctx := b.ctx()
	ends := make(chan error, 1)
	go func() {
		_, err := worker.Call(ctx, w, hold{Gate: g.path})
		ends <- err
	}()
	_, _ = g.next(t)
	if err := w.Push(add{N: 7}); err != nil {
		b.Fatal(err)
	}
	kill(b, w)
	e := b.ended(<-ends, ganger.Crashed, ganger.LeavingSignal(9).Cause())
	if e.Worker != "a#1" || e.Exit == nil || e.Exit.Signal != "SIGKILL" {
		b.Errorf("%v, exit %+v", e, e.Exit)
	}
	if got := b.sum(w, 1); got != 8 {
		b.Errorf("the sum is %d, want what waited and one", got)
	}
	if dead := table.Dead(); len(dead) != 1 || dead[0].Last == nil || !strings.Contains(fmt.Sprint(dead[0].Last.View), "hold") {
		b.Errorf("obituaries %+v, want one with the request in hand", dead)
	}
}

// TestManyKilledWhileIdle: a request that meets a dead process, before its death
// was noticed, never reached it, and is performed by the next life.
func TestManyKilledWhileIdle(t *testing.T) {
	b := inProcess(t)
	w, table := b.launch(worker.Config{Restart: atOnce}, opening{})
	const times = 30
	for n := range times {
		incarnated(b, w, uint64(n)+1)
		kill(b, w)
		_, err := worker.Call(b.ctx(), w, add{N: 1})
		if ganger.OutcomeOf(err) == ganger.Crashed {
			continue // the process had taken it before it died
		}
		if err != nil {
			b.Fatalf("time %d: %v", n, err)
		}
	}
	incarnated(b, w, times+1)
	if dead := table.Dead(); len(dead) != times {
		b.Errorf("%d obituaries for %d kills", len(dead), times)
	}
}

func TestDeathsInHand(t *testing.T) {
	for _, c := range []struct {
		how   string
		cause ganger.Cause
	}{
		{"exit", ganger.LeavingExit(3).Cause()},
		{"killed", ganger.LeavingSignal(9).Cause()},
		{"garbage", ganger.CauseProtocol},
	} {
		t.Run(c.how, func(t *testing.T) {
			b := inProcess(t)
			w, table := b.launch(worker.Config{Restart: atOnce}, opening{})
			_, err := worker.Call(b.ctx(), w, fail{How: c.how})
			b.ended(err, ganger.Crashed, c.cause)
			if got := b.sum(w, 1); got != 1 || len(table.Dead()) != 1 {
				b.Errorf("the sum is %d with %d dead", got, len(table.Dead()))
			}
		})
	}
}

// TestStrayPrint: the standard output of a process is not its protocol.
func TestStrayPrint(t *testing.T) {
	b := inProcess(t)
	w, _ := b.launch(worker.Config{}, opening{})
	if got, err := worker.Call(b.ctx(), w, fail{How: "print", Text: "fine"}); got != "fine" || err != nil {
		b.Errorf("%q, %v", got, err)
	}
}

// TestFailedStarts: the name is free at once, and the error says how it went.
func TestFailedStarts(t *testing.T) {
	for _, c := range []struct {
		name, sort, how string
		words           string
	}{
		{"no program", "", "", "no such file"},
		{"no hello", "mute", "", "this one serves nothing"},
		{"an error", "till", "error", "at launch"},
		{"a death", "till", "exit", "exit 3"},
		{"a kill", "till", "killed", "SIGKILL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := inProcess(t)
			p := processes(c.sort)
			if c.sort == "" {
				p.Path = "/nowhere/at/all"
			}
			table := worker.NewQueue(tills(), worker.Config{Behind: behind.Wall(p)})
			closed(t, table)
			_, err := table.Launch(b.ctx(), "a", opening{How: c.how})
			e := b.ended(err, ganger.Rejected, ganger.CauseStart)
			if !strings.Contains(e.Error(), c.words) {
				b.Errorf("%v; want %q in it", e, c.words)
			}
			if _, started := errors.AsType[*wall.StartError](err); started == (c.how == "error") {
				b.Errorf("%v wraps a StartError: %v", err, started)
			}
			if _, found := table.Find("a"); found {
				b.Error("the name is taken")
			}
			dead := table.Dead()
			if len(dead) != 1 || dead[0].Exit.Reason != ganger.LeavingStartFailed {
				b.Errorf("obituaries %+v", dead)
			}
		})
	}
}

// TestStopEndsTheProcess: politely, and with all that is known of its end.
func TestStopEndsTheProcess(t *testing.T) {
	b := inProcess(t)
	w, table := b.launch(worker.Config{}, opening{})
	pid := w.Describe().PID
	if err := w.Stop(b.ctx()); err != nil {
		b.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
		b.Errorf("process %d: %v, want it gone", pid, err)
	}
	dead := table.Dead()
	if len(dead) != 1 || dead[0].Exit.Reason != ganger.LeavingStopped || dead[0].Exit.Signal != "" || dead[0].Exit.CPU == 0 {
		b.Errorf("obituaries %+v, want one that left when it was asked to", dead)
	}
}

// TestSource: what pulls runs where the state is, too.
func TestSource(t *testing.T) {
	onWalls(t, func(b bed) {
		for _, wants := range []string{"end", "done"} {
			b.Run(wants, func(t *testing.T) {
				b := bed{t, b.process}
				log := newGate(t)
				table := worker.NewSource(tills(), pull, b.config(worker.Config{Restart: lifeTransient}, "source"))
				closed(t, table)
				w, err := table.Launch(b.ctx(), "a", opening{Wants: wants, Log: log.path})
				if err != nil {
					b.Fatal(err)
				}
				want := []string{"close ended on a#1: its source has ended"}
				if wants == "done" {
					want = []string{
						"done behind_test.add true", "done behind_test.add true", "done behind_test.add true",
						"error behind_test.fail failed true false", "close stop",
					}
				}
				for _, want := range want {
					if got := log.heard(t); !strings.Contains(got, want) && wants == "done" {
						b.Errorf("it told %q, want %q", got, want)
					}
				}
				b.await(w.Done(), "the end")
				if d := w.Describe(); d.Done != 3 {
					b.Errorf("it performed %d, want 3", d.Done)
				}
			})
		}
	})
}

// TestSelfWhenNothingRuns: a Self in a process says so, and the worker goes on.
func TestSelfWhenNothingRuns(t *testing.T) {
	onWalls(t, func(b bed) {
		log := newGate(b.T)
		w, _ := b.launch(worker.Config{}, opening{Log: log.path})
		if _, err := worker.Call(b.ctx(), w, self{Do: "late"}); err != nil {
			b.Fatal(err)
		}
		later, _ := log.next(b.T)
		incarnated(b, w, 1)
		_ = later.Close()
		got := log.heard(b.T)
		if b.process != strings.Contains(got, "can only be used while") || !b.process && got != "late <nil>" {
			b.Errorf("Push from outside said %q", got)
		}
		b.sum(w, 1)
		go func() { _ = log.heard(b.T) }() // Close
	})
}

// TestIdle: OnIdle is called in the process too.
func TestIdle(t *testing.T) {
	onWalls(t, func(b bed) {
		log := newGate(b.T)
		w, _ := b.launch(worker.Config{Idle: time.Millisecond}, opening{Log: log.path})
		for range 2 {
			if got := log.heard(b.T); got != "idle" {
				b.Errorf("it told %q", got)
			}
		}
		stopped := make(chan error, 1)
		go func() { stopped <- w.Stop(b.ctx()) }()
		for log.heard(b.T) == "idle" {
		}
		if err := <-stopped; err != nil {
			b.Error(err)
		}
	})
}

// TestW20ExactlyOneOutcome: callers at once, while lives die and callers give up.
func TestW20ExactlyOneOutcome(t *testing.T) {
	onWalls(t, func(b bed) {
		w, table := b.launch(worker.Config{Restart: atOnce, Obituaries: 1000}, opening{})
		const callers, each = 4, 30
		var mu sync.Mutex
		ends := map[ganger.Outcome]int{}
		var calling sync.WaitGroup
		for n := range callers {
			calling.Go(func() {
				for i := range each {
					ctx, cancel := context.WithTimeout(b.ctx(), patience)
					var err error
					switch (n + i) % 6 {
					case 0:
						_, err = worker.Call(ctx, w, fail{How: "panic", Text: "ouch"})
					case 1:
						cancel()
						_, err = worker.Call(ctx, w, add{N: 1})
					case 2:
						short, stop := context.WithTimeout(ctx, time.Millisecond)
						_, err = worker.Call(short, w, add{N: 1})
						stop()
					case 3:
						if d := w.Describe(); b.process && d.PID != 0 && i%12 == 3 {
							_ = syscall.Kill(d.PID, syscall.SIGKILL)
						}
						fallthrough
					default:
						_, err = worker.Call(ctx, w, add{N: 1})
					}
					cancel()
					mu.Lock()
					ends[ganger.OutcomeOf(err)]++
					mu.Unlock()
					if o := ganger.OutcomeOf(err); o != ganger.Done && o != ganger.Crashed && o != ganger.Cancelled {
						b.Errorf("an end that nobody caused: %v", err)
					}
				}
			})
		}
		calling.Wait()
		b.sum(w, 1) // every life before this has its obituary
		all := 0
		for _, n := range ends {
			all += n
		}
		if all != callers*each || ends[ganger.Crashed] < callers*each/6 || len(table.Dead()) < callers*each/6 {
			b.Errorf("ends %v with %d obituaries, want %d in all and a crash for each panic", ends, len(table.Dead()), callers*each)
		}
	})
}
