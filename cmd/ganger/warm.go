package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/input"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/replace"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/jsonl"
	"github.com/ganger-dev/ganger/wall/lines"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
)

// seated is the wall of a command whose arguments and environment name the seat.
type seated struct {
	p       *plan
	channel process.Channel
}

func (w seated) command(seat int) process.Command {
	path, args, env := w.p.fill(replace.Values{Seat: seat})
	c := process.Command{
		Path: path, Args: args, Dir: w.p.opts.dir, Channel: w.channel, KeepDaemons: w.p.opts.keepDaemons,
		Env: append(env, "GANGER_SEAT="+strconv.Itoa(seat)), Limits: w.p.opts.limits.process(),
	}
	if f := w.p.function; f != nil {
		c.Env = append(c.Env, f.Env...) // last, because the worker needs it
	}
	return c
}

func (w seated) Traits() wall.Traits { return w.command(0).Traits() }

func (w seated) Open(ctx context.Context, s wall.Start) (wall.Stream, error) {
	return w.command(s.Seat).Open(ctx, s)
}

// warmEngine performs the tasks by workers that live on.
func warmEngine(p *plan, j *job) engine {
	c := p.config(j)
	c.Line = j.line
	c.Left = func(o inspect.Obituary) {
		why := o.Exit.Reason
		if why == ganger.LeavingStartFailed && o.Exit.Asked && j.going.Err() != nil {
			why = ganger.LeavingStopped // the run ended before it was ready
		}
		j.tally.Left(why)
		if p.function != nil && o.Exit.Asked && o.Exit.Code > 0 {
			j.tellTeardown(o)
		}
	}
	switch p.opts.proto {
	case "native":
		d := native.Dialect[json.RawMessage, json.RawMessage]{
			Request: native.JSON[json.RawMessage](), Response: native.JSON[json.RawMessage](), Slots: p.opts.slots,
		}
		w := wall.Speak(seated{p, process.Private}, d)
		if p.function != nil {
			w = called[json.RawMessage, json.RawMessage]{w, p.opts.call.text, j.hopeless}
		}
		return warm(p, j, w, c, p.value, oneLine)
	case "jsonl":
		d := jsonl.Dialect[json.RawMessage, json.RawMessage]{Ready: p.opts.ready, Slots: p.opts.slots}
		return warm(p, j, wall.Speak(seated{p, process.Stdio}, d), c, p.value, oneLine)
	default:
		d := lines.Dialect[[]byte, []byte]{Ready: p.opts.ready}
		task := func(t *task) []byte { return t.Bytes }
		answer := func(line []byte) []byte { return line }
		return warm(p, j, wall.Speak(seated{p, process.Stdio}, d), c, task, answer)
	}
}

// warm returns the engine of workers behind w, given how a task becomes a
// request and a response becomes a line of output.
func warm[Q, R any](p *plan, j *job, w wall.Wall[wall.Instance[Q, R]], c pool.Config, request func(*task) Q, output func(R) []byte) engine {
	k := kindOf(p, j, func(t *task, _, _ int) (Q, error) {
		t.stderr.reset()
		t.said.reset()
		return request(t), nil
	}, output, nil)
	if p.opts.proto != "lines" { // which has no words for it
		k.Feedback, k.Ask = j.reported, j.asked
	}
	return pooled[R]{pool.New(k, w, c), p.opts}
}

// value is a task as a JSON value: what it is, or a string.
func (p *plan) value(t *task) json.RawMessage {
	if p.format == input.JSON {
		return t.Bytes
	}
	return jsonText(string(t.Bytes))
}

// jsonText is a string as JSON.
func jsonText(s string) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic("ganger: a string is not JSON: " + err.Error()) // it always is
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// oneLine is a JSON value as one line, otherwise as it came.
func oneLine(v json.RawMessage) []byte {
	if bytes.ContainsAny(v, "\n\r") {
		var b bytes.Buffer
		if json.Compact(&b, v) == nil {
			v = b.Bytes()
		}
	}
	return v
}

// trace is the stack that a worker gave with its error, "" if it gave none.
func trace(err error) string {
	if f, ok := errors.AsType[*native.Failure](err); ok {
		return f.Trace
	}
	if f, ok := errors.AsType[*jsonl.Failure](err); ok {
		return f.Trace
	}
	return ""
}
