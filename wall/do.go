package wall

import (
	"context"

	"github.com/ganger-dev/ganger"
)

// Do performs q on i and waits for its end. When ctx ends the call is cancelled
// and ends, within the grace, as Cancelled with the cause withdrawn and the
// cause of ctx, unless its response came all the same. It is for callers that
// are not hot: a context for each request costs more than a small request.
func Do[Q, R any](ctx context.Context, i Instance[Q, R], q Q, h Host) (R, error) {
	w := &waiter[R]{done: make(chan struct{})}
	w.Host, w.End = h, w
	stop := context.AfterFunc(ctx, func() {
		i.Cancel(&w.Call, &ganger.Error{
			Outcome: ganger.Cancelled, Cause: ganger.CauseWithdrawn, Err: context.Cause(ctx),
		})
	})
	defer stop()
	if r, ok := i.(Runner[Q, R]); ok {
		r.Run(q, &w.Call)
	} else {
		i.Start(q, &w.Call)
	}
	<-w.done
	return w.Response, w.Err
}

type waiter[R any] struct {
	Call[R]
	done chan struct{}
}

func (w *waiter[R]) EndCall(*Call[R]) { close(w.done) }
