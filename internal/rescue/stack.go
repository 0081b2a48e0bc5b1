package rescue

import (
	"runtime"
	"strconv"
	"strings"
)

// maxCalls is how many calls a stack shows, the innermost.
const maxCalls = 64

// stack returns the calls from the one that fell down to f, each as a function
// and its place. It is called by the function that Call defers.
//
// That is what debug.Stack tells but for the arguments, without what the runtime
// and the caller of Call have on it, and in a tenth of the time and more: a worker
// that panics at every request must not take a core for the tracing.
func stack() string {
	var pcs [maxCalls]uintptr
	n := runtime.Callers(3, pcs[:]) // without Callers, stack and the deferred function
	frames := runtime.CallersFrames(pcs[:n])
	text := make([]byte, 0, 1024)
	for more := n > 0; more; {
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
