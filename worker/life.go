package worker

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/life"
)

// begin makes a new life start, and returns what its goroutine does: it goes on
// with the life for as long as there is something to do. It is called when the
// worker was added to its table, after a delay, or for its group, and does
// nothing for a worker that was stopped meanwhile.
func (c *core) begin() (goOn func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.final {
		return nil, false
	}
	c.turn++
	c.incarnation++
	c.running, c.idleDue = true, false
	c.detail = ""
	c.state, c.since = ganger.Starting, c.table.now()
	c.started, c.birth = c.since, 0
	c.scope = newScope(c)
	turn, ctx := c.turn, c.scope
	if c.incarnation > 1 { // the first launch is bounded by its caller's context
		c.watchStartLocked()
	}
	c.emitLocked(inspect.StateEvent(ganger.Starting), "")
	return func() {
		data, crash, err := c.runLaunch(turn, ctx)
		if crash != nil {
			c.crashed(turn, crash)
			return
		}
		c.launched(turn, ctx, data, err)
	}, true
}

// launched goes on after the user's Launch has returned.
func (c *core) launched(turn uint64, ctx *scope, data any, err error) {
	said := words(err)
	c.mu.Lock()
	if c.turn != turn { // abandoned: nobody knows this state but us
		c.mu.Unlock()
		if err == nil && c.table.close != nil && c.table.far == nil {
			c.guard(turn, func() { _ = c.table.close(ctx, data, ctx.Cause()) })
		}
		return
	}
	if err != nil {
		c.condemnLocked(c.crashLocked(startExit(err), err), said)
		c.mu.Unlock()
		c.conclude(turn)
		return
	}
	c.disarmLocked()
	c.live, c.data = true, data
	c.birth = c.table.now()
	if c.ending != nil {
		c.tellLaunchedLocked(c.unwantedLocked())
		c.mu.Unlock()
		c.conclude(turn)
		return
	}
	c.tellLaunchedLocked(nil)
	c.state, c.since = ganger.Idle, c.birth
	c.emitLocked(inspect.StateEvent(ganger.Idle), "")
	c.changed()
	c.loopLocked(nil)
}

// tellLaunchedLocked tells whoever launched the worker how it went, once.
func (c *core) tellLaunchedLocked(err error) {
	if c.first != nil {
		c.first <- err
		c.first = nil
	}
}

// stop ends the worker for good, and does not wait.
func (c *core) stop(why error) {
	said := words(why)
	c.mu.Lock()
	alone := c.stopLocked(why, said)
	turn := c.turn
	c.mu.Unlock()
	if alone {
		go c.conclude(turn) // ends with the worker
	}
}

// stopLocked says that this life is the last; said are the words of why. What
// waits is settled at once. It reports whether the caller has the turn now, and must conclude on a goroutine
// that may take its time.
func (c *core) stopLocked(why error, said string) bool {
	if c.final {
		return false
	}
	c.final = true
	c.err = why
	c.emptyLocked(c.unwantedForGoodLocked())
	if c.ending != nil { // the life was ending: now without a next
		c.ending.next = life.Verdict{}
		return false
	}
	return c.endLocked(&ending{
		why: why, said: said, cause: ganger.CauseShutdown,
		exit: ganger.Exit{Reason: ganger.LeavingStopped, Asked: true},
	})
}

// unwantedForGoodLocked is the end of what waits when its worker has no next
// life.
func (c *core) unwantedForGoodLocked() error {
	return &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseShutdown, Worker: c.seat.name(), Err: c.err}
}

// endLocked begins the end of the present life, and reports whether the caller
// has the turn for it. Otherwise somebody is at work, who concludes, or is
// abandoned after the grace.
func (c *core) endLocked(e *ending) bool {
	c.ending = e
	if c.state == ganger.Dead { // between two lives
		if c.x != nil && c.x.retry != nil {
			c.x.retry.Stop()
		}
		c.turn++
		c.running = true
		return true
	}
	c.tell(c.scope, c.unwantedLocked())
	if c.request != nil {
		c.tell(c.request, c.unwantedLocked())
	}
	if c.state != ganger.Starting {
		c.state, c.since = ganger.Stopping, c.table.now()
		c.emitLocked(inspect.StateEvent(ganger.Stopping), cmp.Or(e.said, string(e.exit.Reason)))
	}
	if c.mineLocked() {
		return true
	}
	c.armLocked()
	return false
}

// mineLocked takes the turn if nobody has it, or if who was given it has not
// begun, and reports whether it did.
func (c *core) mineLocked() bool {
	if c.running && !c.roused {
		return false
	}
	c.running, c.roused = true, false
	return true
}

// crashed ends a life on the goroutine that has its turn, after a panic.
func (c *core) crashed(turn uint64, crash *ganger.Error) {
	said := words(crash.Err)
	c.mu.Lock()
	if c.turn != turn {
		c.mu.Unlock()
		return
	}
	if !c.live && c.state == ganger.Starting {
		crash = c.crashLocked(&ganger.Exit{Reason: ganger.LeavingStartFailed, Stack: crash.Exit.Stack}, crash.Err)
	}
	if c.table.far != nil {
		c.stopsLocked()
	}
	c.condemnLocked(crash, said)
	c.mu.Unlock()
	if c.table.far != nil {
		go c.conclude(turn) // ends with the life; this goroutine may be a caller's
		return
	}
	c.conclude(turn)
}

