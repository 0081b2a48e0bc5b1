package main

import (
	"bytes"
	"io"
	"log/slog"
	"strings"

	"github.com/ganger-dev/ganger/cmd/ganger/internal/status"
)

// checkLines says what is wrong with --tag and --line-buffer.
func (o *options) checkLines() error {
	wrong := func(hint, text string) error { return &usageError{text: text, hint: hint, help: "ganger run"} }
	p := &o.outputs
	switch {
	case p.tag && o.json:
		return wrong("", "--tag and --json exclude each other: a record names its task")
	case p.lineBuffer && o.json:
		return wrong("", "--line-buffer and --json exclude each other: a record is written when its task has ended")
	case p.lineBuffer && o.keepOrder:
		return wrong("", "--line-buffer and --keep-order exclude each other")
	case p.lineBuffer && o.warm():
		return wrong("--unordered writes each when it comes", "--line-buffer: warm workers give one response for a task, which is not written in lines")
	}
	return nil
}

// shown is a writer of what people are shown of one attempt. finish is called
// once, when no more comes: it ends a line that has no end.
type shown interface {
	io.Writer
	finish()
}

// show returns where the next attempt at t prints and complains.
func (j *job) show(t *task) (stdout, stderr io.Writer) {
	o := &j.plan.opts.outputs
	stdout, stderr = t.place, &t.stderr
	if o.lineBuffer {
		stdout = j.window
	}
	t.finishLines()
	if o.tag {
		g := &tagger{to: stdout, tag: t.tag()}
		stdout, t.shown = g, append(t.shown, g)
	}
	if o.lineBuffer {
		out, err := &liner{to: stdout}, &liner{to: complaints{j, t}}
		stdout, stderr = out, io.MultiWriter(&t.stderr, err)
		t.shown = append(t.shown, out, err)
	}
	return stdout, stderr
}

// finishLines ends the lines of the attempt that has ended.
func (t *task) finishLines() {
	for i := len(t.shown) - 1; i >= 0; i-- { // those that write to others are behind them
		t.shown[i].finish()
	}
	t.shown = nil
}

// tag is what stands before each line of t.
func (t *task) tag() string { return status.Label(string(t.Label), 0) + "\t" }

// tagger writes each line behind a tag.
type tagger struct {
	to     io.Writer
	tag    string
	within bool // a line has begun
}

func (g *tagger) Write(p []byte) (int, error) {
	var b []byte
	for line := range bytes.Lines(p) {
		if !g.within {
			b = append(b, g.tag...)
		}
		b = append(b, line...)
		g.within = line[len(line)-1] != '\n'
	}
	if _, err := g.to.Write(b); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (g *tagger) finish() {
	if g.within {
		_, _ = g.to.Write([]byte("\n")) // the writer remembers its error
	}
	g.within = false
}

// maxLine is how much of a line is held back until its end comes. What is longer
// is handed on in pieces, each as a line.
const maxLine = 64 << 10

// liner hands on whole lines, in one call as many as there are.
type liner struct {
	to   io.Writer
	part []byte // of a line whose end has not come
}

func (l *liner) Write(p []byte) (int, error) {
	end := bytes.LastIndexByte(p, '\n') + 1
	if end > 0 {
		whole := p[:end]
		if len(l.part) > 0 {
			whole = append(l.part, whole...)
		}
		_, err := l.to.Write(whole)
		l.part = l.part[:0]
		if err != nil {
			return 0, err
		}
	}
	l.part = append(l.part, p[end:]...)
	for len(l.part) >= maxLine {
		piece := append(bytes.Clone(l.part[:maxLine]), '\n')
		l.part = append(l.part[:0], l.part[maxLine:]...)
		if _, err := l.to.Write(piece); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (l *liner) finish() {
	if len(l.part) > 0 {
		_, _ = l.to.Write(append(l.part, '\n'))
	}
	l.part = nil
}

// complaints are told as they come: whole lines of t's standard error.
type complaints struct {
	j *job
	t *task
}

func (c complaints) Write(p []byte) (int, error) {
	text := string(p)
	if c.j.plan.opts.outputs.tag {
		var b strings.Builder
		for line := range strings.Lines(text) {
			b.WriteString(c.t.tag() + line)
		}
		text = b.String()
	}
	c.j.board.Tell(status.Notice{
		Level: slog.LevelInfo, Message: "stderr", Text: text,
		Attrs: []slog.Attr{slog.String("task", string(c.t.Label)), slog.Int("index", c.t.Index), slog.String("lines", strings.TrimSuffix(string(p), "\n"))},
	})
	return len(p), nil
}
