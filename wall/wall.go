package wall

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/ganger-dev/ganger"
)

// Life is one incarnation behind a wall. Its methods are safe for concurrent use.
type Life interface {
	// ID names the life for people, such as "pid 4711". No two lives of a
	// program that are alive at once share one.
	ID() string
	// Gone is closed by itself when the life has ended, idle or busy, and what
	// it held (process, descendants, descriptors) is gone. Exit is final then.
	Gone() <-chan struct{}
	// Exit is what is known of the end; zero before Gone.
	Exit() ganger.Exit
	// Stop ends the life politely, by force when ctx ends, and returns when it
	// is gone. The first reason given wins; more calls only wait.
	Stop(ctx context.Context, why ganger.Leaving)
	// Kill ends the life at once and does not wait. Where the wall cannot kill,
	// the life is abandoned: Gone closes and it is counted.
	Kill(why ganger.Leaving)
	// Usage is the newest sample, zero when there is none. It never blocks.
	Usage() Usage
}

// Usage is one sample of what a life uses.
type Usage struct {
	PID    int           // 0 where there is no process
	Memory int64         // bytes resident, of the whole group
	CPU    time.Duration // user and system
}

// Stream is a life with bytes both ways. Read ends with io.EOF at the death of
// the life at the latest, also while a descendant still holds the other end;
// bytes written before the death are read first. Close ends writing only, and
// may be called more than once. One goroutine may read while another writes.
type Stream interface {
	Life
	io.ReadWriteCloser
}

// Peeker is implemented by streams that can tell, without blocking or reading,
// whether bytes wait to be read. A dialect without ids uses it to find what a
// worker said unasked before that is taken for an answer.
type Peeker interface{ Waiting() bool }

// Unreader is implemented by streams that can tell how many of the bytes
// written to them the worker never took. ok is false when it is not known.
// After a death it tells a request that was never read from one that was.
type Unreader interface{ Unread() (n int, ok bool) }

// Roomer is implemented by streams that hold what is written until the worker
// takes it. Room returns how many bytes one that holds nothing takes in any case
// without blocking, however many writes they come in. A dialect with several
// slots may then write on the goroutine that must never wait.
type Roomer interface{ Room() int }

// Settler is implemented by streams with logs beside their protocol. Settle
// returns when what was written on them before the call has been handed to
// [Start].Line, or after a short time if Line is too slow. Before a failure is
// told, it lets the words about it arrive.
type Settler interface{ Settle() }

// Talker is implemented by settlers that know whether it is worth while to settle
// after every request. Talks reports whether the worker writes on its logs, as far
// as that is known: it may be true once too often, and at first is. Where a worker
// has one request in hand at a time, its lines then come before the end of the
// request in which they were written.
type Talker interface {
	Settler
	Talks() bool
}

// Heavier is implemented by lives that can tell when they should be replaced for
// the memory that they hold, when they have done what they have in hand. Heavy is
// closed then; the life goes on. It is nil where nothing is measured.
type Heavier interface{ Heavy() <-chan struct{} }

// Metered is implemented by streams whose use is measured, but only while they
// have something to do, as they are taken to have at their start. Both methods
// are cheap.
type Metered interface {
	Heavier
	Busy() // it has something to do
	Idle() // it has nothing to do from here on
}

// Instance is a life that performs requests.
type Instance[Q, R any] interface {
	Life
	// Slots is how many calls it may have in hand at once, at least 1; to start
	// more is a bug of the caller.
	Slots() int
	// Start hands q over without waiting for the answer. c.End is told exactly
	// once, on a goroutine of the instance or, if the call ends at once, on
	// this one; it must not block and may Start the next call. q belongs to the
	// instance until then.
	Start(q Q, c *Call[R])
	// Cancel asks c to end: softly at once if the worker can be asked, and by
	// killing the life after the grace of [Start]. The call then ends with as
	// (completed by worker and exit), unless its response came all the same.
	// Before Start the cancel is remembered; after the end, and when c was
	// asked before, it does nothing. Neighbours that die of the kill end Crashed
	// with an error that is [ErrNeighbour].
	Cancel(c *Call[R], as *ganger.Error)
}

// Teller is implemented by instances that can ask a call to end and leave it at
// that.
type Teller[R any] interface {
	// Tell asks c to end, as Cancel does, but its life is never ended for it.
	// Whoever wants the call ended after that ends the life: a Cancel of it
	// does nothing any more.
	Tell(c *Call[R], as *ganger.Error)
}

// Runner is the upgrade for instances with one slot: Start, but performed on
// the calling goroutine, which it blocks until the call has ended. It saves two
// goroutine switches a request.
type Runner[Q, R any] interface{ Run(q Q, c *Call[R]) }

