package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/replace"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/status"
)

// age is for how long the run has been going on.
func (j *job) age() time.Duration { return time.Since(j.born) }

// conclude says how the run ended and returns its exit status.
func (j *job) conclude(readErr, outErr error) int {
	c := j.tally.Counts()
	reported := j.closeReport(c)
	why := context.Cause(j.taking)
	bySignal, signalled := exitOf(why)
	if outErr != nil && !errors.Is(outErr, syscall.EPIPE) && !errors.Is(outErr, errOutput) {
		j.tell(slog.LevelError, "output failed", fmt.Sprintf("write the standard output: %v", outErr), errorOf(outErr))
	}
	if outErr != nil && !signalled {
		j.tellStopped("", c, exitWithout) // whoever wanted the output has gone: quietly
		return exitWithout
	}
	code := exitDone
	if c.WithoutSuccess() > 0 || c.Lost() > 0 || j.logFails.Load() || j.keeping.fails.Load() || !reported {
		code = exitWithout
	}
	if readErr != nil {
		j.tell(slog.LevelError, "input failed", readErr.Error(), errorOf(readErr))
		code = exitWithout
	}
	if !j.ran.Load() && (readErr != nil || j.unstarted != nil) {
		code = exitNotRun
		if j.unstarted != nil {
			words := inWords(j.unstarted)
			j.tell(slog.LevelError, "not run", "nothing could be executed: "+words, slog.String("error", words))
		}
	}
	if signalled {
		code = bySignal
	} else if errors.Is(why, errEnough) {
		n, halt := int(j.halted.Load()), j.plan.opts.halt.text
		j.tell(slog.LevelWarn, "halted", "stopped: "+status.Count(n, "task")+" had no success (--halt "+halt+")",
			slog.Int("without_success", n), slog.String("halt", halt))
	}
	j.tellStopped(j.lastText(c, why, signalled), c, code)
	return code
}

// lastText is what people are told of the whole run at its end, "" for nothing.
func (j *job) lastText(c status.Counts, why error, signalled bool) string {
	var text strings.Builder
	if signalled {
		rest := ""
		if c.Total == 0 {
			rest = "; the rest of the input was not read"
		}
		if j.log != nil {
			rest += "; --resume goes on from here"
		}
		fmt.Fprintf(&text, "ganger: %v: done %s, without success %s, not started %s%s\n", why,
			status.Number(c.Ended[ganger.Done]), status.Number(c.WithoutSuccess()), status.Number(c.NotStarted), rest)
	}
	if j.plan.opts.quiet {
		return text.String()
	}
	if c.Skipped > 0 {
		have := "have"
		if c.Skipped == 1 {
			have = "has"
		}
		fmt.Fprintf(&text, "ganger: %s: %s already %s an outcome, skipped\n", j.plan.opts.log, status.Count(c.Skipped, "task"), have)
	}
	text.WriteString(c.Summary(j.age()) + "\n")
	text.WriteString(j.whereToLook(c))
	return text.String()
}

// whereToLook tells how the tasks without success are listed.
func (j *job) whereToLook(c status.Counts) string {
	n := c.WithoutSuccess() - c.Ended[ganger.Cancelled] - c.Reasons[status.Reason{Outcome: ganger.Rejected, Why: string(ganger.CauseStart)}] - int(j.unlogged.Load())
	if j.log == nil || n <= 0 {
		return ""
	}
	path := replace.Quote(j.plan.opts.log)
	if strings.HasPrefix(path, "-") {
		path = "./" + path
	}
	return fmt.Sprintf("%s without success; list them: ganger log --failed %s\n", status.Count(n, "task"), path)
}
