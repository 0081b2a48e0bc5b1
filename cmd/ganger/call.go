package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/call"
)

// callFlag is the function of --call, as it was given.
type callFlag struct {
	text     string
	function call.Function
}

func (c *callFlag) String() string { return c.text }
func (c *callFlag) Type() string   { return "" }

func (c *callFlag) Set(s string) error {
	f, err := call.Parse(s)
	if err != nil {
		return err
	}
	c.text, c.function = s, f
	return nil
}

// checkCall says what is wrong with the other options of a run with --call.
func (o *options) checkCall(wrong func(hint, format string, args ...any) error) error {
	switch {
	case len(o.command) > 0:
		return wrong("the function is the worker: leave the command out", "--call %s and the command %q exclude each other", o.call.text, o.command[0])
	case o.protoGiven && o.proto != "native":
		return wrong("leave --proto out", "--call and --proto %s exclude each other", o.proto)
	case o.shell:
		return wrong("", "--call and --shell exclude each other")
	}
	return nil
}

// findFunction makes the function of --call the worker of the plan. Its error is
// why nothing could run.
func (p *plan) findFunction() error {
	if p.opts.call.text == "" {
		return nil
	}
	c, err := p.opts.call.function.Command()
	if err != nil {
		return fmt.Errorf("--call %s: %w", p.opts.call.text, err)
	}
	p.function = &c
	return nil
}

// called is a wall of workers that call a function. It names the function in its
// errors, where another names its command line.
type called[Q, R any] struct {
	wall.Wall[wall.Instance[Q, R]]
	name     string
	hopeless func(error) // told that another start would end no better
}

func (w called[Q, R]) Traits() wall.Traits {
	t := w.Wall.Traits()
	t.Command = w.name
	return t
}

func (w called[Q, R]) Open(ctx context.Context, s wall.Start) (wall.Instance[Q, R], error) {
	i, err := w.Wall.Open(ctx, s)
	e, ok := errors.AsType[*wall.StartError](err)
	if !ok {
		return i, err
	}
	e.Command = w.name
	if e.Exit != nil && e.Exit.Code == call.ExitUnusable && !e.Exit.Asked {
		w.hopeless(e)
	}
	return nil, e
}

// tellTeardown tells that a worker did not leave as it should: what its teardown
// was to save may be lost, though its tasks are done.
func (j *job) tellTeardown(o inspect.Obituary) {
	words := strings.TrimSpace(o.Exit.Stderr)
	text := fmt.Sprintf("worker %s: exit %d when it left", strings.TrimPrefix(o.Worker, "w"), o.Exit.Code)
	if words != "" {
		text += "; standard error ended with:\n" + words
	}
	j.tell(slog.LevelWarn, "teardown failed", text,
		slog.String("worker", o.Worker), slog.Int("exit", o.Exit.Code), slog.String("stderr", words[max(len(words)-stderrTold, 0):]))
}