// Host is what a worker reaches during a request, the same on both sides of a
// wall. Its methods are called on goroutines of the instance.
type Host interface {
	// Feedback reports something before the response. Bodies of one request
	// arrive in order. It may block, which slows the worker down. body belongs
	// to the receiver only until it returns.
	Feedback(body []byte)
	// Ask puts a question to the coordinator and waits for the answer.
	Ask(ctx context.Context, question []byte) ([]byte, error)
}

// Wall opens lives of one sort, [Stream] or [Instance]. It is a plain value and
// safe for concurrent use.
type Wall[L Life] interface {
	Traits() Traits
	// Open starts a life and returns it ready, or an error that tells the
	// command, how it exited and its last words ([*StartError]); nothing is left
	// behind then. When ctx ends the start is given up. The life outlives ctx.
	Open(ctx context.Context, s Start) (L, error)
}

// Traits says what a wall is and can do.
type Traits struct {
	Name    string // such as "process"
	Command string // what a life executes, for messages; "" where nothing is
	CanKill bool   // Kill ends the work itself, not only the wait for it
	Encodes bool   // requests cross as bytes
	OneShot bool   // each request is a life of its own to the operating system
	Mute    bool   // Open returns before the worker has said anything: see [Dialect]
}

// Start is what one life is told at its start.
type Start struct {
	Name        string        // of the worker
	Seat        int           // its place among its siblings, from 0
	Incarnation uint64        // of the worker, from 1
	Env         []string      // "KEY=VALUE", beside the environment of the wall
	Grace       time.Duration // between asking a call to end and killing the life; zero means 1s, negative none
	// Line receives each line, without its end, that the worker writes on an
	// output that is not its protocol's. It is called by one goroutine an
	// output, must not keep line, and slows the worker down while it blocks.
	// Nil discards.
	Line func(stderr bool, line []byte)
}

// DefaultGrace is the meaning of a zero [Start.Grace].
const DefaultGrace = time.Second

// Worker returns "name#incarnation", the name of the life for people and errors.
func (s Start) Worker() string {
	return s.Name + "#" + strconv.FormatUint(s.Incarnation, 10)
}

// Patience returns the effective grace: the default for zero, 0 for negative.
func (s Start) Patience() time.Duration {
	switch {
	case s.Grace == 0:
		return DefaultGrace
	case s.Grace < 0:
		return 0
	}
	return s.Grace
}

// Errors that a [Session] passes to [Call.Finish], alone or wrapped, to say
// what became of a call; other errors are the worker's own words about its work.
var (
	// ErrUnsent: the request did not reach the worker whole. It costs nothing
	// and may run again, whatever its effects.
	ErrUnsent = errors.New("wall: the request was not sent")
	// ErrNeighbour: the call was in hand when its life was ended for the sake of
	// another call. It is not to blame, but it may have had effects.
	ErrNeighbour = errors.New("wall: its life was ended for a neighbour")
	// ErrGone: the stream ended while an answer was owed.
	ErrGone = errors.New("wall: the stream ended before the answer")
	// ErrBroken: the worker broke its protocol; wrap it with what was seen.
	ErrBroken = errors.New("wall: the worker broke its protocol")
	// ErrEarly: bytes were there before a request was written, which it then was not.
	ErrEarly = errors.New("wall: the worker spoke before it was asked")
	// ErrYielded: the worker gave the request up because it was asked to.
	ErrYielded = errors.New("wall: the worker gave the request up")
)

// StartError says why a life did not become ready.
type StartError struct {
	Worker  string       // "name#incarnation"
	Command string       // what was executed; "" where nothing is
	Exit    *ganger.Exit // nil when nothing was ever started
	Err     error        // what went wrong; never nil
}

// Error tells the command, what went wrong, the exit and the last words.
func (e *StartError) Error() string {
	var b strings.Builder
	b.WriteString("start " + e.Worker)
	if e.Command != "" {
		fmt.Fprintf(&b, ": %s", e.Command)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	if e.Exit == nil {
		return b.String()
	}
	fmt.Fprintf(&b, ": %s", e.Exit.Reason)
	if e.Exit.Signal != "" {
		fmt.Fprintf(&b, " (%s)", e.Exit.Signal)
	}
	if e.Exit.Stray != "" {
		fmt.Fprintf(&b, "; standard output began with %q", e.Exit.Stray)
	}
	if words := strings.TrimSpace(e.Exit.Stderr); words != "" {
		fmt.Fprintf(&b, "; standard error ended with:\n%s", words)
	}
	return b.String()
}

// Unwrap returns what went wrong.
func (e *StartError) Unwrap() error { return e.Err }
