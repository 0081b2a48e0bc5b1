package rescue

import (
	"runtime"
	"strconv"
	"strings"
)

// maxCalls is how many calls a stack shows, the innermost.
const maxCalls = 64

// Stack is where code fell: the calls from there down. It can be compared with
// another, and costs little until somebody wants to read it.
type Stack []uintptr

// calls returns the stack of the function that [Call] defers.
func calls() Stack {
	at := make(Stack, maxCalls)
	return at[:runtime.Callers(3, at)] // without Callers, calls and the deferred function
}

// String returns each call up to f as a function and its place.
//
// That is what debug.Stack tells but for the arguments, without what the runtime
// and the caller of Call have on the stack, and in a tenth of the time and more: a
// worker that panics at every request must not take a core for the tracing.
func (s Stack) String() string {
	frames := runtime.CallersFrames(s)
	text := make([]byte, 0, 1024)
	for more := len(s) > 0; more; {
		var f runtime.Frame
		f, more = frames.Next()
		if len(text) == 0 && strings.HasPrefix(f.Function, "runtime.") {
			continue // how the runtime panics
		}
		if strings.HasSuffix(f.Function, "/internal/rescue.Call") {
			return string(text)
		}
		text = append(text, f.Function...)
		text = append(text, "\n\t"...)
		text = append(text, f.File...)
		text = append(text, ':')
		text = strconv.AppendInt(text, int64(f.Line), 10)
		text = append(text, '\n')
	}
	return string(append(text, "...\n"...))
}
