package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// options are the flags of ganger run, as given.
type options struct {
	input  string
	null   bool
	ndjson bool
	proto  string
	call   callFlag

	protoGiven                                        bool
	limits                                            limitFlags
	workers, slots, retries, maxDeaths, maxTasks      int
	halt                                              halt
	key, priority                                     location
	timeout, startTimeout, grace, ttl, idleTTL, drain time.Duration
	ready, keepOrder, unordered, shell, keepDaemons   bool
	dryRun, quiet, json                               bool
	log                                               string
	resume                                            resumption
	resumeFailed                                      bool
	env                                               []string
	dir                                               string
	command                                           []string
	telling                                           telling
	outputs                                           outputs
	cpusFrom                                          string // what the number of workers comes from
}

// protocols are what --proto takes.
var protocols = []string{"exec", "lines", "jsonl", "native"}

// newRun returns ganger run.
func newRun(s streams, status *int) *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:   "run [flags] (-- COMMAND [ARGUMENT ...] | --call FILE:FUNCTION)",
		Short: "Perform the tasks of the standard input by worker processes",
		Long: `Perform one task for each line of the standard input, by a process of its own
or by warm workers, and write the outputs in the order of the input.

In the arguments and in --env these stand for the task: {} itself, {.} without
its extension, {/} its last part, {//} what is before it, {/.} the last part
without its extension, {#} its number from 1; and {seat} for the worker's seat
from 0, {out} for the file of --out. Without any of them but these two the task
goes to the standard input.

Exit status: 0 all done, 1 some without success, 2 usage, 3 could not run at
all, 130 and 143 after INT and TERM.`,
		Example: `  find . -name '*.tif' -print0 | ganger run -0 -j 8 --timeout 60s --out {.}.webp -- tiff2webp {} -o {out}
  ganger run --proto lines -a words.txt -- ./translate --from de --to en
  ls photos/*.jpg | ganger run --call caption.py:caption -j 2 --memory-soft 6G`,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     programs,
		RunE: func(c *cobra.Command, args []string) error {
			if err := missingValue(c); err != nil {
				return err
			}
			o.command, o.protoGiven = args, c.Flags().Changed("proto")
			if o.call.text != "" && !o.protoGiven {
				o.proto = "native"
			}
			code, err := perform(c.Context(), o, s)
			*status = code
			return err
		},
	}
	o.declare(c.Flags())
	arrange(c.Flags())
	completeFlags(c)
	return c
}

// declare adds the flags of ganger run to f.
func (o *options) declare(f *pflag.FlagSet) {
	f.SetInterspersed(false) // what follows the command is the command's
	f.SortFlags = false
	f.StringVarP(&o.input, "input", "a", "-", "read the tasks from `FILE`; - is the standard input")
	f.BoolVarP(&o.null, "null", "0", false, "tasks end with a NUL byte instead of a newline")
	f.BoolVar(&o.ndjson, "ndjson", false, "tasks are JSON values, one a line")
	f.VarP(&choice{&o.proto, protocols}, "proto", "", "speak to workers by `PROTOCOL`: exec (the default), lines, jsonl or native")
	f.Lookup("proto").DefValue, o.proto = "", "exec"
	f.Var(&o.call, "call", "the workers call a function of Python or JavaScript for each task: `FILE:FUNCTION`")
	f.VarP(&count{&o.workers, 1}, "workers", "j", "keep `N` workers (default: one for each CPU)")
	f.Var(&count{&o.slots, 1}, "slots", "give each worker up to `N` tasks at once (default: 1)")
	f.Var(&count{&o.retries, 0}, "retries", "run a task that failed or timed out up to `N` times more")
	f.Var(&count{&o.maxDeaths, 1}, "max-deaths", "give a task up after `N` deaths of its worker (default: 1 with exec, else 2)")
	f.Var(&span{&o.timeout, 0}, "timeout", "end a task that takes longer than `DURATION`, counted from when a ready worker has it")
	o.startTimeout = 30 * time.Second
	f.Var(&span{&o.startTimeout, 1}, "start-timeout", "a worker must be ready after `DURATION`")
	f.BoolVar(&o.ready, "ready", false, "the first line of a worker says that it is ready")
	o.grace = time.Second
	f.Var(&span{&o.grace, 0}, "grace", "`DURATION` between asking a worker to end and killing it")
	f.Var(&count{&o.maxTasks, 1}, "max-tasks", "replace a worker after `N` tasks")
	f.Var(&span{&o.ttl, 1}, "ttl", "replace a worker at the age of `DURATION`")
	f.Var(&span{&o.idleTTL, 1}, "idle-ttl", "let a worker go that had nothing to do for `DURATION`")
	o.limits.declare(f)
	f.Var(&o.halt, "halt", "after `N` tasks without success, or N%, take no more; now,N cancels what runs, soon,N lets it finish")
	f.Var(&o.key, "key", "with --ndjson: tasks with one value at the JSON `POINTER` go to one worker if they can")
	f.Var(&o.priority, "priority", "with --ndjson: of the tasks that wait, the greatest number at the JSON `POINTER` goes first")
	f.BoolVarP(&o.keepOrder, "keep-order", "k", false, "write outputs in the order of the input (the default)")
	f.BoolVar(&o.unordered, "unordered", false, "write outputs in the order in which tasks end")
	f.StringArrayVar(&o.env, "env", nil, "add `NAME=VALUE` to the environment; replacement strings count; may be repeated")
	f.Var(&fileName{&o.dir}, "dir", "start the workers in `DIR`")
	f.BoolVar(&o.shell, "shell", false, "the command is a script for sh; what replaces {} is quoted")
	f.BoolVar(&o.keepDaemons, "keep-daemons", false, "spare processes that left their worker's process group")
	f.Var(&fileName{&o.log}, "log", "add the end of each task to `FILE`, for --resume and ganger log")
	f.Var(&o.resume, "resume", "go on with the log: skip the tasks that have an outcome; with `force` also after another command")
	f.Lookup("resume").NoOptDefVal = string(resumed)
	f.BoolVar(&o.resumeFailed, "resume-failed", false, "go on with the log, and run those without success again")
	o.drain = 25 * time.Second
	f.Var(&span{&o.drain, 0}, "drain", "after a TERM let tasks finish for `DURATION`")
	o.outputs.declare(f)
	f.BoolVar(&o.dryRun, "dry-run", false, "print what would be run, one command a line, and run nothing")
	f.BoolVar(&o.quiet, "quiet", false, "no status line and no summary")
	f.BoolVar(&o.json, "json", false, "write one JSON record for each task instead of its output")
	o.telling.declare(f)
}

