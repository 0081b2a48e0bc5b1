package behind_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/worker"
)

func TestW01FIFOForEachProducer(t *testing.T) {
	onWalls(t, func(b bed) {
		w, _ := b.launch(worker.Config{}, opening{})
		const producers, each = 4, 50
		var pushing sync.WaitGroup
		for p := range producers {
			pushing.Go(func() {
				for n := range each {
					if err := w.Push(add{N: n, By: fmt.Sprint(p)}); err != nil {
						b.Error(err)
					}
				}
			})
		}
		pushing.Wait()
		got, err := worker.Call(b.ctx(), w, read{})
		if err != nil || len(got) != producers*each {
			b.Fatalf("%d were performed, %v; want %d", len(got), err, producers*each)
		}
		next := map[string]int{}
		for _, g := range got {
			by, n, _ := strings.Cut(g, " ")
			if n != fmt.Sprint(next[by]) {
				b.Fatalf("of producer %s came %s, want %d", by, n, next[by])
			}
			next[by]++
		}
	})
}

func TestW02OneAtATime(t *testing.T) {
	onWalls(t, func(b bed) {
		w, _ := b.launch(worker.Config{}, opening{})
		ctx := b.ctx()
		var calling sync.WaitGroup
		for range 8 {
			calling.Go(func() {
				for range 20 {
					if _, err := worker.Call(ctx, w, add{N: 1}); err != nil {
						b.Error(err)
					}
				}
			})
		}
		calling.Wait()
		if got := b.sum(w, 0); got != 160 {
			b.Errorf("the sum is %d, want 160", got)
		}
	})
}

// TestW10ErrorOfAHandler: the text crosses a wall, the type does not.
func TestW10ErrorOfAHandler(t *testing.T) {
	onWalls(t, func(b bed) {
		g := newGate(b.T)
		w, _ := b.launch(worker.Config{}, opening{Log: g.path})
		heard := make(chan string, 1)
		go func() { heard <- g.heard(b.T) }()
		_, err := worker.Call(b.ctx(), w, fail{How: "error", Text: "mine alone"})
		if err == nil || err.Error() != "mine alone" || ganger.OutcomeOf(err) != ganger.Failed {
			b.Errorf("the error is %v", err)
		}
		if _, typed := errors.AsType[*mine](err); typed == b.process {
			b.Errorf("the error is a %T", err)
		}
		if got := <-heard; got != "error behind_test.fail failed true false" {
			b.Errorf("OnError was told %q; it knows the type on both walls", got)
		}
		if n := b.sum(w, 3); n != 3 {
			b.Errorf("the sum is %d after it, want 3", n)
		}
		go func() { _ = g.heard(b.T) }() // Close
	})
}

func TestW16Verdicts(t *testing.T) {
	onWalls(t, func(b bed) {
		for _, c := range []struct {
			text        string
			final       bool
			incarnation uint64
			sum         int
		}{
			{"go on", false, 1, 7},
			{"stop", true, 1, 0},
			{"crash", false, 2, 5},
		} {
			b.Run(c.text, func(t *testing.T) {
				b := bed{t, b.process}
				w, table := b.launch(worker.Config{Restart: atOnce}, opening{Start: 5})
				b.sum(w, 1)
				_, err := worker.Call(b.ctx(), w, fail{How: "error", Text: c.text})
				if err == nil || err.Error() != c.text {
					b.Errorf("the caller got %v", err)
				}
				if c.final {
					b.await(w.Done(), "the end")
					_, err = worker.Call(b.ctx(), w, add{})
					b.ended(err, ganger.Rejected, ganger.CauseClosed)
					return
				}
				if got := b.sum(w, 1); got != c.sum && c.text == "go on" || got != 6 && c.text == "crash" {
					b.Errorf("the sum is %d", got)
				}
				if _, n := w.Status(); n != c.incarnation {
					b.Errorf("incarnation %d, want %d", n, c.incarnation)
				}
				if dead := table.Dead(); c.incarnation == 2 && (len(dead) != 1 || dead[0].Exit.Reason != ganger.LeavingPanic) {
					b.Errorf("obituaries %+v, want one of a panic", dead)
				}
			})
		}
	})
}

// TestW17VerdictFirst: the verdict is in force when the caller wakes.
func TestW17VerdictFirst(t *testing.T) {
	onWalls(t, func(b bed) {
		for range 20 {
			w, _ := b.launch(worker.Config{}, opening{})
			_, err := worker.Call(b.ctx(), w, fail{How: "error", Text: "stop"})
			if s, _ := w.Status(); err == nil || s != ganger.Stopping && s != ganger.Dead {
				b.Fatalf("%v; the caller sees it %v", err, s)
			}
			if err := w.Push(add{}); ganger.CauseOf(err) != ganger.CauseClosed {
				b.Fatalf("a push after it: %v", err)
			}
		}
	})
}

