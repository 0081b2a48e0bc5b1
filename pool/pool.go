package pool

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/wall"
)

// Pool performs tasks of type T, each with a response of type R, on workers
// that it keeps. It hides how a task becomes a request and what a worker may
// hold. It is safe for concurrent use.
type Pool[T, R any] struct {
	core engine[T, R]
}

// engine is a core without the types that only its kind knows.
type engine[T, R any] interface {
	inspect.Actor
	run(ctx context.Context, p inspect.Group) error
	submit(ctx context.Context, t Task[T]) (*Ticket[R], error)
	do(ctx context.Context, t Task[T]) (R, error)
	await(ctx context.Context) error
	cancelAll(as *ganger.Error)
	cancelWorker(name string) error
	lastAttempts(cause error)
	broadcast()
	setOrder(order func(a, b T) int)
	queuedTasks() []T
}

// New returns a pool whose tasks are of kind k and are performed behind w. It
// starts nothing before [Pool.Run]; tasks may be submitted before. It panics if
// k has no Request, w is nil, or c has an invalid field.
func New[T, Q, R, C any](k Kind[T, Q, R, C], w wall.Wall[wall.Instance[Q, R]], c Config) *Pool[T, R] {
	c, err := c.check()
	if k.Request == nil {
		err = errors.Join(err, errors.New("pool: Kind.Request is nil"))
	}
	if w == nil {
		err = errors.Join(err, errors.New("pool: the wall is nil"))
	}
	if err != nil {
		panic(err.Error())
	}
	return &Pool[T, R]{newCore(k, w, c)}
}

// Run keeps the workers until ctx ends. Then tasks that wait end as Cancelled
// (shutdown), running ones are asked to end and get the grace, and Run returns
// when every task has its outcome, every callback has returned and every life
// is gone. It returns context.Cause(ctx). It may be called once; [Pool.Drain]
// before ending ctx is how to let the work finish.
func (p *Pool[T, R]) Run(ctx context.Context) error { return p.core.run(ctx, p) }

// Submit accepts t, or returns a [*ganger.Error]: Rejected (closed) after Drain
// or Run, Rejected (start) when no worker can be started, Rejected (input) for
// an invalid Task, Rejected (full) or, with [Block], Cancelled (withdrawn) when
// ctx ends while it waits for room. ctx is for that wait only. What was
// accepted ends exactly once.
func (p *Pool[T, R]) Submit(ctx context.Context, t Task[T]) (*Ticket[R], error) {
	return p.core.submit(ctx, t)
}

// Do submits t and waits for its end. When ctx ends first the task is
// cancelled, and Do returns how it then ended, within the grace: as Cancelled
// (withdrawn) with the cause of ctx, or done after all.
func (p *Pool[T, R]) Do(ctx context.Context, t Task[T]) (R, error) { return p.core.do(ctx, t) }

// Join waits until every accepted task has ended and its callbacks have
// returned. If ctx ends first, or every worker is idle and none takes what
// waits ([ErrUnmatched]), it returns a [*BlockedError] that lists what it
// waited for.
func (p *Pool[T, R]) Join(ctx context.Context) error { return p.core.await(ctx) }

// Drain closes the pool to new tasks and joins. The workers stay until Run's
// context ends.
func (p *Pool[T, R]) Drain(ctx context.Context) error { return p.core.Drain(ctx) }

// CancelAll cancels every task that was accepted so far, as [Ticket.Cancel]
// does. It does not wait, and the pool goes on.
func (p *Pool[T, R]) CancelAll(cause error) {
	p.core.cancelAll(&ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseTask, Err: cause})
}

// CancelWorker cancels what the worker of that name, such as "w0", has in hand,
// and replaces its life. It does not wait. It returns [ErrNoWorker] for an
// unknown name.
func (p *Pool[T, R]) CancelWorker(name string) error { return p.core.cancelWorker(name) }

// Broadcast has [Kind.Match] asked again, after something outside that it
// depends on has changed.
func (p *Pool[T, R]) Broadcast() { p.core.broadcast() }

// SetOrder replaces the order in which tasks are offered, also of those that wait:
// see [Kind].Order, which is nil for the default.
func (p *Pool[T, R]) SetOrder(order func(a, b T) int) { p.core.setOrder(order) }

// Queued returns the tasks that wait, in the order in which they would be offered.
func (p *Pool[T, R]) Queued() []T { return p.core.queuedTasks() }

// Describe returns "pool" and the pool's name.
func (p *Pool[T, R]) Describe() (kind, name string) { return p.core.Describe() }

// Snapshot calls yield for each worker until it returns false. It never waits
// for a worker.
func (p *Pool[T, R]) Snapshot(yield func(inspect.Worker) bool) { p.core.Snapshot(yield) }

// CancelTask cancels the task with that number; it errs if there is none alive.
func (p *Pool[T, R]) CancelTask(id uint64) error { return p.core.CancelTask(id) }

// StopWorker is [Pool.CancelWorker]; kill skips the grace.
func (p *Pool[T, R]) StopWorker(name string, kill bool) error { return p.core.StopWorker(name, kill) }

