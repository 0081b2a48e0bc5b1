package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ganger-dev/ganger/cmd/ganger/internal/outfile"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/replace"
)

// outputs are the flags that say where what tasks make is kept.
type outputs struct {
	out, results    string
	tag, lineBuffer bool
}

func (o *outputs) declare(f *pflag.FlagSet) {
	f.Var(&fileName{&o.out}, "out", "the task makes the file `PATTERN`, with replacement strings: {out} in the command is its temporary name; without {out} it is what the task prints")
	f.Var(&fileName{&o.results}, "results", "keep the output, the standard error and the record of each task in a directory of its own in `DIR`")
	f.BoolVar(&o.tag, "tag", false, "begin each line of output with the task and a tab")
	f.BoolVar(&o.lineBuffer, "line-buffer", false, "write whole lines of all running tasks as they come")
}

// fileName is a flag with the name of a file.
type fileName struct{ value *string }

func (n *fileName) String() string { return *n.value }
func (n *fileName) Type() string   { return "" }

func (n *fileName) Set(s string) error {
	if s == "" {
		return errors.New("the name is empty")
	}
	*n.value = s
	return nil
}

// outPlan is what --out says. The zero outPlan is that of a run without it.
type outPlan struct {
	pattern replace.Template
	given   bool
	named   bool // {out} stands in the command: the task makes the file, and else we do
	unlike  bool // no two tasks have the same name, as the pattern shows
}

// planOut reads --out, and looks whether the command has {out}.
func (p *plan) planOut() error {
	o := &p.opts
	wrong := func(hint, format string, args ...any) error {
		return &usageError{text: fmt.Sprintf(format, args...), hint: hint, help: "ganger run"}
	}
	for _, all := range [][]replace.Template{p.words, p.values} {
		for _, t := range all {
			p.out.named = p.out.named || t.Holds(replace.Out)
		}
	}
	if o.outputs.out == "" {
		if p.out.named {
			return wrong("add --out 'out/{/.}.EXTENSION'", "{out}: there is no --out that says which file it stands for")
		}
		return nil
	}
	t := replace.Parse(o.outputs.out)
	p.out.pattern, p.out.given = t, true
	switch {
	case t.Holds(replace.Seat) || t.Holds(replace.Out):
		return wrong("", "--out %q: allowed: {} {.} {/} {//} {/.} {#}", o.outputs.out)
	case len(t.Needs()) == 0:
		return wrong("such as 'out/{/.}.webp' or 'out/{#}'", "--out %q: all tasks would make the same file", o.outputs.out)
	case p.out.named && o.warm():
		return wrong("without {out} the file is the worker's response", "{out}: with --proto %s a worker performs many tasks, and each goes through the protocol", o.proto)
	}
	p.out.unlike = !strings.Contains(o.outputs.out, "..") && o.proto != "native" // whose tasks may submit others
	for _, s := range t.Needs() {
		p.out.unlike = p.out.unlike && s == replace.Number
	}
	return nil
}

// captures reports whether what a task prints or answers goes to its file.
func (o *outPlan) captures() bool { return o.given && !o.named }

// claim gives t its file, which belongs to no other task of claims. What keeps it
// from one is why it is refused.
func (p *plan) claim(t *task, claims *outfile.Claims) {
	if !p.out.given || t.Task.Err != nil || t.wrong != nil {
		return
	}
	name := p.out.pattern.Fill(replace.Values{Task: t.text, Number: t.Index, Child: t.path})
	if t.wrong = outfile.Check(name); t.wrong != nil {
		return
	}
	if !p.out.unlike {
		if other, taken := claims.Take(name, t.Line); taken {
			t.wrong = fmt.Errorf("its output %q is that of %s %d already", name, p.unit(), other)
			return
		}
	}
	t.file = &file{name: name, path: p.inDir(name)}
}

// inDir is where a worker finds a file of that name, for this process.
func (p *plan) inDir(name string) string {
	if p.opts.dir == "" || filepath.IsAbs(name) {
		return name
	}
	return p.opts.dir + "/" + name
}

// argument is a name as a command takes it for nothing but a name.
func argument(name string) string {
	if strings.HasPrefix(name, "-") {
		return "./" + name
	}
	return name
}

// streams are where a process of t prints and complains.
func (j *job) streams(t *task) (stdout, stderr io.Writer) {
	stdout, stderr = j.show(t)
	if r := t.result; r != nil {
		stdout, stderr = io.MultiWriter(&r.stdout, stdout), io.MultiWriter(&r.stderr, stderr)
	}
	if j.plan.out.captures() {
		stdout = &t.file.data
	}
	return stdout, stderr
}
