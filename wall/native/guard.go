package native

import (
	"fmt"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/rescue"
)

// guard runs f, in which the worker's own program is called, and reports
// whether it returned. If it panics, or ends its goroutine, the coordinator is
// told, and the serving ends.
func (r *request[Q, R]) guard(f func()) (sound bool) {
	return !rescue.Call(f, func(v any, at rescue.Stack) {
		said := "the goroutine was ended by runtime.Goexit"
		if v != nil {
			said = fmt.Sprint(v)
		}
		r.panicked(&Failure{Message: "panic: " + said, Trace: at.String(), Cause: ganger.CausePanic})
	})
}

// panicked tells the coordinator what ends this worker, and ends the serving.
func (r *request[Q, R]) panicked(f *Failure) {
	r.over.Store(true)
	if r.reads || r.w.inline.CompareAndSwap(r, nil) { // nobody reads on
		_ = r.w.sendAnswers()
	}
	_, _ = r.w.out.send(r.fail(nil, f))
	r.w.end(&ganger.Error{
		Outcome: ganger.Crashed, Cause: ganger.CausePanic,
		Exit: &ganger.Exit{Reason: ganger.LeavingPanic, Stack: f.Trace}, Err: f,
	})
}

// parse makes the value of the request's body, before the request is in hand.
// If there is none it answers that, and reports false.
func (r *request[Q, R]) parse(body []byte) bool {
	var err error
	if !r.guard(func() { r.q, err = r.w.request.Parse(body) }) {
		return false
	}
	if err == nil {
		return true
	}
	f := &Failure{Message: fmt.Sprintf("the request: %v: it begins with %q", err, body[:min(len(body), 64)])}
	_, _ = r.w.out.send(r.fail(nil, f))
	return false
}
