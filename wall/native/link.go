package native

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/frame"
	"github.com/ganger-dev/ganger/wall"
)

// link is what both sorts of session have: the stream, and how values become
// frames on it.
type link[Q, R any] struct {
	dialect Dialect[Q, R]
	stream  wall.Stream
	in      *frame.Reader
	lender  Lender[Q] // the codec of requests, if it is one
	takes   int64     // the longest body that the worker takes
}

// encode makes the frame of a request in the memory of b, or a header alone in
// front of a body that is lent. The header has no id yet.
func (l *link[Q, R]) encode(b []byte, q Q) (full, lent []byte, err error) {
	full, lent, err = body(l.dialect.Request, l.lender, b[:0], q)
	n := len(full) - frame.Size + len(lent)
	if err == nil && int64(n) > l.takes {
		err = fmt.Errorf("the request has %d bytes, the worker takes at most %d", n, l.takes)
	}
	if err != nil {
		return nil, nil, &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseEncode, Err: err}
	}
	frame.Put(full, frame.Header{Kind: frame.Request, Length: uint32(n)})
	return full, lent, nil
}

// body appends room for a header and the body of v to b. A body that is long and
// can be lent is returned by itself. l is c, if c lends.
func body[V any](c Codec[V], l Lender[V], b []byte, v V) (full, lent []byte, err error) {
	var room [frame.Size]byte
	full = append(b, room[:]...)
	if l != nil {
		if lent, ok := l.Lend(v); ok && len(lent) >= long {
			return full, lent, nil
		}
	}
	full, err = c.Append(full, v)
	return full, nil, err
}

// decode makes the response of a body. A body that the codec refuses is the
// work's failure: the frame around it was sound, and the worker can go on. But
// one that is no JSON, where JSON was agreed, is from a worker that has lost its
// place.
func (l *link[Q, R]) decode(body []byte) (R, error) {
	r, err := l.dialect.Response.Parse(body)
	if err == nil {
		return r, nil
	}
	if _, nonsense := errors.AsType[*json.SyntaxError](err); nonsense {
		return r, broken("the response: %v: it begins with %q", err, body[:min(len(body), 64)])
	}
	return r, &ganger.Error{
		Outcome: ganger.Failed, Cause: ganger.CauseEncode,
		Err: fmt.Errorf("the response: %w: it begins with %q", err, body[:min(len(body), 64)]),
	}
}

// gone reports whether the life is known to have ended.
func (l *link[Q, R]) gone() bool {
	select {
	case <-l.stream.Gone():
		return true
	default:
		return false
	}
}

// taken returns up to which offset the worker took what was written.
func (l *link[Q, R]) taken(written int64) int64 {
	if u, ok := l.stream.(wall.Unreader); ok {
		if n, known := u.Unread(); known {
			return written - int64(n)
		}
	}
	return written
}

// outcome says, by the error that ended the session, what becomes of a request
// whose frame ends at an offset, when the worker took all up to taken.
func outcome(end, taken int64, err error) error {
	if end > taken {
		return unsent(err)
	}
	return err
}

// unsent says that a request did not reach the worker whole. It keeps why, so
// that a life that has closed its end, and lives on, is ended.
func unsent(why error) error {
	if errors.Is(why, wall.ErrGone) || errors.Is(why, wall.ErrBroken) {
		return fmt.Errorf("%w: %w", wall.ErrUnsent, why)
	}
	return fmt.Errorf("%w: %w: %w", wall.ErrUnsent, wall.ErrGone, why)
}