// check says what is wrong with the options together.
func (o *options) check() error {
	wrong := func(hint, format string, args ...any) error {
		return &usageError{text: fmt.Sprintf(format, args...), hint: hint, help: "ganger run"}
	}
	if o.call.text != "" {
		if err := o.checkCall(wrong); err != nil {
			return err
		}
	}
	switch {
	case len(o.command) == 0 && o.call.text == "":
		return wrong("ganger run -- COMMAND {}", "no command to run")
	case len(o.command) > 0 && o.command[0] == "":
		return wrong("", "the name of the command is empty")
	case o.null && o.ndjson:
		return wrong("", "--null and --ndjson exclude each other")
	case o.key.at != nil && !o.ndjson:
		return wrong("add --ndjson", "--key: only tasks of --ndjson have something to point to")
	case o.priority.at != nil && !o.ndjson:
		return wrong("add --ndjson", "--priority: only tasks of --ndjson have something to point to")
	case o.keepOrder && o.unordered:
		return wrong("", "--keep-order and --unordered exclude each other")
	case o.log == "" && (o.resume != "" || o.resumeFailed):
		return wrong("name the log of the run with --log FILE", "--resume and --resume-failed: there is no log to go on with")
	case o.ready && !o.warm():
		return wrong("choose --proto lines or jsonl", "--ready: with --proto exec there is no worker that could say so")
	case o.ready && o.proto == "native":
		return wrong("leave --ready out", "--ready: a worker of the native protocol says by its hello that it is ready, and so does one of --call")
	case o.slots > 1 && o.proto == "lines":
		return wrong("more tasks at once need more --workers", "--slots %d: with --proto lines a worker has one task at a time; allowed: 1", o.slots)
	}
	if err := o.checkLines(); err != nil {
		return err
	}
	for _, e := range o.env {
		if name, _, ok := strings.Cut(e, "="); !ok || name == "" {
			return wrong("", "--env %q: allowed: NAME=VALUE", e)
		}
	}
	if err := o.telling.check(o.json, wrong); err != nil {
		return err
	}
	if err := o.checkLimits(wrong); err != nil {
		return err
	}
	return o.checkRoom(wrong)
}

// warm reports whether workers live on from task to task.
func (o *options) warm() bool { return o.proto != "exec" }

// how is the flag that says how tasks reach the workers.
func (o *options) how() string {
	if o.call.text != "" {
		return "--call"
	}
	return "--proto " + o.proto
}

// greets reports whether workers say that they are ready.
func (o *options) greets() bool { return o.ready || o.proto == "native" }

// choice is a flag with a closed list of values.
type choice struct {
	value   *string
	allowed []string
}

func (c *choice) String() string { return *c.value }
func (c *choice) Type() string   { return "" }

func (c *choice) Set(s string) error {
	if slices.Contains(c.allowed, s) {
		*c.value = s
		return nil
	}
	return fmt.Errorf("allowed: %s", strings.Join(c.allowed, ", "))
}

// count is a flag with a number of things.
type count struct {
	value *int
	least int
}

func (c *count) String() string {
	if *c.value == 0 {
		return ""
	}
	return strconv.Itoa(*c.value)
}
func (c *count) Type() string { return "" }

func (c *count) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < c.least || n > 1<<30 {
		return fmt.Errorf("allowed: a whole number, at least %d", c.least)
	}
	*c.value = n
	return nil
}

// span is a flag with a duration.
type span struct {
	value *time.Duration
	least time.Duration // 0 or 1: whether zero is allowed
}

func (d *span) String() string {
	if *d.value == 0 {
		return ""
	}
	return d.value.String()
}
func (d *span) Type() string { return "" }

func (d *span) Set(s string) error {
	v, err := time.ParseDuration(s)
	if err != nil || v < d.least {
		more := "0 or more"
		if d.least > 0 {
			more = "more than 0"
		}
		return fmt.Errorf("allowed: a duration such as 500ms, 10s or 2m, %s", more)
	}
	*d.value = v
	return nil
}
