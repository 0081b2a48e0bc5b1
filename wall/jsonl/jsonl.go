package jsonl

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ganger-dev/ganger/wall"
)

// Dialect speaks JSON lines to the worker at the other end of a stream. Requests
// and responses are in the JSON of encoding/json; a json.RawMessage crosses as
// it is, without its newlines. The zero Dialect is ready to use.
type Dialect[Q, R any] struct {
	// Ready says that the worker's first line is {"ready":true}, which Hello
	// waits for. Otherwise the worker is taken for ready when it has begun, and
	// is never asked to give a request up.
	Ready bool
	// Slots is the most requests that a worker gets in hand at once; its ready
	// line may state fewer. Zero means 1.
	Slots int
	// Limit is the longest line in bytes that is taken from a worker. Zero means
	// 64 MiB.
	Limit int
}

const (
	defaultLimit = 64 << 20
	bufferSize   = 64 << 10
)

// Failure is what a worker said of a request that it could not perform.
type Failure struct {
	Message string `json:"message"`
	Trace   string `json:"trace,omitempty"` // a stack, for people
}

// Error returns the message.
func (f *Failure) Error() string { return f.Message }

// line is any line of a worker. A member that is not there is nil.
type line struct {
	ID        *uint64         `json:"id"`
	Response  json.RawMessage `json:"response"`
	Error     json.RawMessage `json:"error"`
	Feedback  json.RawMessage `json:"feedback"`
	Cancelled bool            `json:"cancelled"`
	Ready     bool            `json:"ready"`
	Slots     int             `json:"slots"`
	Cancel    bool            `json:"cancel"`
}

// failure reads the member error: an object with a message, or the message.
func (l *line) failure() (*Failure, error) {
	f := new(Failure)
	if err := json.Unmarshal(l.Error, f); err != nil {
		if json.Unmarshal(l.Error, &f.Message) != nil {
			return nil, broken("the member error is not understood: %q", clip(l.Error))
		}
	}
	f.Message = cmp.Or(f.Message, "the worker gave no reason")
	return f, nil
}

// Mute reports whether Hello returns before the worker has said anything.
func (d Dialect[Q, R]) Mute() bool { return !d.Ready }

// Hello waits for the ready line if d says so. It fails with [wall.ErrBroken],
// and what was seen, if another line comes.
func (d Dialect[Q, R]) Hello(_ context.Context, s wall.Stream, _ wall.Start) (wall.Session[Q, R], error) {
	var wrong []error
	if d.Limit < 0 {
		wrong = append(wrong, fmt.Errorf("jsonl: Dialect.Limit is %d, and must not be negative", d.Limit))
	}
	if d.Slots < 0 {
		wrong = append(wrong, fmt.Errorf("jsonl: Dialect.Slots is %d, and must not be negative", d.Slots))
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	in := &reader{in: bufio.NewReaderSize(s, bufferSize), limit: cmp.Or(d.Limit, defaultLimit)}
	slots, cancels := max(d.Slots, 1), false
	if d.Ready {
		first, seen, err := in.next()
		if err == nil && (!first.Ready || first.Slots < 0) {
			err = broken("its first line is %q instead of {\"ready\":true}", clip(seen))
		}
		if err != nil {
			return nil, err
		}
		cancels = first.Cancel
		if first.Slots > 0 {
			slots = min(slots, first.Slots)
		}
	}
	return newSession[Q, R](s, in, slots, cancels), nil
}

// reader takes lines from a stream.
type reader struct {
	in    *bufio.Reader
	limit int
}

// next returns the next line, taken apart and as it was seen; neither is valid
// after the next call.
func (r *reader) next() (l line, seen []byte, err error) {
	seen, err = r.read()
	if err != nil {
		return line{}, nil, err
	}
	if err := json.Unmarshal(seen, &l); err != nil {
		return line{}, nil, broken("a line that is not understood: %q: %v", clip(seen), err)
	}
	if string(l.Error) == "null" { // as if it were not there, for those who send every member
		l.Error = nil
	}
	return l, seen, nil
}

func (r *reader) read() ([]byte, error) {
	var long []byte
	for {
		part, err := r.in.ReadSlice('\n')
		if len(long)+len(part) > r.limit+1 {
			return nil, broken("a line is longer than the limit of %d bytes; it begins with %q", r.limit, clip(append(long, part...)))
		}
		switch {
		case err == nil && long == nil:
			return part, nil
		case err == nil:
			return append(long, part...), nil
		case err == bufio.ErrBufferFull:
			long = append(long, part...)
		case len(long)+len(part) > 0:
			return nil, fmt.Errorf("%w: in the middle of a line that begins with %q", wall.ErrGone, clip(append(long, part...)))
		default:
			return nil, fmt.Errorf("%w: %w", wall.ErrGone, err)
		}
	}
}

// broken says how the worker broke the protocol.
func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", wall.ErrBroken, fmt.Sprintf(format, args...))
}

// clip returns the beginning of what was seen.
func clip(b []byte) []byte { return b[:min(len(b), 64)] }
