package rescue_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/ganger-dev/ganger/internal/rescue"
)

func TestCall(t *testing.T) {
	if rescue.Call(func() {}, func(any, rescue.Stack) { t.Error("fell without a panic") }) {
		t.Error("reported a panic that was none")
	}
	var said any
	var stack string
	if !rescue.Call(func() { panic("oh") }, func(v any, at rescue.Stack) { said, stack = v, at.String() }) {
		t.Error("did not report the panic")
	}
	if said != "oh" || !strings.Contains(stack, "rescue_test.go") {
		t.Errorf("fell with %v and the stack %s", said, stack)
	}
}

func TestCallToldOfGoexit(t *testing.T) {
	fell, done := make(chan any, 1), make(chan struct{})
	go func() {
		defer close(done)
		rescue.Call(runtime.Goexit, func(v any, _ rescue.Stack) { fell <- v })
		t.Error("returned after a Goexit")
	}()
	<-done
	if v := <-fell; v != nil {
		t.Errorf("a Goexit fell with %v, want nil", v)
	}
}

// nested panics so many calls deeper, for the lack of an element.
func nested(calls int, none []int) int {
	if calls == 0 {
		return none[0]
	}
	return nested(calls-1, none)
}

// TestStack: it begins with what fell, ends with what was called, and of a deep
// one the innermost calls are shown.
func TestStack(t *testing.T) {
	for _, c := range []struct {
		name  string
		calls int
		last  string
		lines int
	}{
		{"all of it", 2, "rescue_test.TestStack.func", 2 * 4},
		{"a deep one", 1000, "...", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stack string
			rescue.Call(func() { nested(c.calls, nil) }, func(_ any, at rescue.Stack) { stack = at.String() })
			lines := strings.Split(strings.TrimSuffix(stack, "\n"), "\n")
			if !strings.Contains(lines[0], "rescue_test.nested") || !strings.Contains(lines[1], "rescue_test.go:") {
				t.Errorf("the stack does not begin with what fell:\n%s", stack)
			}
			if c.lines > 0 && len(lines) != c.lines {
				t.Errorf("%d lines, want %d:\n%s", len(lines), c.lines, stack)
			}
			if c.lines > 0 && !strings.Contains(lines[len(lines)-2], c.last) || c.lines == 0 && lines[len(lines)-1] != c.last {
				t.Errorf("the stack does not end with %s:\n%s", c.last, stack)
			}
		})
	}
}

func BenchmarkPanic(b *testing.B) {
	for b.Loop() {
		rescue.Call(func() { nested(4, nil) }, func(any, rescue.Stack) {})
	}
}
