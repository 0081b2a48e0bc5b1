package main

import (
	"os"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall/process"
)

// lend keeps other runs from the log until nothing of this one is at work, however
// it ends: a task that runs again must not meet what is left of its last attempt.
func lend(log *os.File) error { return process.Lend(log) }

// execEngine performs each task by a process of its own.
func execEngine(p *plan, j *job) engine {
	w := process.Exec{Dir: p.opts.dir, Slots: p.opts.slots, KeepDaemons: p.opts.keepDaemons, Limits: p.opts.limits.process()}
	if name, fixed := p.program(); fixed {
		w.Path = name
	}
	// Only an attempt that is surely the last may be printed while it runs: a
	// later one would print its output again.
	final := p.opts.retries == 0 && p.opts.maxDeaths <= 1
	k := kindOf(p, j, func(t *task, seat, attempt int) (process.Request, error) {
		stdout, stderr := j.streams(t) // first: it ends what an earlier attempt printed
		t.place.Begin(final)
		t.stderr.reset()
		q := p.request(t, seat, attempt)
		q.Stdout, q.Stderr = stdout, stderr
		return q, nil
	}, nil, func(r process.Result) (int, *ganger.Exit) {
		if r.PID == 0 {
			return 0, nil // it was never executed
		}
		return r.PID, &r.Exit
	})
	return pooled[process.Result]{pool.New(k, w, p.config(j)), p.opts}
}
