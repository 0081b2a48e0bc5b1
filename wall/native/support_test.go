package native_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

const patience = 20 * time.Second // before a test is taken for hung

// conduit is one direction of a stream in memory: a pipe with room for a number
// of bytes.
type conduit struct {
	room int

	mu      sync.Mutex // guards what follows
	changed sync.Cond
	held    bytes.Buffer
	noMore  bool // the writer closed
	broken  bool // the reader is gone
}

func newConduit(room int) *conduit {
	c := &conduit{room: room}
	c.changed.L = &c.mu
	return c
}

func (c *conduit) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.held.Len() == 0 && !c.noMore && !c.broken {
		c.changed.Wait()
	}
	defer c.changed.Broadcast()
	if c.held.Len() == 0 {
		return 0, io.EOF
	}
	return c.held.Read(p)
}

func (c *conduit) Write(p []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(p) > 0 {
		for c.held.Len() >= c.room && !c.noMore && !c.broken {
			c.changed.Wait()
		}
		if c.noMore || c.broken {
			return n, io.ErrClosedPipe
		}
		part := p[:min(len(p), c.room-c.held.Len())]
		c.held.Write(part)
		n, p = n+len(part), p[len(part):]
		c.changed.Broadcast()
	}
	return n, nil
}

// end ends the writing: what is held can still be read.
func (c *conduit) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noMore = true
	c.changed.Broadcast()
}

// leave ends the reading: writes fail from now on.
func (c *conduit) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = true
	c.changed.Broadcast()
}

// left reports whether the reader is gone.
func (c *conduit) left() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
}

func (c *conduit) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held.Len()
}

// life is a stream to a worker that is a function of this program.
type life struct {
	in, out *conduit // out leads to the worker
	gone    chan struct{}

	mu   sync.Mutex // guards exit
	exit ganger.Exit
}

// far is the worker's end.
type far struct{ *life }

func (f far) Read(p []byte) (int, error)  { return f.out.Read(p) }
func (f far) Write(p []byte) (int, error) { return f.in.Write(p) }
func (f far) Close() error                { f.in.end(); f.out.leave(); return nil }

// spawn starts a life whose worker is f. The life ends when f returns, with
// exit 0 or, for an error, exit 1.
func spawn(t testing.TB, room int, f func(io.ReadWriteCloser) error) *life {
	l := &life{in: newConduit(room), out: newConduit(room), gone: make(chan struct{})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		reason := ganger.LeavingExit(0)
		if err := f(far{l}); err != nil {
			reason = ganger.LeavingExit(1)
		}
		l.die(reason, false)
	}()
	t.Cleanup(func() {
		l.Kill(ganger.LeavingStopped)
		await(t, ended, "the worker to end")
	})
	return l
}

func await(t testing.TB, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("waited %v for %s", patience, what)
	}
}

func (l *life) die(why ganger.Leaving, asked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.exit.Reason != "" {
		return
	}
	l.exit = ganger.Exit{Reason: why, Asked: asked}
	l.in.end()
	l.out.leave()
	l.out.end()
	close(l.gone)
}

func (l *life) Read(p []byte) (int, error)  { return l.in.Read(p) }
func (l *life) Write(p []byte) (int, error) { return l.out.Write(p) }
func (l *life) Close() error                { l.out.end(); return nil }
func (l *life) ID() string                  { return "fake 1" }
func (l *life) Gone() <-chan struct{}       { return l.gone }
func (l *life) Kill(why ganger.Leaving)     { l.die(why, true) }
func (l *life) Usage() wall.Usage           { return wall.Usage{} }
func (l *life) Unread() (int, bool)         { return l.out.len(), true }
func (l *life) Room() int                   { return l.out.room }

func (l *life) Exit() ganger.Exit {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.exit
}

func (l *life) Stop(ctx context.Context, why ganger.Leaving) {
	_ = l.Close()
	select {
	case <-l.gone:
	case <-ctx.Done():
		l.Kill(why)
		<-l.gone
	}
}

// walls is a wall whose every stream is a life of one function.
type walls struct {
	t    testing.TB
	room int
	f    func(io.ReadWriteCloser) error

	mu    sync.Mutex // guards lives
	lives []*life
}

func (w *walls) Traits() wall.Traits {
	return wall.Traits{Name: "fake", Command: "fake", CanKill: true}
}

func (w *walls) Open(context.Context, wall.Start) (wall.Stream, error) {
	l := spawn(w.t, w.room, w.f)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lives = append(w.lives, l)
	return l, nil
}

var errTest = errors.New("the test is over")

// open opens one instance of a worker that is a function, on a wall of room
// bytes each way.
func open[Q, R any](t testing.TB, d wall.Dialect[Q, R], room int, f func(io.ReadWriteCloser) error) (wall.Instance[Q, R], *life) {
	t.Helper()
	w := &walls{t: t, room: room, f: f}
	ctx, cancel := context.WithTimeoutCause(context.Background(), patience, errTest)
	defer cancel()
	i, err := wall.Speak(w, d).Open(ctx, wall.Start{Name: "w", Incarnation: 1, Grace: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return i, w.lives[0]
}

// call is a call and a channel that is closed at its end.
type call[R any] struct {
	wall.Call[R]
	done chan struct{}
}

func newCall[R any](h wall.Host) *call[R] {
	c := &call[R]{done: make(chan struct{})}
	c.Host, c.End = h, c
	return c
}

func (c *call[R]) EndCall(*wall.Call[R]) { close(c.done) }

// wait waits for the end of the call and returns what it came to.
func (c *call[R]) wait(t testing.TB) (R, error) {
	t.Helper()
	await(t, c.done, "a call to end")
	return c.Response, c.Err
}

func do[Q, R any](t testing.TB, i wall.Instance[Q, R], q Q, h wall.Host) (R, error) {
	t.Helper()
	c := newCall[R](h)
	i.Start(q, &c.Call)
	return c.wait(t)
}

// host keeps what is reported and answers what is asked.
type host struct {
	ask func(ctx context.Context, question []byte) ([]byte, error)

	mu       sync.Mutex // guards reported
	reported []string
}

func (h *host) Feedback(body []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reported = append(h.reported, string(body))
}

func (h *host) Ask(ctx context.Context, question []byte) ([]byte, error) {
	return h.ask(ctx, question)
}

func (h *host) reports() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.reported...)
}

// outcome fails the test unless err tells this outcome and cause.
func outcome(t testing.TB, err error, want ganger.Outcome, cause ganger.Cause) {
	t.Helper()
	if ganger.OutcomeOf(err) != want || ganger.CauseOf(err) != cause {
		t.Fatalf("ended %v (%v): %v; want %v (%v)", ganger.OutcomeOf(err), ganger.CauseOf(err), err, want, cause)
	}
}
