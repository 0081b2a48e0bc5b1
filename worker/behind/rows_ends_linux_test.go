package behind_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/worker"
)

func TestW21ShutdownInFlight(t *testing.T) {
	onWalls(t, func(b bed) {
		for _, deaf := range []bool{false, true} {
			b.Run(fmt.Sprint("deaf=", deaf), func(t *testing.T) {
				b := bed{t, b.process}
				g, log := newGate(t), newGate(t)
				c := worker.Config{Grace: patience}
				if deaf {
					c.Grace = 20 * time.Millisecond
				}
				w, table := b.launch(c, opening{Log: log.path})
				ctx := b.ctx()
				ends := make(chan error, 1)
				go func() {
					_, err := worker.Call(ctx, w, hold{Gate: g.path, Deaf: deaf})
					ends <- err
				}()
				held, _ := g.next(t)
				stopped := make(chan error, 1)
				go func() { stopped <- w.Stop(ctx) }()
				e := b.ended(<-ends, ganger.Cancelled, ganger.CauseShutdown)
				closes := !deaf || !b.process // a process that was killed cannot
				if closes {
					if got := log.heard(t); got != "close <nil>" {
						b.Errorf("Close was told %q", got)
					}
				}
				if err := <-stopped; err != nil {
					b.Errorf("Stop: %v", err)
				}
				_ = held.Close()
				if b.process && deaf && (len(table.Dead()) != 1 || table.Dead()[0].Exit.Signal != "SIGKILL") {
					b.Errorf("%v; obituary %+v, want one that was killed", e, table.Dead())
				}
			})
		}
	})
}

func TestW24StopOfItself(t *testing.T) {
	onWalls(t, func(b bed) {
		w, _ := b.launch(worker.Config{}, opening{})
		do := func(what string) string {
			b.Helper()
			got, err := worker.Call(b.ctx(), w, self{Do: what})
			if err != nil {
				b.Fatalf("%s: %v", what, err)
			}
			return got
		}
		if got := do("stop"); got != worker.ErrSelf.Error() {
			b.Errorf("Stop of itself: %q, want %v", got, worker.ErrSelf)
		}
		if got := do("push"); got != "nil" || b.sum(w, 0) != 100 {
			b.Errorf("Push to itself: %q, the sum is %d", got, b.sum(w, 0))
		}
		if got := do("status"); got != "a busy 1 till nil" {
			b.Errorf("it sees itself as %q", got)
		}
		_, err := worker.Call(b.ctx(), w, self{Do: "trigger"})
		if err != nil && ganger.CauseOf(err) != ganger.CauseShutdown {
			b.Errorf("Trigger of itself: %v", err)
		}
		b.await(w.Done(), "the end")
		if err := w.Err(); err == nil || err.Error() != "enough" {
			b.Errorf("it ended for %v", err)
		}
	})
}

// TestCrashOfItself: Self.Crash ends one life.
func TestCrashOfItself(t *testing.T) {
	onWalls(t, func(b bed) {
		w, table := b.launch(worker.Config{Restart: atOnce}, opening{})
		_, err := worker.Call(b.ctx(), w, self{Do: "crash"})
		e := b.ended(err, ganger.Crashed, ganger.CausePanic)
		if !strings.Contains(e.Error(), "I give up") {
			b.Errorf("%v", e)
		}
		if got := b.sum(w, 1); got != 1 || len(table.Dead()) != 1 {
			b.Errorf("the sum is %d with %d dead", got, len(table.Dead()))
		}
	})
}

