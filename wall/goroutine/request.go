package goroutine

import (
	"context"
	"errors"

	"github.com/ganger-dev/ganger/internal/late"
	"github.com/ganger-dev/ganger/wall"
)

// request is one call in a life's hand. It is also the context and the host of
// whoever performs it.
type request[Q, R any] struct {
	late.Context
	host wall.Host // of the call; nil: nobody listens
	call *wall.Call[R]
	q    Q

	// Guarded by the life's mu.
	slot   int  // its place in the life's hand
	taken  bool // a goroutine performs it
	curbed bool // the grace of a cancel runs
}

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
