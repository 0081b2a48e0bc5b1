package worker

import (
	"context"
	"time"

	"github.com/ganger-dev/ganger/internal/late"
)

// scope is the context of one life or of one request.
type scope struct{ late.Context }

func newScope(c *core) *scope {
	s := &scope{}
	s.Init((*inside)(c))
	return s
}

// inside is the base of a worker's contexts: it never ends and knows whose they
// are.
type inside core

type insideKey struct{}

func (*inside) Deadline() (time.Time, bool) { return time.Time{}, false }
func (*inside) Done() <-chan struct{}       { return nil }
func (*inside) Err() error                  { return nil }

func (i *inside) Value(key any) any {
	if key == (insideKey{}) {
		return (*core)(i)
	}
	return nil
}

// of returns the worker whose handler ctx belongs to, or nil. The innermost is
// found: a handler of a that calls b in its own context is still a's.
func of(ctx context.Context) *core {
	c, _ := ctx.Value(insideKey{}).(*core)
	return c
}
