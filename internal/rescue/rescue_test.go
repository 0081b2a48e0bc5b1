package rescue_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/ganger-dev/ganger/internal/rescue"
)

func TestCall(t *testing.T) {
	if rescue.Call(func() {}, func(any, string) { t.Error("fell without a panic") }) {
		t.Error("reported a panic that was none")
	}
	var said any
	var stack string
	if !rescue.Call(func() { panic("oh") }, func(v any, s string) { said, stack = v, s }) {
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
		rescue.Call(runtime.Goexit, func(v any, _ string) { fell <- v })
		t.Error("returned after a Goexit")
	}()
	<-done
	if v := <-fell; v != nil {
		t.Errorf("a Goexit fell with %v, want nil", v)
	}
}
