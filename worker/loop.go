package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/rescue"
)

// loop is what a goroutine does for which a worker was roused. It has nothing to
// do if the turn was taken from it before it began.
//
// With own it is what the caller of own does, until own has its end: somebody else
// goes on then.
func (c *core) loop(own *item) {
	c.mu.Lock()
	if !c.roused {
		c.mu.Unlock()
		return
	}
	c.roused = false
	c.loopLocked(own)
}

// loopLocked performs what waits until nothing does. It begins with the turn, and
// unlocks.
func (c *core) loopLocked(own *item) {
	turn, now := c.turn, c.since
	for c.ending == nil && !c.bereftLocked() {
		if own != nil && own.at == settled && (c.waiting.n > 0 || c.idleDue) {
			c.roused = true
			l := c.remoteLocked()
			c.mu.Unlock()
			c.goOn(l)
			return
		}
		if c.idleDue {
			c.idleDue = false
			if now = c.idled(turn); now == 0 {
				return
			}
			continue
		}
		it := c.takeLocked(now)
		if it == nil && c.table.next != nil {
			if it = c.pulled(turn); it == nil {
				return
			}
		}
		if it == nil {
			c.restLocked(now)
			c.mu.Unlock()
			return
		}
		if now = c.performed(turn, it); now == 0 {
			return
		}
	}
	c.mu.Unlock()
	if own != nil {
		go c.conclude(turn) // ends with the life
		return
	}
	c.conclude(turn)
}

// restLocked gives the turn back.
func (c *core) restLocked(now int64) {
	c.running = false
	c.state, c.since = ganger.Idle, now
	if c.spares > 1 {
		c.spare.next, c.spares = nil, 1
	}
	if c.table.idle > 0 {
		c.watchIdleLocked()
	}
}

// performed performs it, settles it, and tells its caller. It is called with
// the lock and returns with it and the instant of the end, or without it and 0
// if the turn was lost.
func (c *core) performed(turn uint64, it *item) int64 {
	t := c.table
	ctx := c.scope
	if t.limit > 0 || it.withdrawable {
		c.request = newScope(c)
		ctx = c.request
	}
	if t.limit > 0 {
		c.watchLimitLocked()
	}
	if c.state != ganger.Busy {
		c.state, c.since = ganger.Busy, c.taken
	}
	data, life, own := c.data, c.scope, c.request
	c.mu.Unlock()
	// What follows is another function, so that little of the small stack of a fresh
	// goroutine is taken when the handler begins: to grow it costs more than a call.
	crash, obeyed, err := c.runHandler(turn, ctx, data, it, own, life)
	if crash != nil {
		c.crashed(turn, crash)
		return 0
	}
	return c.returned(turn, ctx, data, it, own, obeyed, err)
}

// returned is what performed does once the handler has returned.
func (c *core) returned(turn uint64, ctx *scope, data any, it *item, own *scope, obeyed bool, err error) int64 {
	t := c.table
	ended := t.now()
	more := false // other code of the user was called after the handler
	var crash *ganger.Error
	verdict, said := Continue, ""
	c.mu.Lock()
	if err != nil {
		if c.turn != turn {
			c.mu.Unlock()
			return 0
		}
		var told bool
		if err, told = c.meantLocked(it, err, obeyed); told && t.onError != nil {
			it.judged = true
			if c.ending == nil {
				c.disarmLocked()
			}
			c.mu.Unlock()
			more = true
			if verdict, crash = c.runOnError(turn, ctx, data, it, err); crash != nil {
				c.crashed(turn, crash)
				return 0
			}
			if verdict != Continue {
				said = words(err)
			}
			c.mu.Lock()
		}
	}
	if c.turn != turn {
		c.mu.Unlock()
		return 0
	}
	var q any
	tell := err == nil && t.onDone != nil
	if tell {
		q = it.kind.request(it)
	}
	pushed, started := it.pushed, c.taken
	w := c.settleLocked(it, err)
	switch verdict { // it stands before the caller wakes
	case Stop:
		c.stopLocked(err, said)
	case Crash:
		c.condemnLocked(c.faultLocked(err), said)
	}
	c.current, c.request = nil, nil
	c.disarmLocked()
	if tell && c.ending != nil {
		c.armLocked()
	}
	if !it.waited {
		c.spareLocked(it)
	} else if w != nil {
		it.shared = false // its performer is done with it
	}
	if w == nil && !tell && own == nil {
		if more {
			ended = t.now()
		}
		return ended // nobody hears of it: the lock is kept for the next
	}
	c.mu.Unlock()
	wake(w)
	if tell {
		more = true
		if crash = c.runOnDone(turn, ctx, data, q, t.time(pushed), t.time(started), t.time(ended)); crash != nil {
			c.crashed(turn, crash)
			return 0
		}
	}
	if own != nil {
		own.Finish() // what the handler has left running with it ends
	}
	if more {
		ended = t.now() // the next request begins here
	}
	c.mu.Lock()
	if c.turn != turn {
		c.mu.Unlock()
		return 0
	}
	return ended
}

// obeys reports whether err is what a handler returns because its context has
// ended: the request's own, which may be nil, or the life's.
func obeys(err error, own, life *scope) bool {
	var cause error
	if own != nil {
		cause = own.Cause()
	}
	if cause == nil {
		cause = life.Cause()
	}
	return cause != nil && (errors.Is(err, context.Canceled) || errors.Is(err, cause))
}