// words are what err says. They are asked for without the lock, because that runs
// code of the error.
func words(err error) string {
	if err == nil {
		return ""
	}
	return fmt.Sprint(err) // which survives a panic of its Error
}

// condemnLocked says that the present life ends of a fault of its own, settles
// what is in hand, and has the policy decide what follows. said are the words of
// the fault, for an obituary that has none. Whoever has the turn concludes.
func (c *core) condemnLocked(crash *ganger.Error, said string) {
	last, lastWords := c.lastLocked(), said
	if crash.Exit.Reason == ganger.LeavingPanic {
		lastWords = strings.TrimPrefix(said, "panic: ") // the reason says it
	}
	if it := c.current; it != nil {
		wake(c.settleLocked(it, crash))
	}
	if c.ending != nil { // it was ending anyway; this is how it did
		exit := *crash.Exit
		exit.Stderr, exit.Asked = cmp.Or(exit.Stderr, lastWords), c.ending.exit.Asked
		c.ending.exit, c.ending.last = exit, last
		c.tellLaunchedLocked(c.unwantedLocked())
		return
	}
	e := &ending{why: crash, exit: *crash.Exit, cause: ganger.CauseHolder, last: last}
	e.exit.Stderr = cmp.Or(e.exit.Stderr, lastWords)
	if e.exit.Reason == ganger.LeavingEnded {
		e.why = crash.Err // nothing has crashed
	}
	c.ending = e
	if c.first != nil { // nobody has a worker yet: there is nothing to live again
		crash = &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseStart, Worker: crash.Worker, Exit: crash.Exit, Err: crash.Err}
		e.why = crash
		c.tellLaunchedLocked(crash)
	} else {
		e.next = c.decideLocked(&e.exit, e.why)
	}
	c.tell(c.scope, e.why)
	if c.request != nil {
		c.tell(c.request, e.why)
	}
	if c.state != ganger.Starting {
		c.state, c.since = ganger.Stopping, c.table.now()
	}
	if e.next.Open {
		plain := *crash
		plain.Err = errors.New(said)
		c.emitLocked(inspect.EventOpen, plain.Error())
	}
	if e.next.Again && (!e.next.Open || e.next.After > 0) {
		e.group = c.table.group != nil
		c.passOnLocked(e.why)
		return
	}
	c.final, c.err = true, e.why
	c.emptyLocked(c.refusalLocked())
	if e.next.Open {
		c.table.escalate(e.why)
	}
}

// crash ends the present life from inside, as if its handler had panicked.
func (c *core) crash(err error) {
	said := words(err)
	c.mu.Lock()
	if c.ending != nil || c.final || c.state == ganger.Dead {
		c.mu.Unlock()
		return
	}
	alone := c.mineLocked()
	c.condemnLocked(c.faultLocked(err), said)
	turn := c.turn
	if !alone {
		c.armLocked()
	}
	c.mu.Unlock()
	if alone {
		go c.conclude(turn) // ends with the life
	}
}

// decideLocked asks the policy what follows the present life.
func (c *core) decideLocked(exit *ganger.Exit, crash error) life.Verdict {
	t := c.table
	born := c.birth
	if !c.live {
		born = c.started
	}
	end := life.End{Born: t.time(born), Died: time.Now(), Ready: c.live, Exit: *exit}
	if t.group != nil {
		return t.group.decide(c, end, crash)
	}
	x := c.extraLocked()
	if x.past == nil {
		x.past = &life.Past{}
	}
	past, v := t.policy.Next(*x.past, end, t.jitter())
	*x.past = past
	return v
}

// passOnLocked does with the pending requests what the table says when another
// life follows. Those that waited for room have it then.
func (c *core) passOnLocked(crash error) {
	switch c.table.pending {
	case FailPending:
		c.settleAllLocked(&c.waiting, &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseClosed, Worker: c.seat.name(), Err: crash})
	case DropPending:
		c.settleAllLocked(&c.waiting, &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseHolder, Worker: c.seat.name(), Err: crash})
	}
	c.admitLocked()
}

// emptyLocked settles everything that waits. What waits for room was never
// accepted.
func (c *core) emptyLocked(end error) {
	c.settleAllLocked(&c.waiting, end)
	if c.puts != nil {
		if it := c.merged; it != nil {
			wake(c.settleLocked(it, end))
		}
		c.puts.Broadcast()
	}
	if c.x != nil && c.x.blocked.n > 0 {
		c.settleAllLocked(&c.x.blocked, c.refusalLocked())
	}
}

func (c *core) settleAllLocked(l *list, end error) {
	for it := l.pop(); it != nil; it = l.pop() {
		wake(c.settleLocked(it, end))
	}
}
