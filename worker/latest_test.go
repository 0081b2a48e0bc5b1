package worker_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/rescue"
	"github.com/ganger-dev/ganger/worker"
)

type (
	mergeFunc = func(pending, incoming worker.Post[Script]) worker.Post[Script]
	box       = worker.Latest[Script]
)

// sum merges two notes into one.
func sum(pending, incoming worker.Post[Script]) worker.Post[Script] {
	return Note{N: pending.(Note).N + incoming.(Note).N}
}

// boxed launches a worker with a box and keeps it busy until released. What it
// performs afterwards can be had once it has stopped.
func boxed(t *testing.T, merge mergeFunc, c worker.Config) (w box, notes *[]int, release func()) {
	t.Helper()
	notes = new([]int)
	d := script()
	d.OnDone = func(_ context.Context, s *diary, _ worker.Post[Script], _, _, _ stamp) {
		*notes = slices.Clone(s.notes)
	}
	table := worker.NewLatest(d, merge, c)
	closing(t, table)
	w = launch(t, table, "a")
	q, release := parked()
	t.Cleanup(release)
	must(t, "put", w.Put(q))
	synctest.Wait()
	return w, notes, release
}

// askLatest calls a box in the background.
func askLatest(ctx context.Context, to box, n int) *asked {
	a := &asked{ends: make(chan error, 1)}
	go func() { // ends with the call, which the test waits for
		n, err := worker.CallLatest(ctx, to, Note{N: n})
		a.n = n
		a.ends <- err
	}()
	synctest.Wait()
	return a
}

// TestW07PutsDuringOneRequestAreOne: however many are put while the worker is
// busy, they cost one request more.
func TestW07PutsDuringOneRequestAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, notes, release := boxed(t, sum, worker.Config{})
		for i := range 10 {
			must(t, "put", w.Put(Note{N: 1 + i}))
			if got := w.Describe().PendingLen; got != 1 {
				t.Errorf("%d pending, want 1", got)
			}
		}
		release()
		synctest.Wait()
		if want := []int{55}; !slices.Equal(*notes, want) {
			t.Errorf("performed %v, want %v", *notes, want)
		}
		if d := w.Describe(); d.Done != 2 || d.Failed != 9 {
			t.Errorf("%d done and %d superseded, want 2 and 9", d.Done, d.Failed)
		}
	})
}

// TestW07MergesAreSerialised: what many put at once while the worker is busy is
// one request more, and nothing of it is lost.
func TestW07MergesAreSerialised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		yielding := func(pending, incoming worker.Post[Script]) worker.Post[Script] {
			time.Sleep(time.Nanosecond) // lets the others put
			return sum(pending, incoming)
		}
		w, notes, release := boxed(t, yielding, worker.Config{})
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 100 {
					must(t, "put", w.Put(Note{N: 1}))
				}
			})
		}
		all.Wait()
		release()
		synctest.Wait()
		if want := []int{800}; !slices.Equal(*notes, want) {
			t.Errorf("performed %v, want %v", *notes, want)
		}
	})
}

// TestW08MergeDecides: what a merge may return, and what becomes of the caller
// whose request it was.
func TestW08MergeDecides(t *testing.T) {
	keep := func(pending, _ worker.Post[Script]) worker.Post[Script] { return pending }
	newest := func(_, incoming worker.Post[Script]) worker.Post[Script] { return incoming }
	neither := func(_, _ worker.Post[Script]) worker.Post[Script] { return nil }
	stray := func(_, _ worker.Post[Script]) worker.Post[Script] { return Stray{} }
	ouch := errors.New("ouch")
	for _, c := range []struct {
		name       string
		merge      mergeFunc
		superseded bool
		performed  []int
		put        ganger.Cause
		panics     bool
	}{
		{name: "no merge", superseded: true, performed: []int{2}},
		{name: "the newest", merge: newest, superseded: true, performed: []int{2}},
		{name: "a third", merge: sum, superseded: true, performed: []int{3}},
		{name: "the oldest", merge: keep, performed: []int{1}},
		{name: "neither", merge: neither, superseded: true},
		{name: "one without a handler", merge: stray, performed: []int{1}, put: ganger.CauseUnhandled},
		{name: "a panic", merge: func(_, _ worker.Post[Script]) worker.Post[Script] { panic(ouch) }, performed: []int{1}, panics: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, notes, release := boxed(t, c.merge, worker.Config{})
				call := askLatest(t.Context(), w, 1)
				var put error
				panicked := rescue.Call(func() { put = w.Put(Note{N: 2}) }, func(v any, _ rescue.Stack) {
					if v != ouch {
						t.Errorf("the putter got the panic %v, want %v", v, ouch)
					}
				})
				if panicked != c.panics || ganger.CauseOf(put) != c.put {
					t.Errorf("put: %v, panic %t; want %q, %t", put, panicked, c.put, c.panics)
				}
				if c.superseded { // at once, while the worker is busy
					wantEnd(t, "the caller", call.end(), ganger.Cancelled, ganger.CauseSuperseded)
				}
				release()
				if !c.superseded {
					must(t, "the caller", call.end())
				}
				synctest.Wait()
				if !slices.Equal(*notes, c.performed) {
					t.Errorf("performed %v, want %v", *notes, c.performed)
				}
			})
		})
	}
}

