package window

import (
	"bytes"
	"testing"
)

// TestAnOlderPlaceEndsAfterYoungerWereStored: two tasks hang; the second ends when
// younger places are on the disk already, and goes there too.
func TestAnOlderPlaceEndsAfterYoungerWereStored(t *testing.T) {
	var full error
	w := New[int](Config{Tasks: 10, Bytes: 1 << 20, reserve: wide, Full: func(err error) { full = err }})
	var out bytes.Buffer
	done := make(chan error, 1)
	go func() { done <- w.Run(&out) }()
	first, second := admit(t, w, 0), admit(t, w, 1)
	end := func(p *Place[int]) { _, _ = p.Write([]byte{byte('a' + p.Task%26)}); p.End(0, plain(p)) }
	for i := 2; i < 40; i++ {
		end(admit(t, w, i))
	}
	end(second)
	for i := 40; i < 80; i++ {
		end(admit(t, w, i))
	}
	if full != nil {
		t.Errorf("the disk takes no more: %v", full)
	}
	end(first)
	w.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for i, b := range out.Bytes() {
		if b != byte('a'+i%26) {
			t.Fatalf("place %d printed %c", i, b)
		}
	}
}
