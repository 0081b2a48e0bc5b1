package goroutine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/rescue"
	"github.com/ganger-dev/ganger/wall"
)

// Perform performs one request. Its context ends when the request is to end,
// and its context.Cause says why ([*ganger.Error]); it should return soon then.
// h is never nil. With several slots Perform is called concurrently.
type Perform[Q, R any] func(ctx context.Context, q Q, h wall.Host) (R, error)

// Wall opens lives of goroutines. Begin is required.
type Wall[Q, R any] struct {
	// Begin makes what one life is: it is called once for each, before its first
	// request. Its context ends with the life, or when the start is given up.
	Begin func(ctx context.Context) (Perform[Q, R], error)
	// Slots is how many requests one life performs at once. Zero means 1.
	Slots int
}

var (
	lives     atomic.Uint64 // numbers the lives of this program
	abandoned atomic.Int64  // a property of the whole process, as the number of goroutines is
)

// Abandoned returns how many goroutines of this program were given up because
// they ignored their context, and still run.
func Abandoned() int { return int(abandoned.Load()) }

// Traits tells that this wall cannot kill.
func (w Wall[Q, R]) Traits() wall.Traits { return wall.Traits{Name: "goroutine"} }

// Open calls Begin and returns a life of the function that it gave. A Begin
// that has not returned within the grace after the end of ctx is abandoned.
func (w Wall[Q, R]) Open(ctx context.Context, st wall.Start) (wall.Instance[Q, R], error) {
	if cause := context.Cause(ctx); cause != nil {
		return nil, &wall.StartError{Worker: st.Worker(), Err: cause}
	}
	base := context.WithoutCancel(ctx) // its values only: the life outlives ctx
	own, end := context.WithCancelCause(base)
	begun := make(chan beginning[Q, R], 1)
	go func() { begun <- begin(own, w.Begin) }() // Open waits for it below, or counts it
	select {
	case b := <-begun:
		if b.err != nil {
			end(b.err)
			return nil, &wall.StartError{Worker: st.Worker(), Exit: b.exit, Err: b.err}
		}
		return newLife(base, end, st, max(w.Slots, 1), b.perform), nil
	case <-ctx.Done():
	}
	cause := context.Cause(ctx)
	end(cause)
	give := time.NewTimer(st.Patience())
	defer give.Stop()
	select {
	case <-begun:
	case <-give.C:
		abandoned.Add(1)
		go func() { <-begun; abandoned.Add(-1) }() // ends with what it waits for
	}
	return nil, &wall.StartError{Worker: st.Worker(), Exit: &ganger.Exit{Reason: ganger.LeavingStartFailed, Asked: true}, Err: cause}
}

// beginning is what became of a Begin.
type beginning[Q, R any] struct {
	perform Perform[Q, R]
	err     error
	exit    *ganger.Exit // of one that panicked
}

func begin[Q, R any](ctx context.Context, f func(context.Context) (Perform[Q, R], error)) (b beginning[Q, R]) {
	fell := rescue.Call(func() { b.perform, b.err = f(ctx) }, func(v any, at rescue.Stack) {
		b.exit = &ganger.Exit{Reason: ganger.LeavingPanic, Stack: at.String()}
		b.err = fallen(v)
	})
	if !fell && b.err == nil && b.perform == nil {
		b.err = errors.New("goroutine: Begin returned nothing to perform with")
	}
	return b
}

// fallen is what is said of a panic with value v, or of a Goexit.
func fallen(v any) error {
	switch v := v.(type) {
	case nil:
		return errors.New("the goroutine was ended by runtime.Goexit")
	case error:
		return fmt.Errorf("panic: %w", v)
	}
	return fmt.Errorf("panic: %v", v)
}
