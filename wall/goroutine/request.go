package goroutine

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ganger-dev/ganger/wall"
)

// request is one call in a life's hand. It is also the context and the host of
// whoever performs it: a context of the standard library would cost more than
// a small request, so one is made only if somebody waits for it.
type request[Q, R any] struct {
	base context.Context // of the life: values, no end
	host wall.Host       // of the call; nil: nobody listens
	call *wall.Call[R]
	q    Q

	// Guarded by the life's mu.
	slot   int  // its place in the life's hand
	taken  bool // a goroutine performs it
	curbed bool // the grace of a cancel runs

	mu     sync.Mutex // guards what follows; never held across a call of ours
	cause  error      // why its context ended; nil: it has not
	inner  context.Context
	cancel context.CancelCauseFunc // of inner
}

// end ends its context. The first cause wins.
func (r *request[Q, R]) end(cause error) {
	r.mu.Lock()
	if r.cause != nil {
		r.mu.Unlock()
		return
	}
	r.cause = cause
	cancel := r.cancel
	r.mu.Unlock()
	if cancel != nil {
		cancel(cause)
	}
}

// context makes the context that others wait for.
func (r *request[Q, R]) context() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.inner == nil {
		r.inner, r.cancel = context.WithCancelCause(r.base)
		if r.cause != nil {
			r.cancel(r.cause)
		}
	}
	return r.inner
}

func (r *request[Q, R]) Deadline() (time.Time, bool) { return time.Time{}, false }
func (r *request[Q, R]) Done() <-chan struct{}       { return r.context().Done() }
func (r *request[Q, R]) Value(key any) any           { return r.context().Value(key) }

func (r *request[Q, R]) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cause != nil {
		return context.Canceled
	}
	return nil
}

// String names it where contexts are printed.
func (r *request[Q, R]) String() string { return "goroutine.request" }

// Feedback passes on what comes before the end of the call, and drops the rest.
func (r *request[Q, R]) Feedback(body []byte) {
	if r.host != nil && !r.call.Ended() {
		r.host.Feedback(body)
	}
}

var errNobody = errors.New("goroutine: nobody answers questions here")

// Ask passes the question on.
func (r *request[Q, R]) Ask(ctx context.Context, question []byte) ([]byte, error) {
	switch {
	case r.call.Ended():
		return nil, context.Canceled
	case r.host == nil:
		return nil, errNobody
	}
	return r.host.Ask(ctx, question)
}