// TestW18PanicAnywhere: it ends one life, with the stack, and its waiters hear.
func TestW18PanicAnywhere(t *testing.T) {
	onWalls(t, func(b bed) {
		crashed := func(b bed, err error, words string) {
			b.Helper()
			e := b.ended(err, ganger.Crashed, ganger.CausePanic)
			if e.Exit == nil || !strings.Contains(e.Exit.Stack, "behind_test") || !strings.Contains(e.Error(), words) || e.Worker != "a#1" {
				b.Errorf("%v, exit %+v; want words, worker and stack", e, e.Exit)
			}
		}
		sub := func(name string, f func(b bed)) {
			b.Run(name, func(t *testing.T) { f(bed{t, b.process}) })
		}
		sub("Launch", func(b bed) {
			_, err := b.table(worker.Config{}).Launch(b.ctx(), "a", opening{How: "panic"})
			e := b.ended(err, ganger.Rejected, ganger.CauseStart)
			if e.Exit == nil || e.Exit.Reason != ganger.LeavingStartFailed || !strings.Contains(e.Exit.Stack, "behind_test") {
				b.Errorf("%v, exit %+v", e, e.Exit)
			}
		})
		sub("handler", func(b bed) {
			g := newGate(b.T)
			w, table := b.launch(worker.Config{Restart: atOnce}, opening{Log: g.path})
			closing := make(chan string, 2)
			go func() { closing <- g.heard(b.T); closing <- g.heard(b.T) }()
			_, err := worker.Call(b.ctx(), w, fail{How: "panic", Text: "ouch"})
			crashed(b, err, "panic: ouch")
			if got := <-closing; !strings.HasPrefix(got, "close crashed (panic) on a#1: panic: ouch") {
				b.Errorf("Close of the life was told %q", got)
			}
			if got := b.sum(w, 1); got != 1 {
				b.Errorf("the sum of the next life is %d", got)
			}
			if err := w.Stop(b.ctx()); err != nil {
				b.Error(err)
			}
			if got := <-closing; got != "close <nil>" {
				b.Errorf("Close of the next life was told %q", got)
			}
			if d := table.Dead(); len(d) != 2 || d[0].Exit.Reason != ganger.LeavingPanic || d[0].Last == nil || d[1].Exit.Reason != ganger.LeavingStopped {
				b.Errorf("obituaries: %+v", d)
			}
		})
		sub("OnError", func(b bed) {
			w, _ := b.launch(worker.Config{Restart: atOnce}, opening{})
			_, err := worker.Call(b.ctx(), w, fail{How: "error", Text: "panic in OnError"})
			crashed(b, err, "OnError fell")
			b.sum(w, 1)
		})
		sub("OnDone", func(b bed) {
			w, table := b.launch(worker.Config{Restart: atOnce}, opening{})
			if _, err := worker.Call(b.ctx(), w, add{By: "panic in OnDone"}); err != nil {
				b.Errorf("its caller heard before: %v", err)
			}
			if got := b.sum(w, 1); got != 1 || len(table.Dead()) != 1 {
				b.Errorf("the sum is %d with %d dead", got, len(table.Dead()))
			}
		})
		sub("OnIdle", func(b bed) {
			w, _ := b.launch(worker.Config{Restart: lifeTemporary, Idle: time.Millisecond}, opening{Wants: "panic in OnIdle"})
			b.await(w.Done(), "the end")
			crashed(b, w.Err(), "OnIdle fell")
		})
		sub("Close", func(b bed) {
			w, table := b.launch(worker.Config{}, opening{Wants: "panic in Close"})
			if err := w.Stop(b.ctx()); err != nil || w.Err() == nil || !strings.Contains(w.Err().Error(), "Close fell") {
				b.Errorf("%v, %v", err, w.Err())
			}
			if _, err := table.Launch(b.ctx(), "a", opening{}); err != nil {
				b.Errorf("the name is not free: %v", err)
			}
		})
	})
}

// TestW19CrashTellsEverybody: whoever waits hears why.
func TestW19CrashTellsEverybody(t *testing.T) {
	onWalls(t, func(b bed) {
		g := newGate(b.T)
		w, _ := b.launch(worker.Config{Restart: lifeTemporary}, opening{})
		ctx := b.ctx()
		first := make(chan error, 1)
		go func() {
			_, err := worker.Call(ctx, w, hold{Gate: g.path})
			first <- err
		}()
		held, _ := g.next(b.T)
		ends := make(chan error, 4)
		if err := w.Push(fail{How: "panic", Text: "ouch"}); err != nil {
			b.Fatal(err)
		}
		for n := range 3 {
			go func() {
				_, err := worker.Call(ctx, w, add{})
				ends <- err
			}()
			waiting(b, w, n+2)
		}
		_ = held.Close()
		if err := <-first; err != nil {
			b.Errorf("the first: %v", err)
		}
		for range 3 {
			e := b.ended(<-ends, ganger.Rejected, ganger.CauseClosed)
			if inner, ok := errors.AsType[*ganger.Error](e.Err); !ok || inner.Cause != ganger.CausePanic {
				b.Errorf("%v does not say why", e)
			}
		}
		b.await(w.Done(), "the end")
		_, err := worker.Call(ctx, w, add{})
		b.ended(err, ganger.Rejected, ganger.CauseClosed)
	})
}

// waiting polls until so many requests wait.
func waiting(b bed, w worker.Queue[till], n int) {
	b.Helper()
	until := time.Now().Add(patience)
	for w.Describe().PendingLen != n {
		if time.Now().After(until) {
			b.Fatalf("%d wait, want %d", w.Describe().PendingLen, n)
		}
		time.Sleep(time.Millisecond)
	}
}
