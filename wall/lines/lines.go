// Package lines is the dialect of workers that answer each line that they read
// with one line: a filter that flushes its output after every line is such a
// worker as it is.
//
// # Usage
//
//	d := lines.Dialect[string, string]{}
//	w := wall.Speak(process.Command{Path: "./worker", Channel: process.Stdio}, d)
//
// # Ordering and concurrency
//
// A worker has one request in hand. A small request costs one write and one
// read, on the goroutine that performs it.
//
// # Failure handling
//
// There are no ids, so an answer belongs to the request before it. Bytes that
// are there before a request is written would be taken for its answer: they end
// the life instead, and the request, which was not written, runs elsewhere. A
// worker cannot be asked to give a request up; its life is ended for that.
package lines

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// Text is what a request or a response may be. It holds no newline; any other
// byte crosses as it is, so that the answer of a worker that ends its lines with
// CR LF ends with CR.
type Text interface{ ~string | ~[]byte }

// Dialect speaks lines to the worker at the other end of a stream. The zero
// Dialect is ready to use.
type Dialect[Q, R Text] struct {
	// Ready says that the worker's first line is "ready", which Hello waits
	// for. Otherwise the worker is taken for ready when it has begun.
	Ready bool
	// Limit is the longest answer in bytes. Zero means 64 MiB.
	Limit int
}

const (
	defaultLimit = 64 << 20
	bufferSize   = 64 << 10
	// atOnce is what an empty pipe takes without a reader, whatever its size.
	atOnce = 4 << 10
)

// Mute reports whether Hello returns before the worker has said anything.
func (d Dialect[Q, R]) Mute() bool { return !d.Ready }

// Hello waits for the line "ready" if d says so. It fails with
// [wall.ErrBroken], and what was seen, if another line comes.
func (d Dialect[Q, R]) Hello(_ context.Context, s wall.Stream, _ wall.Start) (wall.Session[Q, R], error) {
	if d.Limit < 0 {
		return nil, fmt.Errorf("lines: Dialect.Limit is %d, and must not be negative", d.Limit)
	}
	t := &talk[Q, R]{stream: s, in: bufio.NewReaderSize(s, bufferSize), limit: cmp.Or(d.Limit, defaultLimit)}
	if d.Ready {
		line, err := t.line()
		if err != nil {
			return nil, err
		}
		if got := bytes.TrimSuffix(line, []byte("\r")); string(got) != "ready" {
			return nil, fmt.Errorf("%w: its first line is %q instead of \"ready\"", wall.ErrBroken, clip(got))
		}
	}
	return wall.Serial[Q, R]{Exchange: t.exchange}.Over(s), nil
}

// talk is what one worker and its coordinator say. Exchanges follow each other.
type talk[Q, R Text] struct {
	stream wall.Stream
	in     *bufio.Reader
	limit  int
	out    []byte
	over   error // not nil: how the talk ended
}

func (t *talk[Q, R]) exchange(q Q, _ wall.Host) (R, error) {
	var none R
	if t.over != nil {
		return none, unsent(t.over)
	}
	t.out = append(append(t.out[:0], q...), '\n')
	b := t.out
	if cap(b) > 1<<20 {
		t.out = nil // one long request must not hold its memory for ever
	}
	if bytes.IndexByte(b, '\n') < len(b)-1 {
		return none, &ganger.Error{
			Outcome: ganger.Rejected, Cause: ganger.CauseInput,
			Err: errors.New("a request of one line must not hold a newline"),
		}
	}
	if t.early() {
		t.over = wall.ErrEarly
		return none, t.over
	}
	r, err := t.ask(b)
	if err != nil {
		t.over = err
	}
	return r, err
}

// early reports whether bytes are there that nobody asked for.
func (t *talk[Q, R]) early() bool {
	if t.in.Buffered() > 0 {
		return true
	}
	p, ok := t.stream.(wall.Peeker)
	return ok && p.Waiting()
}

// ask writes one line and reads the answer. A worker may answer a long line
// while it still reads it, so that neither side could go on if they were not
// written and read at once.
func (t *talk[Q, R]) ask(b []byte) (R, error) {
	if len(b) <= atOnce {
		if err := t.write(b); err != nil {
			var none R
			return none, err
		}
		return t.answer()
	}
	type result struct {
		r   R
		err error
	}
	got := make(chan result, 1) // room, because after a failed write nobody waits
	go func() {                 // ends with the answer or the life
		r, err := t.answer()
		got <- result{r, err}
	}()
	if err := t.write(b); err != nil {
		var none R
		return none, err
	}
	a := <-got
	return a.r, a.err
}

func (t *talk[Q, R]) write(b []byte) error {
	n, err := t.stream.Write(b)
	if n < len(b) {
		return unsent(fmt.Errorf("%w: %w", wall.ErrGone, cmp.Or(err, errShort)))
	}
	return nil
}

var errShort = errors.New("the line was not written whole")

// answer reads the answer to the line just written. If the worker died without
// having read all of that, it was not sent.
func (t *talk[Q, R]) answer() (R, error) {
	line, err := t.line()
	if errors.Is(err, wall.ErrGone) {
		if u, ok := t.stream.(wall.Unreader); ok {
			if n, known := u.Unread(); known && n > 0 {
				err = unsent(err)
			}
		}
	}
	if err != nil {
		var none R
		return none, err
	}
	return R(bytes.Clone(line)), nil
}

// line reads one line, without its newline, valid until the next.
func (t *talk[Q, R]) line() ([]byte, error) {
	var long []byte
	for {
		part, err := t.in.ReadSlice('\n')
		if len(long)+len(part) > t.limit+1 {
			return nil, fmt.Errorf("%w: a line is longer than the limit of %d bytes; it begins with %q",
				wall.ErrBroken, t.limit, clip(append(long, part...)))
		}
		switch {
		case err == nil && long == nil:
			return part[:len(part)-1], nil
		case err == nil:
			return append(long, part[:len(part)-1]...), nil
		case err == bufio.ErrBufferFull:
			long = append(long, part...)
		case len(long)+len(part) > 0:
			return nil, fmt.Errorf("%w: in the middle of a line that begins with %q", wall.ErrGone, clip(append(long, part...)))
		default:
			return nil, fmt.Errorf("%w: %w", wall.ErrGone, err)
		}
	}
}

// unsent keeps why, so that a life that closed its end, and lives on, is ended.
func unsent(why error) error { return fmt.Errorf("%w: %w", wall.ErrUnsent, why) }

// clip returns the beginning of what was seen.
func clip(b []byte) []byte { return b[:min(len(b), 64)] }
