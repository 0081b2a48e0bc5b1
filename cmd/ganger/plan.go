package main

import (
	"bytes"
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/ganger-dev/ganger/cmd/ganger/internal/input"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/machine"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/outfile"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/replace"
	"github.com/ganger-dev/ganger/wall/process"
)

// plan is the command of a run with its replacement strings found: everything
// that turns a task into a process or a seat into a worker. It is immutable.
type plan struct {
	opts     options
	words    []replace.Template // the program and its arguments
	names    []string           // of the environment
	values   []replace.Template // of the environment
	stdin    bool               // the task goes to the standard input
	inArgs   bool               // the task stands in arguments or environment
	function *process.Command   // of --call; nil: there is a command
	format   input.Format
	out      outPlan
}

// maxArgument is the longest argument that Linux takes, without its final NUL.
const maxArgument = 128<<10 - 1

func newPlan(o options) (*plan, error) {
	o.json = o.json || o.telling.format == formatJSON
	if err := o.check(); err != nil {
		return nil, err
	}
	o.cpusFrom = "flag"
	if o.workers == 0 {
		o.workers, o.cpusFrom = machine.CPUs()
	}
	o.slots = cmp.Or(o.slots, 1)
	p := &plan{opts: o, format: input.Lines}
	switch {
	case o.null:
		p.format = input.Null
	case o.ndjson:
		p.format = input.JSON
	}
	if err := p.parse(); err != nil {
		return nil, err
	}
	if err := p.planOut(); err != nil {
		return nil, err
	}
	needs := p.needs()
	if o.warm() && len(needs) > 0 {
		return nil, &usageError{
			text: fmt.Sprintf("%s: with %s a worker performs many tasks, and each goes through the protocol; allowed: {seat}", needs[0], o.how()),
			hint: "with --proto exec each task has a process of its own", help: "ganger run",
		}
	}
	p.stdin = len(needs) == 0
	for _, s := range needs {
		p.inArgs = p.inArgs || s != replace.Number
	}
	return p, nil
}

// parse finds the replacement strings.
func (p *plan) parse() error {
	if p.opts.shell {
		t, err := replace.Script(strings.Join(p.opts.command, " "))
		if err != nil {
			return &usageError{text: err.Error(), help: "ganger run"}
		}
		p.words = []replace.Template{replace.Parse("sh"), replace.Parse("-c"), t}
	} else {
		for _, w := range p.opts.command {
			p.words = append(p.words, replace.Parse(w))
		}
	}
	for _, e := range p.opts.env {
		name, value, _ := bytes.Cut([]byte(e), []byte("="))
		p.names = append(p.names, string(name))
		p.values = append(p.values, replace.Parse(string(value)))
	}
	return nil
}

// needs are the replacement strings that stand for something of the task.
func (p *plan) needs() []replace.String {
	var all []replace.String
	for _, t := range p.words {
		all = append(all, t.Needs()...)
	}
	for _, t := range p.values {
		all = append(all, t.Needs()...)
	}
	return all
}

// program is the name of the program, if no task changes it.
func (p *plan) program() (name string, fixed bool) {
	if p.function != nil {
		return p.function.Path, true
	}
	return p.words[0].Fixed()
}

// fill returns the program, its arguments and its environment.
func (p *plan) fill(v replace.Values) (path string, args, env []string) {
	for i, t := range p.values {
		env = append(env, p.names[i]+"="+t.Fill(v))
	}
	if p.function != nil {
		return p.function.Path, p.function.Args, env
	}
	args = make([]string, len(p.words)-1)
	for i, t := range p.words[1:] {
		args[i] = t.Fill(v)
	}
	return p.words[0].Fill(v), args, env
}

// request is one task as a process of its own.
func (p *plan) request(t *task, seat, attempt int) process.Request {
	v := replace.Values{Task: t.text, Number: t.Index, Seat: seat}
	if t.file != nil {
		v.Out = argument(outfile.Temporary(t.file.name))
	}
	path, args, env := p.fill(v)
	q := process.Request{Path: path, Args: args, Dir: p.opts.dir, Env: append(env,
		"GANGER_TASK="+strconv.Itoa(t.Index),
		"GANGER_ATTEMPT="+strconv.Itoa(attempt),
		"GANGER_SEAT="+strconv.Itoa(seat),
	)}
	if p.stdin {
		q.Stdin = p.standardInput(t)
	}
	return q
}

// standardInput is what a process without the task in its arguments reads: the
// task as it stood in the input, with its newline, so that "read" in a shell
// finds a whole line; with --null nothing is added.
func (p *plan) standardInput(t *task) []byte {
	if p.format == input.Null {
		if t.Bytes == nil {
			return []byte{} // empty, not absent
		}
		return t.Bytes
	}
	return append(t.Bytes[:len(t.Bytes):len(t.Bytes)], '\n')
}

// refuse says why a task cannot be given to the command, nil if it can.
func (p *plan) refuse(t *task) error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%s %d: %w", p.unit(), t.Line, fmt.Errorf(format, args...))
	}
	switch {
	case t.Task.Err != nil:
		return t.Task.Err
	case t.wrong != nil:
		return wrong("%w", t.wrong)
	case p.opts.proto == "lines" && bytes.IndexByte(t.Bytes, '\n') >= 0:
		return wrong("a task with a newline in it is no line: --proto lines cannot carry it")
	case (p.opts.proto == "jsonl" || p.opts.proto == "native") && p.format != input.JSON && !validText(t.Bytes):
		return wrong("a task that is not UTF-8 is no JSON string: %s cannot carry it", p.opts.how())
	case !p.inArgs:
		return nil
	case bytes.IndexByte(t.text, 0) >= 0:
		return wrong("a task with a NUL byte cannot stand in an argument; without {} it goes to the standard input")
	case len(t.text) > maxArgument:
		return wrong("a task of %d bytes cannot stand in an argument; without {} it goes to the standard input", len(t.text))
	}
	return nil
}

// unit is what the input has one of for each task.
func (p *plan) unit() string {
	if p.format == input.Null {
		return "record"
	}
	return "line"
}
