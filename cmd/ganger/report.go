package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/input"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/record"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/status"
	"github.com/ganger-dev/ganger/wall"
)

// verdict is how a task ended, as it is told.
type verdict struct {
	outcome ganger.Outcome
	cause   ganger.Cause
	exit    *int   // status of its process, if one exited
	signal  string // that ended its process
	words   string // why there is no success
}

// verdictOf puts together what the engine says about the end of t.
func verdictOf(t *task, e end) verdict {
	v := verdict{outcome: ganger.OutcomeOf(e.err), cause: ganger.CauseOf(e.err)}
	exit := e.exit
	if x, ok := errors.AsType[*ganger.Error](e.err); ok && x.Exit != nil {
		exit = x.Exit
	}
	if exit != nil && exit.Signal != "" {
		v.signal = exit.Signal
	} else if exit != nil && exit.Code >= 0 {
		v.exit = &exit.Code
	}
	if e.err != nil {
		v.words = inWords(e.err)
	}
	switch { // nothing is ever cancelled for another reason than that the run ends
	case t.phase.Load() == withdrawn:
		v.outcome, v.cause, v.words = ganger.Cancelled, ganger.CauseShutdown, errNotStarted.Error()
	case v.outcome == ganger.Cancelled:
		v.cause, v.words = ganger.CauseShutdown, errKilled.Error()
	}
	return v
}

// inWords is what an error says beside the outcome, the cause and the worker,
// which are told otherwise.
func inWords(err error) string {
	if s, ok := errors.AsType[*wall.StartError](err); ok {
		return strings.TrimPrefix(s.Error(), "start "+s.Worker+": ")
	}
	e, ok := errors.AsType[*ganger.Error](err)
	switch {
	case !ok:
		return err.Error()
	case e.Err != nil:
		return e.Err.Error()
	default:
		return ""
	}
}

// reason is how the summary groups the verdict.
func (v verdict) reason() status.Reason {
	r := status.Reason{Outcome: v.outcome, Why: string(v.cause)}
	switch {
	case v.outcome == ganger.TimedOut && v.cause == ganger.CauseExec:
		r.Why = "" // there is no other clock
	case v.outcome == ganger.Failed && v.exit != nil && *v.exit != 0:
		r.Why = string(ganger.LeavingExit(*v.exit))
	case v.signal != "" && strings.HasPrefix(r.Why, "signal "):
		r.Why = v.signal
	}
	return r
}

// String is the verdict as a heading tells it, such as "crashed (SIGSEGV)".
func (v verdict) String() string {
	s := v.outcome.String()
	if why := v.reason().Why; why != "" {
		s += " (" + why + ")"
	}
	return s
}

// ending is how a task's end is printed and told.
type ending struct {
	j *job
	t *task
	e end
	v verdict

	dropped bool // its record could not be written, so nothing of it is printed
}

// Print prints the task's output, or its record.
func (x *ending) Print(out *bufio.Writer) error {
	o := &x.j.plan.opts
	if o.json {
		return x.record().Print(out)
	}
	if x.dropped {
		return nil
	}
	if o.proto == "exec" {
		_, err := x.t.place.WriteTo(out)
		return err
	}
	tag := ""
	if o.outputs.tag {
		tag = x.t.tag()
	}
	switch {
	case x.j.plan.out.captures():
		return nil
	case x.v.outcome == ganger.Done:
		_, _ = out.WriteString(tag)
		_, _ = out.Write(x.e.output)
	case o.call.text != "" && x.t.phase.Load() != withdrawn && x.v.lasts():
		_, _ = out.WriteString(tag + "null") // one line a task, so that lines of tasks and results pair
	default:
		return nil
	}
	return out.WriteByte('\n')
}

// Note is the heading of a task without success. What has not started is told
// in the summary only, and a program that cannot be executed when the run has
// ended, once for all tasks.
func (x *ending) Note() string {
	if x.j.plan.opts.json || x.v.outcome == ganger.Done || x.t.phase.Load() == withdrawn {
		return ""
	}
	if _, fixed := x.j.plan.program(); fixed && x.v.cause == ganger.CauseStart && !x.j.ran.Load() {
		return ""
	}
	n := x.notice()
	if x.j.plan.opts.telling.format == formatGitHub {
		return x.workflowCommand(n.Text)
	}
	return n.In(x.j.plan.opts.telling.logFormat)
}

// size is what the ending holds beside the output in the task's place.
func (x *ending) size() int {
	report, _ := x.t.said.said()
	return len(x.e.output) + x.t.stderr.size() + len(report)
}

// heading tells a task without success, with the end of its standard error.
func (j *job) heading(t *task, e end, v verdict) string {
	var b strings.Builder
	b.WriteString("ganger: " + status.Label(string(t.Label), 200) + ": " + v.String())
	if e.ran > 0 {
		b.WriteString(" after " + status.Duration(e.ran))
	}
	if e.attempts > 1 {
		b.WriteString(", attempt " + itoa(e.attempts))
	}
	text, dropped := t.stderr.text()
	begin := "    "
	if j.plan.opts.outputs.tag {
		begin = t.tag()
	}
	if j.plan.opts.outputs.lineBuffer { // they were told as they came
		text, dropped = nil, 0
	}
	if v.words != "" && v.words != string(v.cause) && v.words != "exit status "+exitText(v.exit) {
		b.WriteString(": " + strings.ReplaceAll(v.words, "\n", "\n    "))
	}
	b.WriteString("\n")
	if dropped > 0 {
		b.WriteString("    [" + itoa(dropped) + " bytes before]\n")
	}
	for line := range bytes.Lines(append(text, trace(e.err)...)) {
		b.WriteString(begin)
		b.Write(bytes.TrimSuffix(line, []byte("\n")))
		b.WriteString("\n")
	}
	return b.String()
}

// isValue reports whether t is a JSON value.
func (p *plan) isValue(t *task) bool { return p.format == input.JSON && t.Task.Err == nil }

// written is the task as records have it: a JSON value without the carriage returns
// that it may have between its parts, at which some readers end a line.
func (p *plan) written(t *task) []byte {
	if p.isValue(t) {
		return oneLine(t.Bytes)
	}
	return t.Bytes
}

// record is the end of a task for --json.
func (x *ending) record() *record.Record {
	j, t, e, v := x.j, x.t, x.e, x.v
	text, _ := t.stderr.text()
	report, _ := t.said.said()
	r := &record.Record{
		Task: j.plan.written(t), Value: j.plan.isValue(t), Index: t.Index, Path: t.path, Report: report,
		Outcome: v.outcome, Cause: v.cause, Error: v.words, Stderr: text,
		Attempts: e.attempts, Deaths: e.deaths, Worker: e.worker, PID: e.pid, Exit: v.exit, Signal: v.signal,
		Queued: e.queued, Ran: e.ran, Apart: j.plan.out.captures(),
	}
	if t.file != nil && t.file.made && v.outcome == ganger.Done {
		r.Out = t.file.name
	}
	switch {
	case x.dropped || j.plan.out.captures():
	case j.plan.opts.proto == "exec" && e.attempts > 0:
		r.Output = t.place.Reader
	case v.outcome == ganger.Done:
		r.Output = func() io.Reader { return bytes.NewReader(e.output) }
		r.Response = j.plan.opts.proto != "lines"
	}
	return r
}
