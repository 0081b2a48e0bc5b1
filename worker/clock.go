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
		for _, t := range []*time.Timer{x.start.timer, x.limit.timer, x.idle.timer} {
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

// alarm is a timer that is set for many occasions at once: when it fires it looks
// which of them is there by then, and whether that is due. So an occasion that is
// over in time, as nearly all are, costs nothing but to see that it is set.
type alarm struct {
	timer *time.Timer
	set   bool
}

// setLocked sets an alarm that is not set. Who calls it looks whether it is,
// because look allocates.
func (a *alarm) setLocked(d time.Duration, look func()) {
	if a.timer == nil {
		a.timer = time.AfterFunc(d, look)
	} else {
		a.timer.Reset(d)
	}
	a.set = true
}

// leftLocked returns how much of d is left since an instant.
func (c *core) leftLocked(since int64, d time.Duration) time.Duration {
	return time.Duration(since - c.table.now() + int64(d))
}

// watchStartLocked sees to it that Launch takes no longer than it may.
func (c *core) watchStartLocked() {
	if x := c.extraLocked(); c.table.start >= 0 && !x.start.set {
		x.start.setLocked(c.table.start, c.lookStart)
	}
}

// lookStart looks whether a launch that goes on has taken too long.
func (c *core) lookStart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.x
	x.start.set = false
	if c.state != ganger.Starting || c.first != nil || c.ending != nil {
		return
	}
	if left := c.leftLocked(c.started, c.table.start); left > 0 {
		x.start.setLocked(left, c.lookStart)
		return
	}
	c.tell(c.scope, fmt.Errorf("it was not launched within %v", c.table.start))
	c.armLocked()
}

// watchLimitLocked sees to it that the limit of what was taken in hand is kept.
func (c *core) watchLimitLocked() {
	if x := c.extraLocked(); !x.limit.set {
		x.limit.setLocked(c.table.limit, c.lookLimit)
	}
}

// lookLimit looks whether what is in hand has passed its limit.
func (c *core) lookLimit() {
	c.mu.Lock()
	defer c.mu.Unlock()
	x, it := c.x, c.current
	x.limit.set = false
	if it == nil || it.overdue || it.judged || c.ending != nil {
		return
	}
	if left := c.leftLocked(c.taken, c.table.limit); left > 0 {
		x.limit.setLocked(left, c.lookLimit)
		return
	}
	it.overdue = true
	c.tell(c.request, c.overdueLocked())
	c.armLocked()
}

// watchIdleLocked sees to it that OnIdle is called when nothing comes.
func (c *core) watchIdleLocked() {
	if x := c.extraLocked(); !x.idle.set {
		x.idle.setLocked(c.table.idle, c.lookIdle)
	}
}

// lookIdle looks whether the worker was idle for long enough.
func (c *core) lookIdle() {
	c.mu.Lock()
	x := c.x
	x.idle.set = false
	if c.running || c.state != ganger.Idle || c.ending != nil {
		c.mu.Unlock()
		return // it is watched again when it rests
	}
	if left := c.leftLocked(c.since, c.table.idle); left > 0 {
		x.idle.setLocked(left, c.lookIdle)
		c.mu.Unlock()
		return
	}
	c.idleDue = true
	start := c.rouseLocked(c.table.now())
	c.mu.Unlock()
	if start {
		c.work() // this goroutine is the timer's: it ends with the loop
	}
}
