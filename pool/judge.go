package pool

import (
	"cmp"
	"errors"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// facts is what the judgement of one attempt depends on.
type facts struct {
	err       error         // how the attempt ended; nil for a response
	asked     *ganger.Error // what the task was asked to end as
	failures  int           // before this attempt
	retries   int
	deaths    int // before this attempt
	maxDeaths int
	neighbour bool          // others died with it
	unproven  bool          // no life of a mute wall has answered yet
	final     *ganger.Error // not nil: it is not tried again, and ends so if nothing else can be said
}

// judgement is what becomes of a task after an attempt.
type judgement struct {
	again   bool          // it is queued once more
	unready bool          // it costs nothing: its life was never ready, and another task goes next
	suspect bool          // and it runs alone
	failed  bool          // the attempt counts as a failure
	died    bool          // the attempt counts as a death
	tried   *ganger.Error // how the attempt ended, when it counts and the task is queued once more
	end     *ganger.Error // what it ends as, when it does not run again; nil for Done
}

// judge decides what becomes of a task: the whole of counting. Failures and
// time-outs of an attempt consume retries; deaths consume only the limit of
// deaths; what was never sent costs nothing. It is pure.
func judge(f facts) judgement {
	j := judgeAttempt(f)
	if j.again && f.final != nil {
		j.end, j.again, j.suspect, j.tried = cmp.Or(j.tried, f.final), false, false, nil
	}
	return j
}

// judgeAttempt is judge while tasks are tried again.
func judgeAttempt(f facts) judgement {
	if f.err == nil {
		return judgement{}
	}
	if f.asked != nil {
		return judgeAsked(f)
	}
	if f.err == wall.ErrUnsent {
		return judgement{again: true}
	}
	e, ok := errors.AsType[*ganger.Error](f.err)
	if !ok {
		e = &ganger.Error{Outcome: ganger.Failed, Err: f.err}
	}
	switch e.Outcome {
	case ganger.Failed:
		return judgeFailure(f, e)
	case ganger.Crashed:
		return judgeDeath(f, e)
	}
	return judgement{end: e}
}

// judgeAsked is for an attempt that was asked to end and did not answer.
func judgeAsked(f facts) judgement {
	e := *f.asked
	if x, ok := errors.AsType[*ganger.Error](f.err); ok {
		e.Worker, e.Exit = x.Worker, x.Exit
	}
	if e.Outcome == ganger.TimedOut && e.Cause == ganger.CauseExec {
		if f.unproven { // no answer within the start time-out and its own
			return judgement{again: true, unready: true}
		}
		return judgeFailure(f, &e)
	}
	return judgement{end: &e}
}

func judgeFailure(f facts, e *ganger.Error) judgement {
	if f.failures < f.retries {
		return judgement{again: true, failed: true, tried: e}
	}
	return judgement{end: e, failed: true}
}

func judgeDeath(f facts, e *ganger.Error) judgement {
	switch {
	case f.unproven:
		return judgement{again: true, unready: true}
	case f.maxDeaths <= 1:
		return judgement{end: e, died: true}
	case e.Err == wall.ErrNeighbour: // it is known who did it
		return judgement{again: true}
	case f.neighbour: // nobody knows who did it: each runs alone now
		return judgement{again: true, suspect: true}
	case f.deaths+1 < f.maxDeaths:
		return judgement{again: true, suspect: true, died: true, tried: e}
	}
	p := *e
	p.Outcome = ganger.Poisoned
	return judgement{end: &p, died: true}
}
