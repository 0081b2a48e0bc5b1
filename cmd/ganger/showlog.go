package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/runlog"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/status"
)

// newLog returns ganger log.
func newLog(s streams) *cobra.Command {
	var failed, json bool
	c := &cobra.Command{
		Use:   "log [flags] FILE",
		Short: "Read the log of a run",
		Long: `List the tasks that have an outcome in the log of a run (ganger run --log FILE):
outcome, what narrows it, how long the last attempt took, the task, and what was
said last. A task that ended several times is listed with its last end. The run
may go on meanwhile.`,
		Example: `  ganger log --failed conv.log
  ganger log --json conv.log | jq -r 'select(.outcome == "timed-out").task'`,
		DisableFlagsInUseLine: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{text: fmt.Sprintf("one log is wanted, not %d", len(args)), hint: "ganger log FILE", help: "ganger log"}
			}
			return showLog(args[0], failed, json, s)
		},
	}
	c.Flags().SortFlags = false
	c.Flags().BoolVar(&failed, "failed", false, "only tasks without success")
	c.Flags().BoolVar(&json, "json", false, "write the records, one JSON object a line")
	return c
}

// showLog writes the newest end of each task in the log.
func showLog(path string, failed, json bool, s streams) error {
	out := bufio.NewWriterSize(s.out, 64<<10)
	wanted := func(o ganger.Outcome) bool { return !failed || o != ganger.Done }
	err := runlog.Read(path, wanted, func(e *runlog.End, record []byte) error {
		if json {
			_, _ = out.Write(record)
			return written(out.WriteByte('\n'))
		}
		_, err := out.WriteString(logLine(e))
		return written(err)
	})
	if flushed := written(out.Flush()); err == nil {
		err = flushed
	}
	if errors.Is(err, syscall.EPIPE) {
		return nil // the reader has seen enough
	}
	return err
}

// logLine is an end as people read it.
func logLine(e *runlog.End) string {
	v := verdict{outcome: e.Outcome, cause: e.Cause, exit: e.Exit, signal: e.Signal}
	label := strconv.Quote(string(e.Task))
	if e.Value {
		label = status.Label(string(e.Task), 0)
	}
	line := fmt.Sprintf("%-10s %-9s %6s  %s", e.Outcome, v.reason().Why, lasted(e.Ran), label)
	if last := lastWords(e); last != "" {
		line += "  " + last
	}
	return line + "\n"
}

// lasted is how long an attempt took, in the fashion of a table.
func lasted(d time.Duration) string {
	if d < time.Hour {
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	}
	return status.Duration(d)
}

// lastWords is the last line that the task wrote on its standard error, or else
// why it has no success.
func lastWords(e *runlog.End) string {
	words := strings.TrimSpace(e.Error)
	if e.Outcome == ganger.Done || words == "exit status "+exitText(e.Exit) || words == string(e.Cause) {
		words = ""
	}
	if lines := bytes.Split(bytes.TrimSpace(e.Stderr), []byte("\n")); len(lines[len(lines)-1]) > 0 && e.Outcome != ganger.Done {
		words = string(lines[len(lines)-1])
	} else if i := strings.LastIndexByte(words, '\n'); i >= 0 {
		words = words[i+1:]
	}
	if words == "" {
		return ""
	}
	return status.Label(words, 120)
}