func TestW26LimitOfAHandler(t *testing.T) {
	onWalls(t, func(b bed) {
		for _, deaf := range []bool{false, true} {
			b.Run(fmt.Sprint("deaf=", deaf), func(t *testing.T) {
				b := bed{t, b.process}
				g := newGate(t)
				c := worker.Config{Limit: 30 * time.Millisecond, Grace: patience, Restart: atOnce}
				if deaf {
					c.Grace = 20 * time.Millisecond
				}
				w, table := b.launch(c, opening{})
				_, err := worker.Call(b.ctx(), w, hold{Gate: g.path, Deaf: deaf})
				e := b.ended(err, ganger.TimedOut, ganger.CauseExec)
				held, _ := g.next(t)
				_ = held.Close()
				b.sum(w, 1)
				_, n := w.Status()
				dead := table.Dead()
				switch {
				case !deaf && (n != 1 || len(dead) != 0):
					b.Errorf("%v: incarnation %d, %d dead; want the life that obeyed", e, n, len(dead))
				case deaf && (n != 2 || len(dead) != 1):
					b.Errorf("%v: incarnation %d, %d dead; want a new life", e, n, len(dead))
				case deaf && b.process && (dead[0].Exit.Reason != ganger.LeavingExecTimeout || dead[0].Exit.Signal != "SIGKILL"):
					b.Errorf("obituary %+v, want exec-timeout by a kill", dead[0])
				case deaf && !b.process && dead[0].Exit.Reason != ganger.LeavingAbandoned:
					b.Errorf("obituary %+v, want abandoned", dead[0])
				}
			})
		}
	})
}

// TestW27CallerGivesUp: what waits is withdrawn, what runs is told, and nothing
// is killed for it, whatever it does.
func TestW27CallerGivesUp(t *testing.T) {
	onWalls(t, func(b bed) {
		for _, deaf := range []bool{false, true} {
			b.Run(fmt.Sprint("deaf=", deaf), func(t *testing.T) {
				b := bed{t, b.process}
				g := newGate(t)
				w, table := b.launch(worker.Config{Grace: time.Millisecond}, opening{})
				running, giveUp := context.WithCancel(b.ctx())
				ends := make(chan error, 2)
				go func() {
					_, err := worker.Call(running, w, hold{Gate: g.path, Deaf: deaf})
					ends <- err
				}()
				held, _ := g.next(t)
				queued, forget := context.WithCancel(b.ctx())
				go func() {
					_, err := worker.Call(queued, w, add{N: 1000})
					ends <- err
				}()
				waiting(b, w, 1)
				forget()
				b.ended(<-ends, ganger.Cancelled, ganger.CauseWithdrawn)
				giveUp()
				b.ended(<-ends, ganger.Cancelled, ganger.CauseWithdrawn)
				if deaf {
					_ = held.Close() // long after any grace, as far as the worker knows
				}
				if got := b.sum(w, 1); got != 1 || len(table.Dead()) != 0 {
					b.Errorf("the sum is %d with %d dead, want 1 on the same life", got, len(table.Dead()))
				}
			})
		}
	})
}

func TestW35PendingOnRestart(t *testing.T) {
	onWalls(t, func(b bed) {
		for _, c := range []struct {
			name    string
			pending worker.Pending
			outcome ganger.Outcome
			cause   ganger.Cause
		}{
			{"keep", worker.KeepPending, ganger.Done, ""},
			{"fail", worker.FailPending, ganger.Rejected, ganger.CauseClosed},
			{"drop", worker.DropPending, ganger.Cancelled, ganger.CauseHolder},
		} {
			b.Run(c.name, func(t *testing.T) {
				b := bed{t, b.process}
				g := newGate(t)
				w, _ := b.launch(worker.Config{Restart: atOnce, Pending: c.pending}, opening{})
				ctx := b.ctx()
				if err := w.Push(hold{Gate: g.path}); err != nil {
					b.Fatal(err)
				}
				held, _ := g.next(t)
				if err := w.Push(fail{How: "panic", Text: "ouch"}); err != nil {
					b.Fatal(err)
				}
				ends := make(chan error, 1)
				go func() {
					_, err := worker.Call(ctx, w, add{N: 1})
					ends <- err
				}()
				waiting(b, w, 2)
				_ = held.Close()
				if err := <-ends; ganger.OutcomeOf(err) != c.outcome || ganger.CauseOf(err) != c.cause {
					b.Errorf("what waited ended %v, want %v (%s)", err, c.outcome, c.cause)
				}
				if got := b.sum(w, 0); got != map[string]int{"keep": 1}[c.name] {
					b.Errorf("the sum is %d", got)
				}
			})
		}
	})
}
