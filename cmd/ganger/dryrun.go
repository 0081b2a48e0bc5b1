package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/input"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/outfile"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/replace"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/status"
)

// dryRun prints what would be run, one command a line as a shell reads it: one
// for each task, or with warm protocols one for each worker.
func (p *plan) dryRun(in io.Reader, s streams) (int, error) {
	out := bufio.NewWriter(s.out)
	if p.opts.warm() {
		for seat := range p.opts.workers {
			path, args, env := p.fill(replace.Values{Seat: seat})
			env = append(env, "GANGER_SEAT="+strconv.Itoa(seat))
			fmt.Fprintln(out, p.commandLine(path, args, env, ""))
		}
		return exitDone, written(out.Flush())
	}
	code := exitDone
	r := input.New(in, p.format, 0)
	var claims outfile.Claims
	for {
		read, err := r.Next()
		if errors.Is(err, io.EOF) {
			return code, written(out.Flush())
		}
		if err != nil {
			return exitNotRun, fmt.Errorf("the input cannot be read: %w", err)
		}
		t := p.newTask(read)
		p.claim(t, &claims)
		if err := p.refuse(t); err != nil {
			n := status.Notice{
				Level: slog.LevelWarn, Message: "task", Text: fmt.Sprintf("ganger: rejected: %v\n", err),
				Attrs: []slog.Attr{slog.String("task", string(t.Label)), slog.String("outcome", ganger.Rejected.String()), errorOf(err)},
			}
			_, _ = io.WriteString(s.err, n.In(p.opts.telling.logFormat))
			code = exitWithout
			continue
		}
		seat := (t.Index - 1) % p.opts.workers
		v := replace.Values{Task: t.text, Number: t.Index, Seat: seat}
		to := ""
		switch {
		case p.out.captures():
			to = t.file.name
		case p.out.given:
			v.Out = argument(t.file.name)
		}
		path, args, env := p.fill(v)
		line := p.commandLine(path, args, env, to)
		if p.stdin {
			line = "printf %s " + replace.Quote(string(p.standardInput(t))) + " | " + line
		}
		if _, err := fmt.Fprintln(out, line); err != nil {
			return exitWithout, written(err)
		}
	}
}

// commandLine is a command as a shell reads it, whose output goes to a file if to
// is not empty.
func (p *plan) commandLine(path string, args, env []string, to string) string {
	var words []string
	if len(env) > 0 {
		words = append(words, "env")
		for _, e := range env {
			name, value, _ := strings.Cut(e, "=")
			words = append(words, replace.Quote(name)+"="+replace.Quote(value))
		}
	}
	words = append(words, replace.Quote(path))
	for _, a := range args {
		words = append(words, replace.Quote(a))
	}
	if to != "" {
		words = append(words, ">"+replace.Quote(to))
	}
	line := strings.Join(words, " ")
	if p.opts.dir != "" {
		line = "cd " + replace.Quote(p.opts.dir) + " && " + line
		if p.stdin && p.opts.proto == "exec" {
			line = "(" + line + ")"
		}
	}
	return line
}
