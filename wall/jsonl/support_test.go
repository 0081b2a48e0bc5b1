package jsonl_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/walltest"
)

const patience = 20 * time.Second // before a test is taken for hung

// kept is a wall that keeps its last stream, for a look at what is in it.
type kept struct {
	walltest.Pipes
	last *stream
}

// stream is what the streams of walltest can do.
type stream struct {
	wall.Stream
	wall.Peeker
	wall.Unreader
}

func (k *kept) Open(ctx context.Context, st wall.Start) (wall.Stream, error) {
	s, err := k.Pipes.Open(ctx, st)
	if err != nil {
		return nil, err
	}
	k.last = &stream{s, s.(wall.Peeker), s.(wall.Unreader)}
	return k.last, nil
}

// untaken returns how much of what was written the worker has not taken.
func (s *stream) untaken() int {
	n, _ := s.Unread()
	return n
}

// worker makes a wall of workers that are f. One whose f errs exits with 1.
func worker(room int, f func(io.ReadWriteCloser) error) *kept {
	return &kept{Pipes: walltest.Pipes{Room: room, Worker: func(_ wall.Start, far *walltest.Far) ganger.Exit {
		if err := f(far); err != nil {
			return ganger.Exit{Reason: ganger.LeavingExit(1), Code: 1}
		}
		return ganger.Exit{Reason: ganger.LeavingExit(0)}
	}}}
}

// open opens an instance of a worker that is f, on streams of room bytes.
func open[Q, R any](t *testing.T, d wall.Dialect[Q, R], room int, f func(io.ReadWriteCloser) error) (wall.Instance[Q, R], *stream) {
	t.Helper()
	w := worker(room, f)
	i, err := wall.Speak(w, d).Open(t.Context(), wall.Start{Name: "w", Incarnation: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { i.Kill(ganger.LeavingStopped) })
	return i, w.last
}

func await(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("waited %v for %s", patience, what)
	}
}

// call is a call and a channel that is closed at its end.
type call[R any] struct {
	wall.Call[R]
	done chan struct{}
}

func (c *call[R]) EndCall(*wall.Call[R]) { close(c.done) }

func start[Q, R any](i wall.Instance[Q, R], q Q) *call[R] {
	c := &call[R]{done: make(chan struct{})}
	c.End = c
	i.Start(q, &c.Call)
	return c
}

// wait waits for the end of the call and returns what it came to.
func (c *call[R]) wait(t *testing.T) (R, error) {
	t.Helper()
	await(t, c.done, "a call to end")
	return c.Response, c.Err
}

func do[Q, R any](t *testing.T, i wall.Instance[Q, R], q Q) (R, error) {
	t.Helper()
	return start(i, q).wait(t)
}

// outcome fails the test unless err tells this outcome and cause.
func outcome(t *testing.T, err error, want ganger.Outcome, cause ganger.Cause) {
	t.Helper()
	if ganger.OutcomeOf(err) != want || ganger.CauseOf(err) != cause {
		t.Fatalf("ended %v (%v): %v; want %v (%v)", ganger.OutcomeOf(err), ganger.CauseOf(err), err, want, cause)
	}
}
