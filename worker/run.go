package worker

import (
	"errors"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/rescue"
	"github.com/ganger-dev/ganger/wall"
)

// What a definition says is run by these, and nowhere else: on the goroutine that
// calls them or, if the table's workers live behind a wall, by the process of the
// present life. Everything else is the same for both. Each returns the crash that
// ends the life, if there was one.

// runLaunch makes the state of a new life.
func (c *core) runLaunch(turn uint64, ctx *scope) (data any, crash *ganger.Error, err error) {
	if f := c.table.far; f != nil {
		l, crash, err := f.launch(ctx, c)
		return l, crash, err
	}
	crash = c.guard(turn, func() { data, err = c.seat.launch(ctx, c) })
	return data, crash, err
}

// runHandler performs it, and reports whether an error of its obeys the end of
// the request's own context or that of the life. What the process never got goes
// back to where it was.
func (c *core) runHandler(turn uint64, ctx *scope, data any, it *item, own, life *scope) (crash *ganger.Error, obeyed bool, err error) {
	if c.table.far != nil {
		return c.runFarHandler(ctx, data.(*remote), it, own, life)
	}
	crash = c.guard(turn, func() {
		if err = it.kind.perform(ctx, data, it); err != nil {
			obeyed = obeys(err, own, life) // runs code of the error
		}
	})
	return crash, obeyed, err
}

func (c *core) runFarHandler(ctx *scope, l *remote, it *item, own, life *scope) (crash *ganger.Error, obeyed bool, err error) {
	crash, err = l.perform(ctx, it)
	if crash != nil && l.unsent {
		c.mu.Lock()
		c.putOffLocked(it)
		c.mu.Unlock()
	}
	return crash, err != nil && obeys(err, own, life), err
}

// runOnError tells OnError of a handler's error.
func (c *core) runOnError(turn uint64, ctx *scope, data any, it *item, err error) (v Verdict, crash *ganger.Error) {
	if c.table.far == nil {
		crash = c.guard(turn, func() { v = c.table.onError(ctx, data, it.kind.request(it), err) })
		return v, crash
	}
	if _, own := errors.AsType[*said](err); !own {
		return Continue, nil // it never came to the handler, or what the handler gave never came here
	}
	return data.(*remote).onError(ctx, err)
}

// runOnDone tells OnDone of the request q.
func (c *core) runOnDone(turn uint64, ctx *scope, data, q any, pushed, started, ended time.Time) *ganger.Error {
	if c.table.far == nil {
		return c.guard(turn, func() { c.table.onDone(ctx, data, q, pushed, started, ended) })
	}
	return data.(*remote).onDone(ctx, pushed, started, ended)
}

func (c *core) runOnIdle(turn uint64, ctx *scope, data any) *ganger.Error {
	if c.table.far == nil {
		return c.guard(turn, func() { c.table.onIdle(ctx, data) })
	}
	return data.(*remote).onIdle(ctx)
}

// runNext pulls a request.
func (c *core) runNext(turn uint64, ctx *scope, data any) (q any, crash *ganger.Error, err error) {
	if c.table.far == nil {
		crash = c.guard(turn, func() { q, err = c.table.next(ctx, data) })
		return q, crash, err
	}
	return data.(*remote).next(ctx)
}

// runClose closes the state of a life that has one, and ends the process if it
// was behind a wall. The turn may be lost meanwhile.
func (c *core) runClose(turn uint64, ctx *scope, data any, live bool, l *remote, why error) (err error) {
	if l != nil {
		return l.end(ctx, live, why)
	}
	rescue.Call(func() { err = c.table.close(ctx, data, why) }, func(v any, at rescue.Stack) {
		err = c.panicked(v, at)
		if v == nil { // this goroutine is ending
			go c.bury(turn, err)
		}
	})
	return err
}

// remoteLocked returns the present life if it is behind a wall.
func (c *core) remoteLocked() *remote {
	if c.x == nil {
		return nil
	}
	return c.x.life
}

// bereftLocked reports whether the process of the present life, from which
// nothing is wanted at the moment, has ended, and condemns the life then.
func (c *core) bereftLocked() bool {
	if c.table.far == nil {
		return false
	}
	l := c.remoteLocked()
	if !l.over() {
		return false
	}
	crash := l.died(nil)
	c.condemnLocked(crash, words(crash.Err))
	return true
}

// tell ends the context ctx of what the worker does, and tells the process of it.
func (c *core) tell(ctx *scope, cause error) {
	ctx.Cancel(cause)
	if l := c.remoteLocked(); l != nil {
		l.tell(ctx, cause)
	}
}

// putOffLocked puts it, which was in hand and never reached the process, back in
// front of what waits.
func (c *core) putOffLocked(it *item) {
	switch {
	case it.at != inHand || it.overdue || c.final:
		return // it has its end, or gets it
	case c.table.box && c.waiting.n > 0:
		wake(c.settleLocked(it, superseded(c.seat.name())))
	default:
		it.at = pending
		c.waiting.unshift(it)
	}
	c.current, c.request = nil, nil
}

// stopsLocked settles what is in hand of a process that was killed because that
// took too long, or for the end of the life: not as the crash that follows.
func (c *core) stopsLocked() {
	it := c.current
	switch {
	case it == nil:
	case it.overdue:
		wake(c.settleLocked(it, c.overdueLocked()))
	case c.ending != nil:
		wake(c.settleLocked(it, c.unwantedLocked()))
	}
}

// killLocked ends the process whose grace is over, and reports whether there is
// one. Whoever has its call in hand then concludes.
func (c *core) killLocked() bool {
	l := c.remoteLocked()
	if l == nil {
		return false
	}
	why := ganger.LeavingStopped
	switch {
	case c.state == ganger.Starting:
		why = ganger.LeavingStartFailed
	case c.current != nil && c.current.overdue:
		why = ganger.LeavingExecTimeout
	}
	l.kill(why)
	return true
}

// startExit is the end of a life that was not launched.
func startExit(err error) *ganger.Exit {
	x := ganger.Exit{}
	if e, ok := errors.AsType[*wall.StartError](err); ok && e.Exit != nil {
		x = *e.Exit
	}
	x.Reason = ganger.LeavingStartFailed
	return &x
}

// exitLocked adds to the end of a life what is known of its process.
func (c *core) exitLocked(x *ganger.Exit) {
	l := c.remoteLocked()
	if l == nil || l.inst == nil {
		return
	}
	its := l.inst.Exit()
	its.Reason, its.Asked = x.Reason, x.Asked
	if x.Stack != "" {
		its.Stack = x.Stack
	}
	if x.Stderr != "" && its.Stderr == "" {
		its.Stderr = x.Stderr
	}
	*x = its
	c.x.life = nil
}
