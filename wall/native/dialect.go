package native

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/ganger-dev/ganger/internal/frame"
	"github.com/ganger-dev/ganger/wall"
)

// Dialect speaks the native protocol to the worker at the other end of a
// stream. It is a plain value; its codecs must be set.
type Dialect[Q, R any] struct {
	Request  Codec[Q]
	Response Codec[R]
	// Limit is the longest body in bytes that is taken from a worker, whose
	// request is otherwise ended with the cause protocol. Zero means 64 MiB.
	Limit int
	// Slots is the most requests that a worker gets in hand at once; it may
	// offer fewer. Zero means as many as it offers.
	Slots int
}

// Hello exchanges hellos with the worker and returns a session on what they
// agree. With one slot it is a [wall.Runner].
//
// It fails with a [*VersionError] if the worker speaks another version, with
// the worker's own words ([*Failure]) if it says that it cannot start, and with
// [wall.ErrBroken] and the first bytes seen if what came is no hello.
func (d Dialect[Q, R]) Hello(_ context.Context, s wall.Stream, st wall.Start) (wall.Session[Q, R], error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	limit := cmp.Or(d.Limit, defaultLimit)
	mine := hello{Version: Version, Name: st.Name, Incarnation: st.Incarnation, Slots: d.Slots, Limit: int64(limit)}
	if f := offered(d.Request); f != "" {
		mine.Formats = []string{f}
	}
	unsaid := send(s, mine)
	in := frame.NewReader(s, helloLimit)
	its, err := receive(in) // also if it is gone: it may have said why
	if err == nil && unsaid != nil {
		err = fmt.Errorf("%w: the hello could not be written: %w", wall.ErrGone, unsaid)
	}
	if err != nil {
		return nil, err
	}
	slots, takes, err := settle(its, mine.Formats, d.Slots)
	if err != nil {
		return nil, err
	}
	in.SetLimit(limit)
	l := link[Q, R]{dialect: d, stream: s, in: in, takes: min(takes, math.MaxUint32)}
	l.lender, _ = d.Request.(Lender[Q])
	if slots == 1 {
		return newSingle(l), nil
	}
	return newMulti(l, slots), nil
}

func (d Dialect[Q, R]) check() error {
	var errs []error
	if d.Request == nil {
		errs = append(errs, errors.New("native: Dialect.Request is nil, and must be a codec"))
	}
	if d.Response == nil {
		errs = append(errs, errors.New("native: Dialect.Response is nil, and must be a codec"))
	}
	if d.Limit < 0 || int64(d.Limit) > math.MaxUint32 {
		errs = append(errs, fmt.Errorf("native: Dialect.Limit is %d, and must be between 0 and %d", d.Limit, int64(math.MaxUint32)))
	}
	if d.Slots < 0 {
		errs = append(errs, fmt.Errorf("native: Dialect.Slots is %d, and must not be negative", d.Slots))
	}
	return errors.Join(errs...)
}

// broken says how the worker broke the protocol.
func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", wall.ErrBroken, fmt.Sprintf(format, args...))
}

// ended says what an error of a frame reader means: the worker lost its place,
// or the stream is at its end. A frame that is cut off by the end is the death's
// doing, which its exit explains better.
func ended(err error) error {
	if m, ok := errors.AsType[*frame.Malformed](err); ok {
		return fmt.Errorf("%w: %w", wall.ErrBroken, m)
	}
	if err == io.EOF {
		return wall.ErrGone
	}
	return fmt.Errorf("%w: %w", wall.ErrGone, err)
}
