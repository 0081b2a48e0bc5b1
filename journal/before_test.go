package journal

import (
	"errors"
	"slices"
	"testing"
)

// TestBeforeEachSync: what a record speaks of is made safe before the record is,
// and not for a sync that has nothing to do; when it cannot be, the log is broken.
func TestBeforeEachSync(t *testing.T) {
	d := &disk{}
	var safe []int // how much of the log was safe at each call
	var fails error
	l := begin(t, d, Config{Sync: -1, Before: func() error {
		d.mu.Lock()
		defer d.mu.Unlock()
		safe = append(safe, len(d.safe))
		return fails
	}})
	opened := len(d.safe)
	for range 2 { // the second has nothing to sync
		if err := l.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Commit(t.Context(), []byte("one")); err != nil {
		t.Fatal(err)
	}
	first := len(d.safe)
	if !slices.Equal(safe, []int{opened}) || first == opened {
		t.Errorf("called when so much was safe: %v, want once at %d; then %d are", safe, opened, first)
	}
	fails = errFull
	if err := l.Commit(t.Context(), []byte("two")); !errors.Is(err, errFull) {
		t.Errorf("Commit: %v, want %v", err, errFull)
	}
	if len(d.safe) != first {
		t.Error("a record is safe, and what it speaks of is not")
	}
	if err := l.Close(); !errors.Is(err, errFull) {
		t.Errorf("Close: %v, want %v", err, errFull)
	}
}
