package window

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// TestHammerWrite: lines that many write beside the places come whole, in the order
// of their writer, and before what is printed of a place that ends after them.
func TestHammerWrite(t *testing.T) {
	const writers, lines = 8, 500
	w := New[int](Config{Unordered: true, flow: 200})
	printed := start(w)
	var all sync.WaitGroup
	for n := range writers {
		p, err := w.Admit(t.Context(), n, 0)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			for i := range lines {
				if _, err := fmt.Fprintf(w, "%d %d\n", n, i); err != nil {
					t.Error(err)
				}
			}
			_, _ = fmt.Fprintf(p, "%d end\n", n)
			p.End(0, plain(p))
		})
	}
	all.Wait()
	w.Close()
	var next [writers]int
	for line := range strings.Lines(string(printed(t))) {
		var n, i int
		if k, _ := fmt.Sscanf(line, "%d %d\n", &n, &i); k != 2 {
			i = lines
			if k, _ := fmt.Sscanf(line, "%d end\n", &n); k != 1 {
				t.Fatalf("a line is torn: %q", line)
			}
		}
		if next[n] != i {
			t.Fatalf("%q comes when %d is next", line, next[n])
		}
		next[n]++
	}
	for n, i := range next {
		if i != lines+1 {
			t.Errorf("of writer %d %d lines came, want %d", n, i, lines+1)
		}
	}
}

// TestWriteWaitsForTheStream: who writes much is held up by a slow stream, and let
// go with its error.
func TestWriteWaitsForTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New[int](Config{Unordered: true, flow: 10})
		r, out := io.Pipe()
		done := make(chan error)
		go func() { done <- w.Run(out) }()
		wrote := make(chan error)
		go func() {
			for {
				if _, err := w.Write(bytes.Repeat([]byte("x"), 8)); err != nil {
					wrote <- err
					return
				}
			}
		}()
		synctest.Wait()
		w.mu.Lock()
		held := len(w.loose)
		w.mu.Unlock()
		if held > 10 {
			t.Errorf("%d bytes wait for a stream that takes none, want 10 at most", held)
		}
		gone := errors.New("gone")
		w.Abort(gone)
		if err := <-wrote; err != gone {
			t.Errorf("Write: %v, want %v", err, gone)
		}
		_ = r.Close()
		if err := <-done; err == nil {
			t.Error("Run returned no error")
		}
	})
}
