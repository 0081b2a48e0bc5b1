package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/input"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/runlog"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/status"
)

// resumption is the value of --resume: whether a run goes on with its log.
type resumption string

const (
	resumed resumption = "yes"
	forced  resumption = "force" // also with the log of another command
)

func (r *resumption) String() string { return string(*r) }
func (r *resumption) Type() string   { return "" }

// Set parses the value; without one it is yes.
func (r *resumption) Set(s string) error {
	switch v := resumption(s); v {
	case resumed, forced:
		*r = v
		return nil
	}
	return errors.New("allowed: --resume alone, or --resume=force")
}

// formats are what the header of a log calls the formats of the input.
var formats = map[input.Format]string{input.Lines: "lines", input.Null: "records ended by NUL", input.JSON: runlog.FormatJSON}

// openLog opens the log of the run; before is called before its records become safe,
// and locked with its file.
func (p *plan) openLog(before func() error, locked func(*os.File) error) (*runlog.Log, error) {
	o := &p.opts
	l, err := runlog.Open(o.log, runlog.Options{
		Header: runlog.Header{
			Command: o.command, Call: o.call.text, Proto: o.proto, Shell: o.shell, Format: formats[p.format], Out: o.outputs.out,
			Started: time.Now().UTC(), PID: os.Getpid(),
		},
		Resume: o.resume != "" || o.resumeFailed, Force: o.resume == forced, Before: before, Locked: locked,
		Why: func(e *runlog.End) string {
			return verdict{outcome: e.Outcome, cause: e.Cause, exit: e.Exit, signal: e.Signal}.reason().Why
		},
	})
	if used, ok := errors.AsType[*runlog.UsedError](err); ok {
		return nil, &usageError{text: fmt.Sprintf("%s already has %s", used.Path, status.Count(used.Outcomes, "outcome")), hint: "--resume goes on, or choose another file"}
	}
	if other, ok := errors.AsType[*runlog.OtherError](err); ok {
		return nil, &usageError{text: other.Error(), hint: "--resume=force goes on all the same, or choose another file"}
	}
	if err != nil {
		return nil, fmt.Errorf("the log cannot be used: %w", err)
	}
	return l, nil
}

// recall looks what the log knows of t. What is skipped it counts, and returns
// with its outcome; else the fate that it returns has none.
func (j *job) recall(t *task) runlog.Fate {
	t.logged.ID = runlog.Of(t.Bytes)
	f := j.log.Take(t.logged.ID)
	t.logged.Nth, t.deaths = f.Nth, f.Deaths
	if f.Outcome != ganger.Done && j.plan.opts.resumeFailed {
		f.Outcome = 0
	}
	if f.Outcome != 0 {
		j.tally.Skip(status.Reason{Outcome: f.Outcome, Why: f.Why})
		j.report.skip(t, f.Outcome)
	}
	return f
}

// maxCoordinators is how many coordinators may die while a task runs alone: one
// may be killed by anybody, three in a row hardly.
const maxCoordinators = 3

// givenUp is how a task ends that has cost too many lives already; nil if it is
// to run.
func (p *plan) givenUp(f runlog.Fate) error {
	most := cmp.Or(p.opts.maxDeaths, 2)
	switch {
	case f.Coordinators >= maxCoordinators:
		return &ganger.Error{Outcome: ganger.Poisoned, Err: fmt.Errorf("%d coordinators died while it ran alone", f.Coordinators)}
	case f.Deaths >= most && most > 1:
		return &ganger.Error{Outcome: ganger.Poisoned, Err: fmt.Errorf("%d workers died under it in earlier runs", f.Deaths)}
	case f.Deaths >= most:
		return &ganger.Error{Outcome: ganger.Crashed, Err: errors.New("a worker died under it in an earlier run")}
	}
	return nil
}

// alone submits t when nothing else is in the engine's hands, and returns when it
// has ended: if the coordinator dies meanwhile, it is known under which task.
func (j *job) alone(t *task) {
	j.settled(1)
	if err := j.log.Began(j.going, &t.logged); err != nil && j.going.Err() == nil {
		j.logFailed(err)
	}
	j.submit(t)
	j.settled(0)
}

// settled waits until so many tasks, one or none, are not settled, or the run stops.
func (j *job) settled(n int64) {
	for j.unsettled.Load() > n && j.taking.Err() == nil {
		select {
		case <-j.lonely:
		case <-j.taking.Done():
		}
	}
}