// meantLocked returns what a handler's error means, and whether OnError is told.
// Somebody's change of mind is no failure of the work.
func (c *core) meantLocked(it *item, err error, obeyed bool) (_ error, tell bool) {
	switch {
	case it.overdue:
		return &ganger.Error{Outcome: ganger.TimedOut, Cause: ganger.CauseExec, Worker: c.idLocked(), Err: err}, true
	case !obeyed:
		return err, true
	case c.ending != nil:
		return c.unwantedLocked(), false
	}
	return err, false
}

// unwantedLocked is the end of what is in hand when its life ends.
func (c *core) unwantedLocked() error {
	return &ganger.Error{Outcome: ganger.Cancelled, Cause: c.ending.cause, Worker: c.idLocked(), Err: c.ending.why}
}

// idled calls OnIdle. It is called with the lock and returns with it and the
// instant of the end, or without it and 0 if the turn was lost.
func (c *core) idled(turn uint64) int64 {
	ctx, data := c.scope, c.data
	c.mu.Unlock()
	if crash := c.runOnIdle(turn, ctx, data); crash != nil {
		c.crashed(turn, crash)
		return 0
	}
	now := c.table.now()
	c.mu.Lock()
	if c.turn != turn {
		c.mu.Unlock()
		return 0
	}
	return now
}

// pulled takes the next request from the source. It is called with the lock and
// returns with it and a request in hand, or without it and nil.
func (c *core) pulled(turn uint64) *item {
	c.state, c.since = ganger.Idle, c.table.now()
	ctx, data := c.scope, c.data
	c.mu.Unlock()
	q, crash, err := c.runNext(turn, ctx, data)
	if crash != nil {
		c.crashed(turn, crash)
		return nil
	}
	var k *found
	if err == nil && q == nil {
		err = errNothingPulled
	} else if err == nil {
		k, err = c.kindOf(reflect.TypeOf(q))
	}
	now, said := c.table.now(), words(err)
	c.mu.Lock()
	switch {
	case c.turn != turn:
		c.mu.Unlock()
		return nil
	case c.ending != nil:
		if err == nil && !c.final { // for the next life; after the last it comes too late
			c.waiting.push(c.pulledLocked(k, q, now, pending))
			c.passOnLocked(c.ending.why)
		}
		c.mu.Unlock()
		c.conclude(turn)
		return nil
	case err != nil:
		fault := c.faultLocked(err)
		if err == io.EOF {
			fault = c.crashLocked(&ganger.Exit{Reason: ganger.LeavingEnded}, errSourceEnded)
			said = errSourceEnded.Error()
		}
		c.condemnLocked(fault, said)
		c.mu.Unlock()
		c.conclude(turn)
		return nil
	}
	it := c.pulledLocked(k, q, now, inHand)
	c.state, c.since, c.current, c.taken = ganger.Busy, now, it, now
	return it
}

// pulledLocked makes a request of what a source gave.
func (c *core) pulledLocked(k *found, q any, now int64, at place) *item {
	it := c.itemLocked(k, q)
	c.ids++
	it.id, it.pushed, it.at = c.ids, now, at
	return it
}

// guard calls f, code of the user, and returns the panic that ended it. After a
// Goexit it does not return: another goroutine ends the life then.
func (c *core) guard(turn uint64, f func()) (crash *ganger.Error) {
	rescue.Call(f, func(v any, at rescue.Stack) {
		crash = c.panicked(v, at)
		if v == nil {
			go c.crashed(turn, crash) // it has the turn now, as this goroutine had
		}
	})
	return crash
}

// errGoexit is what is known of code that ended its goroutine.
var errGoexit = errors.New("the goroutine was ended (runtime.Goexit)")

func (c *core) panicked(v any, at rescue.Stack) *ganger.Error {
	err := errGoexit
	if v != nil {
		err = fmt.Errorf("panic: %v", v)
		if e, ok := v.(error); ok {
			err = fmt.Errorf("panic: %w", e)
		}
	}
	stack := c.table.stack(at)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.crashLocked(&ganger.Exit{Reason: ganger.LeavingPanic, Stack: stack}, err)
}

// trace is where a life panicked, and how that reads.
type trace struct {
	at   rescue.Stack
	text string
}

// stack returns how at reads. Lives that follow each other quickly mostly fall at
// the same place, and to read the last once more costs nothing.
func (t *ward) stack(at rescue.Stack) string {
	if last := t.trace.Load(); last != nil && slices.Equal(last.at, at) {
		return last.text
	}
	now := &trace{slices.Clone(at), at.String()}
	t.trace.Store(now)
	return now.text
}

// faultLocked is the crash that a verdict, a source or Self.Crash asks for.
func (c *core) faultLocked(err error) *ganger.Error {
	return c.crashLocked(&ganger.Exit{Reason: ganger.LeavingPanic}, err)
}

func (c *core) crashLocked(x *ganger.Exit, err error) *ganger.Error {
	return &ganger.Error{Outcome: ganger.Crashed, Cause: x.Reason.Cause(), Worker: c.idLocked(), Exit: x, Err: err}
}
