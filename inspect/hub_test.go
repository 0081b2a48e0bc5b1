package inspect_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/ganger-dev/ganger/inspect"
)

type group string

func (g group) Describe() (kind, name string)      { return "test", string(g) }
func (g group) Snapshot(func(inspect.Worker) bool) {}

func TestHubKnowsItsGroups(t *testing.T) {
	var h inspect.Hub
	removeA := h.Add(group("a"))
	h.Add(group("b"))
	removeA()
	removeA() // twice does nothing
	var names []string
	for g := range h.Groups() {
		_, name := g.Describe()
		names = append(names, name)
	}
	if fmt.Sprint(names) != "[b]" {
		t.Errorf("groups are %v, want [b]", names)
	}
}

func TestNilHubDiscards(t *testing.T) {
	var h *inspect.Hub
	h.Add(group("a"))()
	h.Emit(inspect.Event{Name: "x"})
	for range h.Groups() {
		t.Error("a nil hub has a group")
	}
	for range h.Events(t.Context()) {
		t.Error("a nil hub has an event")
	}
}

func TestEventsArriveInOrderFromTheCallOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h inspect.Hub
		h.Emit(inspect.Event{Name: "before"})
		ctx, cancel := context.WithCancel(t.Context())
		events := h.Events(ctx)
		h.Emit(inspect.Event{Name: "0"}) // after the call, before the loop
		var got []string
		done := make(chan struct{})
		go func() {
			defer close(done)
			for e, lost := range events {
				if lost != 0 || e.At.IsZero() || e.Seq != uint64(len(got)+1) {
					t.Errorf("event %+v after %d lost", e, lost)
				}
				got = append(got, e.Name)
			}
		}()
		for i := range 100 {
			h.Emit(inspect.Event{Name: fmt.Sprint(i + 1)})
		}
		synctest.Wait()
		cancel()
		<-done
		if len(got) != 101 || got[0] != "0" || got[100] != "100" {
			t.Errorf("%d events from %q to %q, want 0 to 100", len(got), got[0], got[len(got)-1])
		}
		if h.Watched() {
			t.Error("watched after the last reader left")
		}
	})
}

func TestSlowReaderLosesTheOldestAndIsTold(t *testing.T) {
	var h inspect.Hub
	events := h.Events(t.Context())
	const n = 20_000
	for i := range n {
		h.Emit(inspect.Event{Task: uint64(i + 1)})
	}
	seen := uint64(0)
	for e, lost := range events {
		seen++
		if e.Task == n {
			if seen+lost != n || lost == 0 {
				t.Errorf("%d seen and %d lost of %d", seen, lost, n)
			}
			return
		}
	}
}

func TestHammerHub(t *testing.T) {
	var h inspect.Hub
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				remove := h.Add(group("g"))
				h.Emit(inspect.Event{Name: "x"})
				for e := range h.Events(t.Context()) {
					if e.Name != "" {
						break
					}
				}
				remove()
			}
		})
		wg.Go(func() {
			for range 2000 {
				h.Emit(inspect.Event{Name: "y"})
			}
		})
	}
	// Readers that came after the last emitter would wait for ever.
	stop := make(chan struct{})
	var last sync.WaitGroup
	last.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				h.Emit(inspect.Event{Name: "z"})
			}
		}
	})
	wg.Wait()
	close(stop)
	last.Wait()
	for range h.Groups() {
		t.Error("a group was not removed")
	}
	if h.Watched() {
		t.Error("a reader was not removed")
	}
}