// noteAttempt is told when a worker is about to get t, under which so many died.
// The log knows that before the next can.
func (j *job) noteAttempt(t *task, now time.Time, deaths int) {
	j.noteDeaths(t, deaths)
	t.since.Store(max(int64(now.Sub(j.born)), 1))
	signalOne(j.begun)
}

// noteDeaths has the log know of deaths under t of which it does not.
func (j *job) noteDeaths(t *task, deaths int) {
	if deaths <= t.deaths {
		return
	}
	t.deaths = deaths
	if err := j.log.Died(&t.logged, deaths); err != nil {
		j.logFailed(err)
	}
}

// A task is noted in the log when it has been running for so long: shorter ones
// simply run again after a death of the coordinator.
const long = 100 * time.Millisecond

// watch notes the tasks that run for long, until ctx ends.
func (j *job) watch(ctx context.Context) {
	timer := time.NewTimer(long)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-j.begun:
		case <-ctx.Done():
			return
		}
		for young := true; young; {
			timer.Reset(long)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return
			}
			var old []*runlog.Task
			old, young = j.running()
			if len(old) == 0 {
				continue
			}
			if err := j.log.Began(ctx, old...); err != nil && ctx.Err() == nil {
				j.logFailed(err)
			}
		}
	}
}

// running returns the tasks that have become long, and whether others may.
func (j *job) running() (old []*runlog.Task, young bool) {
	now := int64(time.Since(j.born))
	j.handsMu.Lock()
	defer j.handsMu.Unlock()
	for _, h := range j.hands {
		since := h.t.since.Load()
		switch {
		case since == 0 || h.t.noticed:
		case now-since < int64(long):
			young = true
		default:
			h.t.noticed = true
			old = append(old, &h.t.logged)
		}
	}
	return old, young
}

// lasts reports whether the end is one for the log: what was cancelled, or
// reached no worker because none could be started, runs again another time.
func (v verdict) lasts() bool {
	return v.outcome != ganger.Cancelled && (v.outcome != ganger.Rejected || v.cause != ganger.CauseStart)
}

// cut reports whether the stop of the run took attempts from the task that its
// flags allow: then its end is none for the log, so that a resumed run makes them.
func (x *ending) cut() bool {
	o := &x.j.plan.opts
	if x.j.taking.Err() == nil {
		return false
	}
	switch x.v.outcome {
	case ganger.Failed, ganger.TimedOut:
		return x.e.attempts <= o.retries
	case ganger.Crashed:
		return x.e.deaths < o.mostDeaths()
	}
	return false
}

// mostDeaths is how many deaths a task may cost.
func (o *options) mostDeaths() int {
	if o.warm() {
		return cmp.Or(o.maxDeaths, 2)
	}
	return cmp.Or(o.maxDeaths, 1)
}

// entry is the end for the log.
func (x *ending) entry() *runlog.End {
	text, _ := x.t.stderr.text()
	var submitted []json.RawMessage
	if x.v.outcome == ganger.Done {
		_, submitted = x.t.said.said()
	}
	return &runlog.End{
		Task: x.j.plan.written(x.t), Value: x.j.plan.isValue(x.t), Index: x.t.Index,
		Outcome: x.v.outcome, Cause: x.v.cause, Error: x.v.words, Exit: x.v.exit, Signal: x.v.signal,
		Attempts: x.e.attempts, Deaths: x.e.deaths, Ran: x.e.ran, Stderr: text, Submitted: submitted,
	}
}

// Recorded is told when the end has been written to the log, or could not be:
// then it is none, and the task runs again another time.
func (x *ending) Recorded(err error) {
	if err != nil {
		x.j.logFailed(err)
		x.v = verdict{outcome: ganger.Cancelled, cause: ganger.CauseShutdown, words: "its end, " + x.v.String() + ", could not be written to the log"}
		x.e.output, x.dropped = nil, true
	}
	x.j.settle(x)
}

// logFailed stops the run, because nothing can be recorded any more.
func (j *job) logFailed(err error) {
	if j.logFails.CompareAndSwap(false, true) {
		j.tell(slog.LevelError, "log failed", fmt.Sprintf("%v; no more tasks are taken, and what ends now is not recorded; --resume goes on from what is", err), errorOf(err))
	}
	j.stop(errLog)
}

// closeLog closes the log, if there is one.
func (j *job) closeLog() {
	if j.log == nil {
		return
	}
	if err := j.log.Close(); err != nil {
		j.logFailed(err)
	}
}

// signalOne leaves a signal in a channel with room for one.
func signalOne(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
