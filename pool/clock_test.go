package pool

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestClockTellsInOrder: whatever was set, put off, brought forward and forgotten,
// what is told is what a sorted slice would tell.
func TestClockTellsInOrder(t *testing.T) {
	type e = entry[int, int, int, int]
	rapid.Check(t, func(t *rapid.T) {
		k := &clock[int, int, int, int]{fire: func() {}}
		defer k.stopLocked()
		at := func(n int) time.Duration { return time.Hour * time.Duration(n+1) }
		all := make([]*e, 30)
		for i := range all {
			all[i] = &e{}
		}
		model := make(map[*e]int)
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			x := all[rapid.IntRange(0, len(all)-1).Draw(t, "entry")]
			if rapid.IntRange(0, 3).Draw(t, "step") == 0 {
				k.unsetLocked(x)
				delete(model, x)
				continue
			}
			n := rapid.IntRange(0, 50).Draw(t, "at")
			k.setLocked(x, at(n), 0)
			model[x] = n
			if k.fires > at(n) {
				t.Fatalf("the timer fires at %v, after what was set for %v", k.fires, at(n))
			}
		}
		until := rapid.IntRange(0, 60).Draw(t, "until")
		last := -1
		for x := k.firedLocked(at(until)); x != nil; x = k.firedLocked(at(until)) {
			n, ok := model[x]
			if !ok || n > until || n < last {
				t.Fatalf("told %v (%v) after %d, until %d", n, ok, last, until)
			}
			last = n
			delete(model, x)
		}
		for _, n := range model {
			if n <= until {
				t.Fatalf("what was set for %d is not told at %d", n, until)
			}
		}
	})
}
