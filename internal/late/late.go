// Package late is a context that is made only if somebody waits for it. The
// context of one small request is never waited for, and one of the standard
// library would cost more than the request.
package late

import (
	"context"
	"sync/atomic"
	"time"
)

// Context is a context without a deadline, which ends when it is told to. Embed
// it, and set its base with [Context.Init] before it is used. Its methods are
// safe for concurrent use. It must not be copied.
type Context struct {
	base  context.Context // values, no end
	cause atomic.Pointer[error]
	inner atomic.Pointer[inner] // what others wait for; nil: nobody ever has
}

type inner struct {
	context.Context
	cancel context.CancelCauseFunc
}

// over is the cause of what ended by itself.
var over error = context.Canceled

// Init sets where the values come from. base must never end.
func (c *Context) Init(base context.Context) { c.base = base }

// Finish ends the context with context.Canceled, as everything ends at last.
func (c *Context) Finish() { c.end(&over) }

// Cancel ends the context. The first cause wins.
func (c *Context) Cancel(cause error) { c.end(&cause) }

// end sets the cause before it looks for an inner context, whose maker looks
// for a cause after it is set: one of them ends it, or both, with one cause.
func (c *Context) end(cause *error) {
	if c.cause.CompareAndSwap(nil, cause) {
		if in := c.inner.Load(); in != nil {
			in.cancel(*cause)
		}
	}
}

// waited returns the context that others wait for.
func (c *Context) waited() *inner {
	in := c.inner.Load()
	if in == nil {
		ctx, cancel := context.WithCancelCause(c.base)
		in = &inner{ctx, cancel}
		if !c.inner.CompareAndSwap(nil, in) {
			cancel(nil)
			in = c.inner.Load()
		}
	}
	if cause := c.cause.Load(); cause != nil {
		in.cancel(*cause)
	}
	return in
}

// Cause returns why the context has ended, nil if it has not.
func (c *Context) Cause() error {
	if cause := c.cause.Load(); cause != nil {
		return *cause
	}
	return nil
}

// Deadline returns that there is none.
func (c *Context) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done returns a channel that closes when the context ends.
func (c *Context) Done() <-chan struct{} { return c.waited().Done() }

// Value returns what the base has for key.
func (c *Context) Value(key any) any { return c.waited().Value(key) }

// Err returns nil or, once the context has ended, context.Canceled.
func (c *Context) Err() error {
	if c.cause.Load() != nil {
		return context.Canceled
	}
	return nil
}

// String names it where contexts are printed.
func (c *Context) String() string { return "the context of one request" }
