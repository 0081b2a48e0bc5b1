package pool

import (
	"context"
	"sync"
)

// Ticket stands for one accepted task. It is safe for concurrent use.
type Ticket[R any] struct {
	id    uint64
	entry interface {
		cancel(cause error)
		member
	}

	mu    sync.Mutex    // guards what follows; never held across a call
	done  chan struct{} // made when somebody waits
	ended bool
	r     R
	err   error
}

// ID is the task's number in its pool, from 1 in the order of acceptance.
func (t *Ticket[R]) ID() uint64 { return t.id }

// Done returns a channel that closes when the task has ended.
func (t *Ticket[R]) Done() <-chan struct{} {
	t.mu.Lock()
	done, ended := t.done, t.ended
	if done == nil {
		done = make(chan struct{})
		t.done = done
		if ended {
			close(done)
		}
	}
	t.mu.Unlock()
	if !ended {
		t.entry.force()
	}
	return done
}

// awaited reports whether somebody waits.
func (t *Ticket[R]) awaited() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.done != nil
}

// Wait returns the response, or the [*ganger.Error] that tells the end of the
// task. If ctx ends first it returns context.Cause(ctx), and the task goes on:
// [Pool.Do] is for those who want it cancelled then. With the context of
// [Kind.Ask] the task that asked lends its slot meanwhile.
func (t *Ticket[R]) Wait(ctx context.Context) (R, error) {
	done := t.Done()
	select {
	case <-done: // alone first: a task that has ended is never reported as not waited for
		return t.r, t.err
	default:
	}
	defer lendFor(ctx)()
	select {
	case <-done:
		return t.r, t.err
	case <-ctx.Done():
		var none R
		return none, context.Cause(ctx)
	}
}

// Cancel withdraws the task: queued, it never runs; running, it is asked to
// end, and its life is killed if it does not within the grace. It does not
// wait, and does nothing once the task has ended. cause is found in the task's
// error by errors.Is; it may be nil.
func (t *Ticket[R]) Cancel(cause error) { t.entry.cancel(cause) }

// end is called once.
func (t *Ticket[R]) end(r R, err error) {
	t.mu.Lock()
	t.r, t.err, t.ended = r, err, true
	done := t.done
	t.mu.Unlock()
	if done != nil {
		close(done)
	}
}

// result returns how the task ended, if it has.
func (t *Ticket[R]) result() (r R, err error, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.r, t.err, t.ended
}
