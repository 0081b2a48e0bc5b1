package worker

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
)

// conclude closes the present life and lets what follows begin. It is called
// with the turn.
func (c *core) conclude(turn uint64) {
	c.mu.Lock()
	if c.turn != turn {
		c.mu.Unlock()
		return
	}
	c.turn++ // what was armed for the handler means nothing to Close
	turn = c.turn
	c.disarmLocked()
	c.current, c.request = nil, nil // what was in hand has returned, or was abandoned
	var ctx *scope
	l := c.remoteLocked()
	if c.live && c.table.close != nil || l != nil {
		ctx = newScope(c)
		c.armCloseLocked(ctx)
	}
	data, live, why := c.data, c.live && c.table.close != nil, c.ending.why
	c.mu.Unlock()
	if ctx == nil {
		c.bury(turn, nil)
		return
	}
	defer ctx.Finish()
	c.bury(turn, c.runClose(turn, ctx, data, live, l, why))
}

// bury ends the present life: its obituary, and a next life or the end for
// good. failed is what Close had to say.
func (c *core) bury(turn uint64, failed error) {
	c.mu.Lock()
	if c.turn != turn {
		c.mu.Unlock()
		return
	}
	c.disarmLocked()
	c.turn++ // for Close, too, the time is over
	e := c.ending
	c.mu.Unlock()
	late := false
	if e.last != nil {
		late = e.last.look(cmp.Or(c.table.grace, DefaultGrace))
	}
	if failed != nil {
		failed = fmt.Errorf("close: %w", failed)
		e.exit.Stderr = strings.TrimPrefix(e.exit.Stderr+"\n"+failed.Error(), "\n")
	}
	c.mu.Lock()
	if late {
		c.extraLocked().abandoned++
	}
	c.exitLocked(&e.exit)
	c.running = false
	t := c.table
	if c.state != ganger.Dead {
		c.state, c.since = ganger.Dead, t.now()
		o := c.obituaryLocked(e, time.Now())
		c.extraLocked().last = &o
		t.dead.add(o)
		c.emitLocked(inspect.StateEvent(ganger.Dead), string(e.exit.Reason))
	}
	c.live, c.data, c.ending = false, nil, nil
	if !c.final {
		c.waitLocked(e)
		c.mu.Unlock()
		c.changed()
		return
	}
	if failed != nil {
		c.err = errors.Join(c.err, failed)
	}
	c.detail = ""
	c.forgetLocked()
	c.mu.Unlock()
	c.seat.leave(c)
	c.mu.Lock()
	c.gone = true
	if c.done != nil {
		close(c.done)
	}
	c.mu.Unlock()
}

// changed tells the worker's group, if it has one, that it was launched or has
// ended.
func (c *core) changed() {
	if g := c.table.group; g != nil {
		g.changed()
	}
}

// waitLocked has the next life begin after the delay, or leaves that to the
// group.
func (c *core) waitLocked(e *ending) {
	c.detail = backOff
	if e.next.Open {
		c.detail = circuitOpen
	}
	if e.group {
		return
	}
	x, turn := c.extraLocked(), c.turn
	again := func() {
		c.mu.Lock()
		due := c.turn == turn
		c.mu.Unlock()
		if !due {
			return
		}
		if goOn, ok := c.begin(); ok {
			goOn()
		}
	}
	if e.next.After <= 0 {
		go again() // ends with the life
		return
	}
	x.retryAt = time.Now().Add(e.next.After)
	x.retry = time.AfterFunc(e.next.After, again)
}