func (c *core[T, Q, R, C]) run(ctx context.Context, p inspect.Group) error {
	defer c.cfg.Hub.Add(p)()
	keep, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	c.mu.Lock()
	if c.running {
		c.mu.Unlock()
		panic("pool: Run was called twice")
	}
	c.running, c.keep = true, keep
	for _, s := range c.seats {
		c.keepLocked(s)
	}
	c.mu.Unlock()
	<-ctx.Done()
	cause := context.Cause(ctx)
	c.mu.Lock()
	c.phase = closed
	c.mu.Unlock()
	c.cancelAll(&ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseShutdown, Err: cause})
	// Every call ends within the grace, so this wait is bounded.
	_ = c.await(context.Background())
	stop(cause)
	c.all.Wait()
	c.mu.Lock()
	c.clock.stopLocked()
	c.mu.Unlock()
	return cause
}

// Drain is for [inspect.Actor].
func (c *core[T, Q, R, C]) Drain(ctx context.Context) error {
	c.mu.Lock()
	if c.phase == accepting {
		c.phase = draining
	}
	wake := c.room
	c.room = nil
	c.mu.Unlock()
	for _, w := range wake {
		signal(w)
	}
	return c.await(ctx)
}

func (c *core[T, Q, R, C]) cancelWorker(name string) error {
	return c.stopWorker(name, ganger.LeavingCancelled, false)
}

// StopWorker replaces the life of a worker; what it has in hand is cancelled.
func (c *core[T, Q, R, C]) StopWorker(name string, kill bool) error {
	return c.stopWorker(name, ganger.LeavingStopped, kill)
}

func (c *core[T, Q, R, C]) stopWorker(name string, why ganger.Leaving, kill bool) error {
	as := &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseTask, Err: fmt.Errorf("worker %s was cancelled", name)}
	c.mu.Lock()
	for _, s := range c.seats {
		if s.name != name {
			continue
		}
		var carry []func()
		for _, h := range s.lives {
			if h.leaving == "" {
				h.leaving = why
			}
			for e := range h.hand.each {
				carry = append(carry, c.askLocked(e, as))
			}
			carry = append(carry, func() {
				if kill {
					h.Kill(why)
				}
				signal(h.wake)
			})
		}
		c.mu.Unlock()
		for _, f := range carry {
			f()
		}
		return nil
	}
	c.mu.Unlock()
	return fmt.Errorf("%w: %q", ErrNoWorker, name)
}

// CancelTask cancels the task with that number.
func (c *core[T, Q, R, C]) CancelTask(id uint64) error {
	c.mu.Lock()
	carry := func() {}
	found := false
	for e := range c.entriesLocked {
		if e.ticket.id == id {
			found = true
			carry = c.askLocked(e, &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseTask})
			break
		}
	}
	c.mu.Unlock()
	carry()
	if !found {
		return fmt.Errorf("pool: no task %d is alive", id)
	}
	return nil
}

// entriesLocked yields every task that has not ended.
func (c *core[T, Q, R, C]) entriesLocked(yield func(*entry[T, Q, R, C]) bool) {
	for _, s := range c.seats {
		for _, h := range s.lives {
			for e := range h.hand.each {
				if !yield(e) {
					return
				}
			}
			for _, e := range h.casualties {
				if !yield(e) {
					return
				}
			}
		}
	}
	for _, q := range append(c.boundLocked(), c.suspects, c.queue, &c.deferred) {
		for e := range q.each {
			if !yield(e) {
				return
			}
		}
	}
}

// broadcast lets every life with room look again.
func (c *core[T, Q, R, C]) broadcast() {
	c.mu.Lock()
	ready := append([]*holder[T, Q, R, C](nil), c.ready...)
	for _, h := range ready {
		h.unlistLocked()
	}
	free := c.freeIsolatorLocked() // it may keep itself for what it may take no more
	c.changedLocked()
	c.mu.Unlock()
	signal(free)
	for _, h := range ready {
		signal(h.wake)
	}
}

func (c *core[T, Q, R, C]) queuedTasks() []T {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []T
	for _, q := range append(c.boundLocked(), c.suspects, c.queue) {
		for e := range q.each {
			out = append(out, e.Value)
		}
	}
	return out
}

func (c *core[T, Q, R, C]) Describe() (kind, name string) { return "pool", c.cfg.Name }

func (c *core[T, Q, R, C]) Snapshot(yield func(inspect.Worker) bool) {
	c.mu.Lock()
	seats := slices.Clone(c.seats)
	c.mu.Unlock()
	for _, s := range seats {
		var w inspect.Worker
		s.keeper.View(&w)
		c.mu.Lock()
		if s.extra && len(s.lives) == 0 && s.vacant {
			c.mu.Unlock()
			continue
		}
		w.Done, w.Failed = s.done, s.failed
		if s.keyHits+s.keyMisses > 0 {
			w.Extra = map[string]any{"key-hits": s.keyHits, "key-misses": s.keyMisses}
		}
		for _, h := range s.lives {
			for e := range h.hand.each {
				w.Current = append(w.Current, c.describeLocked(e))
			}
		}
		c.mu.Unlock()
		// Its keeper may not have noted yet that it is ready.
		if len(w.Current) > 0 && (w.State == ganger.Idle || w.State == ganger.Starting && len(s.lives) == 1) {
			w.State, w.Detail = ganger.Busy, ""
		}
		if !yield(w) {
			return
		}
	}
}
