package worker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/worker"
)

// TestW34RefFollowsTheName: a ref reaches every life of the worker that it was
// given for, and never the next worker of that name.
func TestW34RefFollowsTheName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlayer(t)
		defer p.finish()
		p.do("table min=1s")
		p.do("launch a")
		old := p.refs["a"]
		by := func(w worker.Queue[Stage]) string {
			s, err := worker.Call(t.Context(), w, Act{Op: "ok"})
			if err != nil {
				return err.Error()
			}
			return s
		}
		for n := 1; n <= 3; n++ {
			if got, want := by(old), fmt.Sprintf("a#%d", n); got != want {
				t.Errorf("a call through the first ref was performed by %s, want %s", got, want)
			}
			found, ok := p.table.Find("a")
			if d := found.Describe(); !ok || found != old || d.Incarnation != uint64(n) || d.Restarts != uint64(n-1) {
				t.Errorf("found %v, the same: %v, in life %d with %d restarts; want life %d", ok, found == old, d.Incarnation, d.Restarts, n)
			}
			if n < 3 {
				p.do("crash a")
				if n == 2 { // between two lives
					state, life := old.Status()
					if _, ok := p.table.Find("a"); !ok || state != ganger.Dead || life != 2 {
						t.Errorf("between two lives: %v in life %d, in the table: %v; want dead in life 2, there", state, life, ok)
					}
				}
			}
		}
		p.do("trigger a")
		p.do("launch a")
		another := p.refs["a"]
		if got := by(another); got != "a#1" {
			t.Errorf("the next worker of the name is %s, want a#1", got)
		}
		if got := by(old); another == old || !strings.HasPrefix(got, "rejected (closed) on a") {
			t.Errorf("through the ref of the worker that is gone: %s; want rejected (closed)", got)
		}
		if state, n := old.Status(); state != ganger.Dead || n != 3 {
			t.Errorf("the worker that is gone is %v in life %d, want dead in life 3", state, n)
		}
		old.Trigger(errors.New("too late"))
		if got := by(another); got != "a#1" {
			t.Errorf("after a stop through the old ref: %s, want a#1", got)
		}
	})
}

// TestW35PendingOnRestart: what waits when a life crashes is kept, fails or is
// dropped, as the table says, in every kind of mailbox; who waits for room has it
// then; and what was in hand is never performed again.
func TestW35PendingOnRestart(t *testing.T) {
	for _, c := range []struct {
		pending worker.Pending
		kept    bool
		want    string // the end of what waited and is not kept
	}{
		{worker.KeepPending, true, ""},
		{worker.FailPending, false, "rejected (closed) on a: crashed (panic) on a#1: enough"},
		{worker.DropPending, false, "cancelled (holder) on a: crashed (panic) on a#1: enough"},
	} {
		for _, box := range []string{"queue", "bounded", "latest", "to itself"} {
			t.Run(fmt.Sprintf("%v/%s", c.want, box), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { pendingOnRestart(t, c.pending, c.kept, c.want, box) })
			})
		}
	}
}

func pendingOnRestart(t *testing.T, pending worker.Pending, kept bool, want, box string) {
	ctx := t.Context()
	var self worker.Self[Stage]
	var mu sync.Mutex // guards performed
	var performed []string
	d := &worker.Def[Stage, string, int, int]{
		Launch: func(_ context.Context, s worker.Self[Stage], _ string, _ int) (int, error) {
			self = s
			return 0, nil
		},
	}
	worker.Handle(d, func(ctx context.Context, _ int, q Act) (string, error) {
		mu.Lock()
		performed = append(performed, q.Op)
		mu.Unlock()
		if q.Op == "in hand" {
			<-ctx.Done()
		}
		return q.Op, nil
	})
	config := worker.Config{Restart: life.Policy{Min: -1}, Pending: pending}
	ends := map[string]string{}
	var all sync.WaitGroup
	keep := func(op string, post func() error) { // and wait until it stands where it belongs
		all.Go(func() {
			err := post()
			mu.Lock()
			defer mu.Unlock()
			if ends[op] = "done"; err != nil {
				ends[op] = err.Error()
			}
		})
		synctest.Wait()
	}
	call := func(to worker.Fifo[Stage], op string) {
		keep(op, func() error { _, err := worker.Call(ctx, to, Act{Op: op}); return err })
	}
	wants := map[string]string{"in hand": "crashed (panic) on a#1: enough", "one": want, "two": want}
	if kept {
		wants["one"], wants["two"] = "done", "done"
	}
	runs := []string{"in hand"}
	if kept {
		runs = append(runs, "one", "two")
	}
	var stop func(context.Context) error
	switch box {
	case "queue":
		table := worker.NewQueue(d, config)
		w, _ := table.Launch(ctx, "a", 0)
		call(w, "in hand")
		call(w, "one")
		call(w, "two")
		stop = table.Close
	case "bounded":
		table := worker.NewBounded(d, 2, config)
		w, _ := table.Launch(ctx, "a", 0)
		call(w, "in hand")
		call(w, "one")
		call(w, "two")
		call(w, "three") // waits for room, and has it in the next life
		keep("four", func() error { return w.Push(ctx, Act{Op: "four"}) })
		call(w, "five")
		for _, op := range []string{"three", "four", "five"} {
			wants[op] = "done"
			runs = append(runs, op)
		}
		stop = table.Close
	case "latest":
		table := worker.NewLatest(d, nil, config)
		w, _ := table.Launch(ctx, "a", 0)
		for _, op := range []string{"in hand", "one"} {
			keep(op, func() error { _, err := worker.CallLatest(ctx, w, Act{Op: op}); return err })
		}
		delete(wants, "two")
		runs = slices.DeleteFunc(runs, func(op string) bool { return op == "two" })
		stop = table.Close
	case "to itself":
		table := worker.NewQueue(d, config)
		w, _ := table.Launch(ctx, "a", 0)
		call(w, "in hand")
		for _, op := range []string{"one", "two"} {
			if err := self.Push(Act{Op: op}); err != nil {
				t.Error(err)
			}
			delete(wants, op) // nobody waits
		}
		stop = table.Close
	}
	defer func() {
		if err := stop(ctx); err != nil {
			t.Error(err)
		}
	}()
	self.Crash(errors.New("enough"))
	synctest.Wait()
	all.Wait()
	mu.Lock()
	defer mu.Unlock()
	for op, want := range wants {
		if ends[op] != want {
			t.Errorf("%q ended %s\nwant %s", op, ends[op], want)
		}
	}
	if !slices.Equal(performed, runs) {
		t.Errorf("performed %q, want %q", performed, runs)
	}
}
