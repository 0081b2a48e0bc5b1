package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newRoot returns the command tree; what a command that ran has to say as the
// exit status goes to status.
func newRoot(s streams, status *int) *cobra.Command {
	var version bool
	root := &cobra.Command{
		Use:           "ganger",
		Short:         "Perform tasks on supervised worker processes",
		Long:          "ganger performs heaps of tasks on supervised worker processes and loses none\nwhen workers crash, hang or print rubbish.",
		Example:       "  find . -name '*.tif' -print0 | ganger run -0 --out {.}.webp -- tiff2webp {} -o {out}\n  ganger run --proto lines -a words.txt -- ./translate",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          unknownCommand,
		RunE: func(c *cobra.Command, _ []string) error {
			if version {
				return written(thisBuild().print(s.out))
			}
			*status = exitUsage
			c.SetOut(s.err)
			return c.Help()
		},
		SuggestionsMinimumDistance: 2,
		CompletionOptions:          cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetHelpFunc(printHelp)
	root.SetHelpCommand(newHelp())
	root.SetFlagErrorFunc(flagError)
	root.Flags().BoolVar(&version, "version", false, "the same as ganger version")
	root.AddCommand(newRun(s, status), newLog(s), newVersion(s), newCompletion(s), newMan())
	return root
}

// unknownCommand refuses arguments that are no command, with the nearest that is.
func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	e := &usageError{text: fmt.Sprintf("unknown command %q", args[0]), help: c.CommandPath()}
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		e.hint = fmt.Sprintf("did you mean %q?", c.CommandPath()+" "+strings.Join(near, " or "))
	}
	return e
}

// usageError is a mistake on the command line.
type usageError struct {
	text string // what is wrong, with the flag and the values it allows
	hint string // what to do instead
	help string // the command whose help says more
}

func (e *usageError) Error() string { return e.text }

// flagError makes a usage error of what the flag parser says.
func flagError(c *cobra.Command, err error) error {
	if wrong, ok := errors.AsType[*pflag.InvalidValueError](err); ok && wrong.GetValue() == "--" {
		return forgotten(c, wrong.GetFlag())
	}
	e := &usageError{text: err.Error(), help: c.CommandPath()}
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && len(unknown.GetSpecifiedName()) > 1 {
		if near := nearest(c.Flags(), unknown.GetSpecifiedName()); near != "" {
			e.hint = fmt.Sprintf("did you mean --%s?", near)
		} else {
			e.hint = "flags of the command that is to be run go behind --"
		}
	}
	return e
}

// missingValue refuses "--" as the value of a flag: the value was forgotten, and
// the rest of the line would be understood as something else.
func missingValue(c *cobra.Command) (err error) {
	c.Flags().Visit(func(f *pflag.Flag) {
		if err == nil && f.Value.String() == "--" {
			err = forgotten(c, f)
		}
	})
	return err
}

func forgotten(c *cobra.Command, f *pflag.Flag) error {
	return &usageError{
		text: fmt.Sprintf("flag needs an argument: --%s: what follows it is --, where the command begins", f.Name),
		hint: fmt.Sprintf("--%s %s", f.Name, wordsOf(f).value), help: c.CommandPath(),
	}
}

// nearest is the flag that is spelt most like name, "" if none is near.
func nearest(flags *pflag.FlagSet, name string) string {
	best, distance := "", 3
	flags.VisitAll(func(f *pflag.Flag) {
		if d := edits(f.Name, name); d < distance && d < len(f.Name) {
			best, distance = f.Name, d
		}
	})
	return best
}

// edits is the number of characters to insert, drop or replace that makes a of
// b (Levenshtein), with one row of the usual table.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := corner
			if a[i] != b[j] {
				replace++
			}
			corner = row[j+1]
			row[j+1] = slices.Min([]int{replace, row[j] + 1, corner + 1})
		}
	}
	return row[len(b)]
}
