package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/junit"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/runlog"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/status"
)

// report is the file of --junit while its run goes on. A nil report is none.
type report struct {
	file  *junit.Report
	class string // of its cases

	mu      sync.Mutex        // guards what follows, until no task is taken any more
	skipped map[recalled]bool // tasks that ended without success in an earlier run
}

// recalled is a task as the log knows it.
type recalled struct {
	ID  runlog.ID
	Nth int
}

// openReport prepares the report of the run, if one is wanted.
func (p *plan) openReport() (*report, error) {
	path := p.opts.telling.junit
	if path == "" {
		return nil, nil
	}
	f, err := junit.Create(path)
	if err != nil {
		return nil, fmt.Errorf("--junit cannot be written: %w", err)
	}
	return &report{file: f, class: p.class(), skipped: make(map[recalled]bool)}, nil
}

// class is what the tasks of the run are performed by, as people know it.
func (p *plan) class() string {
	if call := p.opts.call.text; call != "" {
		return call
	}
	return status.Label(strings.Join(p.opts.command, " "), 200)
}

// add takes the end of a task.
func (r *report) add(x *ending) {
	if r == nil || x.v.outcome == ganger.Done {
		return
	}
	stderr, _ := x.t.stderr.text()
	c := r.caseOf(x.v, x.v.words, string(stderr)+trace(x.e.err))
	c.Name, c.Took = string(x.t.Label), x.e.ran
	r.file.Add(c)
}

// skip notes a task that is not run because of its outcome in the log, from where
// the rest is read at the end.
func (r *report) skip(t *task, o ganger.Outcome) {
	if r == nil || o == ganger.Done {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.skipped[recalled{t.logged.ID, t.logged.Nth}] = true
}

// recall takes the ends of the tasks that were skipped from the log.
func (r *report) recall(log string) error {
	if len(r.skipped) == 0 {
		return nil
	}
	without := func(o ganger.Outcome) bool { return o != ganger.Done }
	return runlog.Read(log, without, func(e *runlog.End, record []byte) error {
		var of recalled
		if err := json.Unmarshal(record, &of); err != nil {
			return err
		}
		if !r.skipped[of] {
			return nil
		}
		v := verdict{outcome: e.Outcome, cause: e.Cause, exit: e.Exit, signal: e.Signal, words: e.Error}
		c := r.caseOf(v, e.Error, string(e.Stderr))
		c.Name, c.Took = string(e.Task), e.Ran
		r.file.Add(c)
		return nil
	})
}

// caseOf is a case with what its verdict says.
func (r *report) caseOf(v verdict, words, said string) junit.Case {
	c := junit.Case{Outcome: v.outcome, Class: r.class, Type: v.String(), Message: v.String(), Text: said}
	if words != "" && words != string(v.cause) && words != "exit status "+exitText(v.exit) {
		first, _, _ := strings.Cut(words, "\n")
		c.Message += ": " + first
		c.Text = strings.TrimSuffix(words+"\n"+said, "\n")
	}
	return c
}

// closeReport writes the report of a run that counted c, and tells it if that
// cannot be. It reports whether the report is as it should be.
func (j *job) closeReport(c status.Counts) (ok bool) {
	r := j.report
	if r == nil {
		return true
	}
	ok = true
	failed := func(how string, err error) {
		ok = false
		j.tell(slog.LevelError, "report failed", "--junit "+j.plan.opts.telling.junit+" "+how+": "+err.Error(), errorOf(err))
	}
	if err := r.recall(j.plan.opts.log); err != nil {
		failed("lacks tasks that were skipped", err)
	}
	if err := r.file.Close(c.Ended[ganger.Done], j.age()); err != nil {
		failed("was not written", err)
	}
	return ok
}