// TestW08CallNeverMerges: a call replaces what is there, call or put.
func TestW08CallNeverMerges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		merged := func(_, _ worker.Post[Script]) worker.Post[Script] { panic("merged for a call") }
		w, notes, release := boxed(t, merged, worker.Config{})
		must(t, "put", w.Put(Note{N: 1}))
		second := askLatest(t.Context(), w, 2)
		third := askLatest(t.Context(), w, 3)
		wantEnd(t, "the second", second.end(), ganger.Cancelled, ganger.CauseSuperseded)
		release()
		must(t, "the third", third.end())
		synctest.Wait()
		if want := []int{3}; third.n != 1 || !slices.Equal(*notes, want) {
			t.Errorf("performed %v with response %d, want %v and 1", *notes, third.n, want)
		}
	})
}

// TestW08EndsDuringAMerge: what is being merged when its worker ends, or its
// caller gives up, has one end, and the putter is told that it came too late.
func TestW08EndsDuringAMerge(t *testing.T) {
	ouch := errors.New("ouch")
	for _, c := range []struct {
		name    string
		during  func(w box, crash func(), giveUp func())
		outcome ganger.Outcome
		cause   ganger.Cause
		put     ganger.Cause
		keep    bool
	}{
		{"stop", func(w box, _, _ func()) { w.Trigger(ouch) }, ganger.Cancelled, ganger.CauseShutdown, ganger.CauseClosed, false},
		{"stop, and the oldest is kept", func(w box, _, _ func()) { w.Trigger(ouch) }, ganger.Cancelled, ganger.CauseShutdown, ganger.CauseClosed, true},
		{"crash", func(_ box, crash, _ func()) { crash() }, ganger.Rejected, ganger.CauseClosed, ganger.CauseClosed, false},
		{"withdrawn", func(_ box, _, giveUp func()) { giveUp() }, ganger.Cancelled, ganger.CauseWithdrawn, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, giveUp := context.WithCancelCause(t.Context())
				defer giveUp(nil)
				var w box
				gate := make(chan struct{})
				crash := func() { close(gate) }
				merge := func(pending, incoming worker.Post[Script]) worker.Post[Script] {
					c.during(w, crash, func() { giveUp(ouch) })
					synctest.Wait()
					if c.keep {
						return pending
					}
					return incoming
				}
				table := worker.NewLatest(script(), merge, worker.Config{Restart: once})
				closing(t, table)
				w = launch(t, table, "a")
				must(t, "put", w.Put(Do{F: func(ctx context.Context, _ *diary) (int, error) {
					select {
					case <-gate:
						panic(ouch)
					case <-ctx.Done():
						return 0, nil
					}
				}}))
				synctest.Wait()
				call := askLatest(ctx, w, 1)
				put := w.Put(Note{N: 2})
				if ganger.CauseOf(put) != c.put {
					t.Errorf("put: %v, want %q", put, c.put)
				}
				err := call.end()
				wantEnd(t, "the caller", err, c.outcome, c.cause)
				if !errors.Is(err, ouch) {
					t.Errorf("the caller's end does not say why: %v", err)
				}
			})
		})
	}
}
