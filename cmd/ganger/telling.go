package main

import (
	"errors"
	"io"
	"log/slog"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ganger-dev/ganger/cmd/ganger/internal/status"
)

// telling are the flags that say how a run tells of itself.
type telling struct {
	logFormat status.Format
	format    string // "" when it was not given
	junit     string
}

// What --format takes.
const (
	formatText   = "text"
	formatJSON   = "json"
	formatGitHub = "github"
)

const logFormatFlag = "log-format"

// declare adds the flags to f.
func (o *telling) declare(f *pflag.FlagSet) {
	f.Var(&logFormat{&o.logFormat}, logFormatFlag, "tell what happens on standard error in `FORMAT`: text (the default), or json, one object a line")
	f.Lookup(logFormatFlag).DefValue = ""
	f.Var(&choice{&o.format, []string{formatText, formatJSON, formatGitHub}}, "format",
		"write the ends of tasks in `FORMAT`: text (the default), json (the same as --json), or github, as errors of a workflow")
	f.Var(&fileName{&o.junit}, "junit", "when the run ends write a report in JUnit's XML to `FILE`")
}

// check says what is wrong with the options together.
func (o *telling) check(json bool, wrong func(hint, format string, args ...any) error) error {
	switch {
	case json && o.format != "" && o.format != formatJSON:
		return wrong("", "--json and --format %s exclude each other", o.format)
	case o.format == formatGitHub && o.logFormat == status.JSON:
		return wrong("", "--format github and --log-format json exclude each other: both say what is written to standard error")
	}
	return nil
}

// logFormat is the value of --log-format.
type logFormat struct{ *status.Format }

func (l *logFormat) Type() string { return "" }

// formatOf is the format in which c tells of itself, as far as its flags were
// understood.
func formatOf(c *cobra.Command) status.Format {
	if f := c.Flags().Lookup(logFormatFlag); f != nil {
		return *f.Value.(*logFormat).Format
	}
	return status.Text
}

// complain tells why a command could not be run and returns the exit status.
func complain(stderr io.Writer, err error, f status.Format) int {
	n := status.Notice{Level: slog.LevelError, Message: "not run", Attrs: []slog.Attr{errorOf(err)}, Text: "ganger: " + err.Error() + "\n"}
	code := exitNotRun
	if _, ok := errors.AsType[*outputError](err); ok {
		code, n.Message = exitWithout, "output failed"
	}
	if e, ok := errors.AsType[*usageError](err); ok {
		code, n.Message = exitUsage, "usage"
		if e.hint != "" {
			n.Attrs = append(n.Attrs, slog.String("hint", e.hint))
			n.Text += "hint: " + e.hint + "\n"
		}
		if e.help != "" {
			n.Attrs = append(n.Attrs, slog.String("see", e.help+" --help"))
			n.Text += "see \"" + e.help + " --help\"\n"
		}
	}
	n.Attrs = append(n.Attrs, slog.Int("status", code))
	_, _ = io.WriteString(stderr, n.In(f))
	return code
}

// errorOf is what went wrong.
func errorOf(err error) slog.Attr { return slog.String("error", err.Error()) }

// tell tells what happened: message and attributes to programs, text, which is
// one line, to people.
func (j *job) tell(level slog.Level, message, text string, attrs ...slog.Attr) {
	n := status.Notice{Level: level, Message: message, Attrs: slices.Clip(attrs)}
	if text != "" {
		n.Text = "ganger: " + text + "\n"
	}
	j.board.Tell(n)
}
