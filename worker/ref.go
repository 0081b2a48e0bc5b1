package worker

import (
	"context"
	"errors"
	"reflect"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
)

// ErrSelf is returned to a handler that would wait for its own worker: by Stop,
// Call, [Bounded.Push] when there is no room, [Table.LaunchOrFind] when the worker
// is stopping, and [Table.Close], given a context that comes from the handler's.
// Trigger and [Self.Push] are legal.
var ErrSelf = errors.New("worker: a handler cannot wait for its own worker")

// Ref names a worker. It follows the worker through its incarnations, and tells
// the last state for ever once it is dead for good; a worker launched under the
// same name after that is another. It is a small value, safe for concurrent use.
// The zero Ref names nobody and must not be used.
type Ref struct{ c *core }

// Name returns the worker's name, as people see it.
func (f Ref) Name() string { return f.c.seat.name() }

// Status returns the state of the present life and its incarnation. Between two
// lives it is Dead; it is Dead for good once Done is closed.
func (f Ref) Status() (ganger.State, uint64) {
	if a := f.c.table.away; a != nil {
		return a.status()
	}
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	return f.c.state, uint64(f.c.incarnation)
}

// Describe returns everything known of the worker. It never waits for it.
func (f Ref) Describe() inspect.Worker {
	if a := f.c.table.away; a != nil {
		return a.describe()
	}
	return f.c.describe()
}

// Trigger stops the worker for good, whatever its policy, and does not wait.
// What waits ends Cancelled (shutdown) at once; what is in hand has its context
// ended and [Config].Grace to return. why may be nil. The first why counts; a
// worker that ends already is not disturbed.
func (f Ref) Trigger(why error) {
	if a := f.c.table.away; a != nil {
		a.tell(wordTrigger, why)
		return
	}
	f.c.stop(why)
}

// Stop is Trigger without a reason, and waits until Close has returned and the
// name is free. It returns context.Cause(ctx) if ctx ends first, and [ErrSelf] if
// ctx is that of a handler of this worker.
func (f Ref) Stop(ctx context.Context) error {
	if of(ctx) == f.c {
		return ErrSelf
	}
	f.Trigger(nil)
	done := f.Done()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-done:
		return nil // it was over already
	default:
		return context.Cause(ctx)
	}
}

// Done returns a channel that is closed when the worker is dead for good, its
// Close has returned and its name is free.
func (f Ref) Done() <-chan struct{} { return f.c.over() }

// Err returns why the worker is dead, or dying, for good: nil while it is not and
// after a stop without a reason.
func (f Ref) Err() error {
	if a := f.c.table.away; a != nil {
		return a.why()
	}
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	return f.c.err
}

func (c *core) over() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.gone {
			close(c.done)
		}
	}
	return c.done
}

// Self is a worker's ref to itself, for its Launch and handlers.
type Self[W any] struct{ Ref }

// Push posts q to the worker itself. It never waits: a full mailbox refuses it
// (Rejected, full), a box merges it. A source performs it before it is asked
// again.
func (w Self[W]) Push(q Post[W]) error {
	return w.c.pushSelf(q)
}

func (c *core) pushSelf(q any) error {
	switch t := c.table; {
	case t.away != nil:
		return t.away.push(q)
	case t.box:
		return c.put(q)
	}
	return c.push(q)
}

// Crash ends the present life as if its handler had panicked with err; what is
// in hand ends Crashed, and the policy decides what follows. It does not wait.
func (w Self[W]) Crash(err error) {
	if a := w.c.table.away; a != nil {
		a.tell(wordCrash, err)
		return
	}
	w.c.crash(err)
}

// Queue is a ref to a worker with a mailbox without a bound.
type Queue[W any] struct{ Ref }

// Push posts q and never blocks. The error is Rejected (closed) when the worker
// is dead for good, Failed (unhandled) when no handler is for q. Requests pushed
// by one goroutine are performed in that order.
func (w Queue[W]) Push(q Post[W]) error { return w.c.push(q) }

func (w Queue[W]) fifo(W) *core { return w.c }

// Bounded is a ref to a worker whose mailbox holds a number of requests, the one
// in hand not counted.
type Bounded[W any] struct{ Ref }

// Push posts q, waiting for room while there is none; those who wait get it in
// their order. It returns nil once the mailbox owns q. The error is Cancelled
// (withdrawn) when ctx ended first, [ErrSelf] when a handler would wait for room in
// its own mailbox, else as of [Queue.Push].
func (w Bounded[W]) Push(ctx context.Context, q Post[W]) error { return w.c.pushWaiting(ctx, q) }

// TryPush is Push without the waiting: Rejected (full) when there is no room.
func (w Bounded[W]) TryPush(q Post[W]) error { return w.c.push(q) }

func (w Bounded[W]) fifo(W) *core { return w.c }

// Latest is a ref to a worker whose mailbox is a box for one request.
type Latest[W any] struct{ Ref }

// Put puts q into the box, merged with what is there as the table's merge says.
// It never waits for the worker, but for other puts that merge. A panic in merge
// leaves the box as it was and is the putter's. Errors are as of [Queue.Push].
func (w Latest[W]) Put(q Post[W]) error { return w.c.put(q) }

func (w Latest[W]) box(W) *core { return w.c }

// Source is a ref to a worker that pulls its requests itself.
type Source[W any] struct{ Ref }

// gate is a push that waits for room.
type gate struct {
	item
	q        any
	end      error // set if it was never accepted
	accepted chan struct{}
}

func (g *gate) settle(end error) { g.end = end }
func (g *gate) wake()            { g.accepted <- struct{}{} }

func (c *core) pushWaiting(ctx context.Context, q any) error {
	if ctx.Err() != nil {
		return withdrawn(c, ctx)
	}
	err := c.push(q)
	if ganger.CauseOf(err) != ganger.CauseFull {
		return err
	}
	if of(ctx) == c {
		return ErrSelf // only this handler could make the room
	}
	g := &gate{q: q, accepted: make(chan struct{}, 1)}
	g.kind, g.what, g.waited = c.table.kinds[reflect.TypeOf(q)], g, true
	if err := c.post(ctx, &g.item); err != nil {
		return err
	}
	select {
	case <-g.accepted:
	case <-ctx.Done():
		if end := withdrawn(c, ctx); c.retreat(&g.item, end) {
			return end
		}
		<-g.accepted
	}
	return g.end
}

// retreat withdraws what waits for room, and reports whether it still did.
func (c *core) retreat(it *item, end error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if it.at != blocked {
		return false
	}
	c.x.blocked.take(it)
	c.settleLocked(it, end)
	return true
}
