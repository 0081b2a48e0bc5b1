package walltest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// Patience is how long a test waits before it takes something for hung.
const Patience = 30 * time.Second

// Await waits for c to be closed, and ends the test if that takes longer than
// [Patience].
func Await(t testing.TB, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(Patience):
		t.Fatalf("waited %v for %s", Patience, what)
	}
}

// Workers is a wall of [Pipes] whose workers are all one function, for the tests
// of a dialect that play its worker byte by byte. Make one with [NewWorkers]; it
// is safe for concurrent use.
type Workers struct {
	Pipes

	mu    sync.Mutex // guards lives
	lives []*Near
}

// NewWorkers returns a wall of workers that are f, on streams of room bytes each
// way. A worker whose f returns nil leaves with exit 0, another with exit 1 and
// the error as its last words. At the end of the test all are killed, and waited
// for until f has returned.
func NewWorkers(t testing.TB, room int, f func(*Far) error) *Workers {
	w := &Workers{Pipes: Pipes{Room: room, Worker: func(_ wall.Start, far *Far) ganger.Exit {
		if err := f(far); err != nil {
			return ganger.Exit{Reason: ganger.LeavingExit(1), Code: 1, Stderr: err.Error()}
		}
		return ganger.Exit{Reason: ganger.LeavingExit(0)}
	}}}
	t.Cleanup(func() {
		for _, l := range w.all() {
			l.Kill(ganger.LeavingStopped)
			Await(t, l.ended, "a worker to return")
		}
	})
	return w
}

// Open starts a worker. It errs only if ctx has ended.
func (w *Workers) Open(ctx context.Context, st wall.Start) (wall.Stream, error) {
	s, err := w.Pipes.Open(ctx, st)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lives = append(w.lives, s.(*Near))
	return s, nil
}

func (w *Workers) all() []*Near {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.lives)
}

// Last is the life that was opened last; there must be one.
func (w *Workers) Last() *Near {
	all := w.all()
	return all[len(all)-1]
}

// Open opens one life "w#1" of a worker that is f ([NewWorkers]), and returns it
// as an instance and as the stream below.
func Open[Q, R any](t testing.TB, d wall.Dialect[Q, R], room int, f func(*Far) error) (wall.Instance[Q, R], *Near) {
	t.Helper()
	w := NewWorkers(t, room, f)
	ctx, cancel := patience()
	defer cancel()
	i, err := wall.Speak(w, d).Open(ctx, wall.Start{Name: "w", Incarnation: 1})
	if err != nil {
		t.Fatal(err)
	}
	return i, w.Last()
}

// Call is a call whose end can be waited for.
type Call[R any] struct {
	wall.Call[R]
	ended chan struct{}
}

// NewCall returns a call to be started, or to be cancelled before; h may be nil.
func NewCall[R any](h wall.Host) *Call[R] {
	c := &Call[R]{ended: make(chan struct{})}
	c.Host, c.End = h, c
	return c
}

// Begin starts a call; h may be nil.
func Begin[Q, R any](i wall.Instance[Q, R], q Q, h wall.Host) *Call[R] {
	c := NewCall[R](h)
	i.Start(q, &c.Call)
	return c
}

// EndCall is for the instance.
func (c *Call[R]) EndCall(*wall.Call[R]) { close(c.ended) }

// Wait waits for the end of the call and returns what it came to.
func (c *Call[R]) Wait(t testing.TB) (R, error) {
	t.Helper()
	Await(t, c.ended, "a call to end")
	return c.Response, c.Err
}

// Do is Begin, without a host, and Wait.
func Do[Q, R any](t testing.TB, i wall.Instance[Q, R], q Q) (R, error) {
	t.Helper()
	return Begin(i, q, nil).Wait(t)
}

// Host keeps what is reported and answers what is asked. It is safe for
// concurrent use; the zero Host must not be asked.
type Host struct {
	Answer func(ctx context.Context, question []byte) ([]byte, error)

	mu       sync.Mutex // guards reported
	reported []string
}

// Feedback keeps one report.
func (h *Host) Feedback(body []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reported = append(h.reported, string(body))
}

// Ask answers a question.
func (h *Host) Ask(ctx context.Context, question []byte) ([]byte, error) {
	return h.Answer(ctx, question)
}

// Reports returns what was reported so far, in order.
func (h *Host) Reports() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.reported)
}

// EndedAs ends the test unless err tells this outcome and cause.
func EndedAs(t testing.TB, err error, want ganger.Outcome, cause ganger.Cause) {
	t.Helper()
	if ganger.OutcomeOf(err) != want || ganger.CauseOf(err) != cause {
		t.Fatalf("ended %v (%v): %v; want %v (%v)", ganger.OutcomeOf(err), ganger.CauseOf(err), err, want, cause)
	}
}
