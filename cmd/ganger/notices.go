package main

import (
	"context"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/machine"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/status"
	"github.com/ganger-dev/ganger/inspect"
)

// tellStarted tells what the run begins with. People know that.
func (j *job) tellStarted() {
	attrs := []slog.Attr{
		slog.Int("pid", os.Getpid()), slog.String("proto", j.plan.opts.proto),
		slog.Int("workers", j.plan.opts.workers), slog.String("cpus_from", j.plan.opts.cpusFrom),
	}
	if memory, from := machine.Memory(); memory > 0 {
		attrs = append(attrs, slog.String("memory", ganger.FormatBytes(memory)), slog.String("memory_from", from))
	}
	j.tell(slog.LevelInfo, "started", "", attrs...)
}

// progress is how far the run is, for programs.
func (j *job) progress() []slog.Attr {
	c := j.tally.Counts()
	attrs := []slog.Attr{
		slog.Int("ended", c.All()), slog.Int("done", c.Ended[ganger.Done]),
		slog.Int("without_success", c.WithoutSuccess()), slog.Int("running", c.Running),
	}
	if c.Total > 0 {
		attrs = append(attrs, slog.Int("total", c.Total))
	}
	if c.Oldest != "" {
		attrs = append(attrs, slog.String("oldest", c.Oldest), slog.Int64("oldest_ms", time.Since(c.Since).Milliseconds()))
	}
	if c.Report != "" {
		attrs = append(attrs, slog.String("report", c.Report))
	}
	return attrs
}

// tellDraining tells that a signal lets what runs finish for some time.
func (j *job) tellDraining(s os.Signal) {
	n, drain := j.tally.Counts().Running, j.plan.opts.drain.String()
	j.tell(slog.LevelInfo, "draining", "finishing "+status.Count(n, "running task")+", for "+drain+" at most",
		slog.String("signal", s.String()), slog.Int("running", n), slog.String("deadline", drain))
}

// tellInterrupted tells that the first INT lets what runs finish.
func (j *job) tellInterrupted() {
	n := j.tally.Counts().Running
	them := "them"
	if n == 1 {
		them = "it"
	}
	j.tell(slog.LevelInfo, "interrupted", "finishing "+status.Count(n, "running task")+"; interrupt again to kill "+them, slog.Int("running", n))
}

// tellKilled tells that the second INT kills what runs. People asked for that.
func (j *job) tellKilled() {
	j.tell(slog.LevelWarn, "killing", "", slog.Int("running", j.tally.Counts().Running))
}

// tellKilling tells that n tasks have not finished in time.
func (j *job) tellKilling(n int) {
	drain := j.plan.opts.drain.String()
	run := "run"
	if n == 1 {
		run = "runs"
	}
	j.tell(slog.LevelWarn, "killing", "killing "+status.Count(n, "task")+" that still "+run+" after "+drain,
		slog.Int("running", n), slog.String("deadline", drain))
}

// tellLostAttempt tells a death that cost t an attempt but not its end.
func (j *job) tellLostAttempt(t *task, how string, e inspect.Event) {
	j.tell(slog.LevelWarn, "attempt lost",
		status.Label(string(t.Label), 200)+": "+how+"; worker "+strings.TrimPrefix(e.Worker, "w")+" replaced; attempt "+itoa(e.Attempt+1),
		slog.String("task", string(t.Label)), slog.Int("index", t.Index), slog.String("how", how),
		slog.String("worker", e.Worker), slog.Int("attempt", e.Attempt))
}

// tellLeaving tells that a worker left before the end of the run, and why. People are
// told how many when the run is over.
func (j *job) tellLeaving(e inspect.Event) {
	if e.Name != inspect.StateEvent(ganger.Dead) || j.going.Err() != nil {
		return
	}
	j.tell(slog.LevelInfo, "worker left", "",
		slog.String("worker", e.Worker+"#"+strconv.FormatUint(e.Incarnation, 10)), slog.Int("pid", e.PID), slog.String("reason", e.Detail))
}

// notice tells a task without success.
func (x *ending) notice() status.Notice {
	t, e, v := x.t, x.e, x.v
	text, _ := t.stderr.text()
	attrs := []slog.Attr{
		slog.String("task", string(t.Label)), slog.Int("index", t.Index),
		slog.String("outcome", v.outcome.String()),
	}
	if v.cause != "" {
		attrs = append(attrs, slog.String("cause", string(v.cause)))
	}
	if v.words != "" {
		attrs = append(attrs, slog.String("error", v.words))
	}
	if v.exit != nil {
		attrs = append(attrs, slog.Int("exit", *v.exit))
	}
	if v.signal != "" {
		attrs = append(attrs, slog.String("signal", v.signal))
	}
	attrs = append(attrs, slog.Int("attempts", e.attempts))
	if e.deaths > 0 {
		attrs = append(attrs, slog.Int("deaths", e.deaths))
	}
	if e.worker != "" {
		attrs = append(attrs, slog.String("worker", e.worker))
	}
	attrs = append(attrs, slog.Int64("run_ms", e.ran.Milliseconds()))
	if len(text) > 0 {
		attrs = append(attrs, slog.String("stderr", string(text[max(len(text)-stderrTold, 0):])))
	}
	return status.Notice{Level: slog.LevelWarn, Message: "task", Attrs: attrs, Text: x.j.heading(t, e, v)}
}

// stderrTold is how much of a task's standard error its notice carries, in bytes:
// a line of a log is no place for all of it.
const stderrTold = 1000

// tellStopped tells how the run ended: text to people, all of it to programs.
func (j *job) tellStopped(text string, c status.Counts, code int) {
	var attrs []slog.Attr
	why := context.Cause(j.taking)
	if i, ok := why.(interruption); ok {
		attrs = append(attrs, slog.String("signal", i.signal.String()))
	}
	for _, o := range ganger.Outcomes() {
		if o != ganger.Lost {
			attrs = append(attrs, slog.Int(o.String(), c.Ended[o]))
		}
	}
	if len(c.Left) > 0 {
		attrs = append(attrs, slog.Any("workers_left", c.Left))
	}
	attrs = append(attrs,
		slog.Int("not_started", c.NotStarted), slog.Int(ganger.Lost.String(), c.Lost()), slog.Int("skipped", c.Skipped),
		slog.Int64("took_ms", j.age().Milliseconds()), slog.Int("status", code))
	j.board.Tell(status.Notice{Level: slog.LevelInfo, Message: "stopped", Attrs: attrs, Text: text})
}
