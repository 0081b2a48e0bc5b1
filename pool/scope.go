package pool

import (
	"context"

	"github.com/ganger-dev/ganger/wall"
)

// With runs a pool for as long as f takes: it starts one as [New] and [Pool.Run]
// do, calls f, drains the pool if f returned nil, and returns when nothing of it
// is left. If f returns an error, panics, or ctx ends, what has not ended is
// cancelled. The error is that of f, or of the drain.
func With[T, Q, R, C any](ctx context.Context, k Kind[T, Q, R, C], w wall.Wall[wall.Instance[Q, R]], c Config, f func(ctx context.Context, p *Pool[T, R]) error) error {
	p := New(k, w, c)
	ctx, stop := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() { defer close(done); _ = p.Run(ctx) }() // waited for below
	defer func() {
		stop(nil)
		<-done
	}()
	if err := f(ctx, p); err != nil {
		stop(err) // what is left ends with this as its cause
		return err
	}
	if err := p.Drain(ctx); err != nil {
		return err
	}
	return context.Cause(ctx) // Run may have cancelled all before the drain saw any
}
