package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/pool"
)

// diskFull is told once when outputs that wait find no room on the disk, or there
// is none to be had.
func (j *job) diskFull(err error) {
	j.tell(slog.LevelWarn, "outputs kept in memory", fmt.Sprintf("outputs that wait for an earlier task stay in memory, and the input waits: %v", err), errorOf(err))
}

// began is told when a worker is about to get a task, under which so many died.
func (j *job) began(t *task, deaths int) {
	now := time.Now()
	j.tally.Begin(&t.Running, now)
	if j.log != nil {
		j.noteAttempt(t, now, deaths)
	}
}

// ended is told once for each task that was taken. What the log is to have is
// settled only when it has it.
func (j *job) ended(t *task, e end) {
	j.handsMu.Lock()
	delete(j.hands, t.number)
	j.handsMu.Unlock()
	t.finishLines()
	if why := j.window.Aborted(); why != nil && errors.Is(e.err, why) { // nobody takes what it printed
		e.err = &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseShutdown, Err: errOutput}
	}
	if o := ganger.OutcomeOf(e.err); o == ganger.Cancelled || ganger.CauseOf(e.err) == ganger.CauseClosed {
		t.withdraw() // if it had not started: the engine ended first, or took it no more
	}
	x := &ending{j: j, t: t, e: e, v: verdictOf(t, e)}
	j.putAway(x)
	if t.phase.Load() == withdrawn {
		x.e = end{err: e.err, queued: e.queued} // no worker was given it, though one may have come for it
	} else {
		j.count(x.v, x.e)
	}
	if j.log != nil && x.cut() {
		j.unlogged.Add(1)
		j.noteDeaths(t, e.deaths)
	} else if j.log != nil && x.v.lasts() {
		j.log.End(&t.logged, x.entry(), x)
		return
	}
	j.settle(x)
}

// settle counts an end and hands it to the printer.
func (j *job) settle(x *ending) {
	t, v := x.t, x.v
	if t.phase.Load() == withdrawn {
		j.tally.NotStarted(&t.Running)
	} else {
		j.tally.End(&t.Running, v.reason())
		j.report.add(x)
	}
	if v.outcome == ganger.Done && !j.plan.opts.json {
		t.stderr.reset() // nobody is shown it
	}
	if v.outcome == ganger.Done {
		_, submitted := t.said.said()
		j.follow(t, submitted)
	}
	t.place.End(x.size(), x)
	if j.unsettled.Add(-1) <= 1 {
		signalOne(j.lonely)
	}
}

// count looks whether an end is a reason to take no more tasks.
func (j *job) count(v verdict, e end) {
	over := j.over.Add(1)
	if v.outcome == ganger.Done {
		j.ran.Store(true)
		return
	}
	if n := j.without.Add(1); j.plan.opts.halt.reached(over, n) && j.taking.Err() == nil {
		j.halted.CompareAndSwap(0, n)
		j.stop(errEnough)
	}
	if v.outcome != ganger.Rejected {
		j.ran.Store(true)
		return
	}
	if v.cause != ganger.CauseStart {
		return
	}
	j.handsMu.Lock()
	j.unstarted = e.err
	j.handsMu.Unlock()
	// A program that no task changes fails the next task as it failed these.
	if _, fixed := j.plan.program(); fixed && j.failures.Add(1) >= maxStarts && !j.ran.Load() {
		j.stop(errCannot)
	}
}

// hopeless is told when no worker can be started, or that another start would end
// no better. If nothing was ever performed the run ends, instead of waiting for more
// tasks to refuse; else what still lives goes on.
func (j *job) hopeless(err error) {
	if j.ran.Load() {
		return
	}
	j.handsMu.Lock()
	if j.unstarted == nil { // the others find the same, or that the run is over
		j.unstarted = err
	}
	j.handsMu.Unlock()
	j.stop(errCannot)
}

// maxStarts is how many tasks in a row may show that a program cannot be executed.
const maxStarts = 5

// line is told what a warm worker writes beside its protocol.
func (j *job) line(a pool.Attribution, _ bool, line []byte) {
	j.handsMu.Lock()
	h, ok := j.hands[a.Task]
	j.handsMu.Unlock()
	if ok {
		line = append(bytes.Clone(line), '\n')
		_, _ = h.t.stderr.Write(line)
		if r := h.t.result; r != nil {
			_, _ = r.stderr.Write(line)
		}
	}
}
