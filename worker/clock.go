package worker

import (
	"cmp"
	"fmt"
	"time"

	"github.com/ganger-dev/ganger"
)

// armLocked gives what is running the grace to end; then it is abandoned.
func (c *core) armLocked() {
	turn, id := c.turn, c.currentLocked()
	c.afterLocked(c.table.grace, func() { c.abandon(turn, id) })
}

// armStartLocked gives Launch the time that it may take, and then the grace.
func (c *core) armStartLocked() {
	if c.table.start < 0 {
		return
	}
	turn, ctx := c.turn, c.scope
	c.afterLocked(c.table.start, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.turn == turn && c.state == ganger.Starting && c.ending == nil {
			ctx.Cancel(fmt.Errorf("it was not launched within %v", c.table.start))
			c.armLocked()
		}
	})
}

// armCloseLocked gives Close the grace to return; its context ends then, and
// nobody waits for it any more.
func (c *core) armCloseLocked(ctx *scope) {
	turn := c.turn
	grace := cmp.Or(c.table.grace, DefaultGrace) // none would be no time to close at all
	c.afterLocked(grace, func() {
		late := fmt.Errorf("it did not return within %v", grace)
		ctx.Cancel(late)
		c.mu.Lock()
		if c.turn != turn || c.killLocked() {
			c.mu.Unlock()
			return
		}
		c.turn++
		turn := c.turn
		c.extraLocked().abandoned++
		c.mu.Unlock()
		c.bury(turn, late)
	})
}

func (c *core) afterLocked(d time.Duration, f func()) {
	x := c.extraLocked()
	c.disarmLocked()
	x.grace = time.AfterFunc(d, f)
}

// disarmLocked ends the grace: what had it has ended.
func (c *core) disarmLocked() {
	if x := c.x; x != nil && x.grace != nil {
		x.grace.Stop()
		x.grace = nil
	}
}

// forgetLocked stops the clocks of a worker that is dead for good, which would
// keep it in memory.
func (c *core) forgetLocked() {
	if x := c.x; x != nil {
		for _, t := range []*time.Timer{x.limit, x.idle} {
			if t != nil {
				t.Stop()
			}
		}
	}
}

// currentLocked returns the id of the request in hand, 0 if there is none.
func (c *core) currentLocked() uint64 {
	if c.current == nil {
		return 0
	}
	return c.current.id
}

// abandon takes the turn from a goroutine that ignored its context for the
// grace, and ends the life without it.
func (c *core) abandon(turn, id uint64) {
	c.mu.Lock()
	if c.turn != turn || c.currentLocked() != id || c.killLocked() {
		c.mu.Unlock()
		return
	}
	c.turn++
	turn = c.turn
	c.extraLocked().abandoned++
	it, last := c.current, c.lastLocked()
	if it != nil {
		end := error(nil)
		if it.overdue {
			end = c.overdueLocked()
		} else if c.ending != nil {
			end = c.unwantedLocked()
		}
		wake(c.settleLocked(it, end))
		c.current = nil
	}
	reason := ganger.LeavingAbandoned
	if c.state == ganger.Starting {
		reason = ganger.LeavingStartFailed
	}
	deaf := fmt.Errorf("what it ran ignored its context for %v", c.table.grace)
	c.condemnLocked(c.crashLocked(&ganger.Exit{Reason: reason}, deaf), deaf.Error())
	c.ending.last = last
	c.mu.Unlock()
	c.conclude(turn)
}

// overdueLocked is the end of a request that took longer than the limit.
func (c *core) overdueLocked() *ganger.Error {
	return &ganger.Error{
		Outcome: ganger.TimedOut, Cause: ganger.CauseExec, Worker: c.idLocked(),
		Err: fmt.Errorf("it took longer than %v", c.table.limit),
	}
}

// watchLimitLocked sees to it that the limit of what was taken in hand is kept.
// One timer serves all requests: set for one, it looks when it fires whose turn
// it is by then, so that a request costs nothing but the comparison here.
func (c *core) watchLimitLocked() {
	x := c.extraLocked()
	switch {
	case x.ticking:
	case x.limit == nil:
		x.ticking = true
		x.limit = time.AfterFunc(c.table.limit, c.tick)
	default:
		x.ticking = true
		x.limit.Reset(c.table.limit)
	}
}

// tick looks whether what is in hand has passed its limit.
func (c *core) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	x, it := c.x, c.current
	x.ticking = false
	if it == nil || it.overdue || it.judged || c.ending != nil {
		return
	}
	if left := c.taken + int64(c.table.limit) - c.table.now(); left > 0 {
		x.ticking = true
		x.limit.Reset(time.Duration(left))
		return
	}
	it.overdue = true
	c.tell(c.request, c.overdueLocked())
	c.armLocked()
}

// watchIdleLocked sees to it that OnIdle is called when nothing comes.
func (c *core) watchIdleLocked() {
	x := c.extraLocked()
	switch {
	case x.idling:
	case x.idle == nil:
		x.idling = true
		x.idle = time.AfterFunc(c.table.idle, c.lookIdle)
	default:
		x.idling = true
		x.idle.Reset(c.table.idle)
	}
}

// lookIdle looks whether the worker was idle for long enough.
func (c *core) lookIdle() {
	c.mu.Lock()
	x := c.x
	x.idling = false
	if c.running || c.state != ganger.Idle || c.ending != nil {
		c.mu.Unlock()
		return // it is watched again when it rests
	}
	now := c.table.now()
	if left := c.since + int64(c.table.idle) - now; left > 0 {
		x.idling = true
		x.idle.Reset(time.Duration(left))
		c.mu.Unlock()
		return
	}
	c.idleDue = true
	start := c.rouseLocked(now)
	c.mu.Unlock()
	if start {
		c.work() // this goroutine is the timer's: it ends with the loop
	}
}
