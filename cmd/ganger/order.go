package main

import (
	"fmt"
	"math"
	"strconv"

	"github.com/ganger-dev/ganger/cmd/ganger/internal/pointer"
)

// location is a flag with a JSON pointer into the tasks.
type location struct {
	text string
	at   *pointer.Pointer // nil: the flag was not given
}

func (l *location) String() string { return l.text }
func (l *location) Type() string   { return "" }

func (l *location) Set(s string) error {
	p, err := pointer.Parse(s)
	if err != nil {
		return err
	}
	l.text, l.at = s, &p
	return nil
}

// find returns the text of the value in a task, nil if there is none or it is null.
func (l *location) find(task []byte) []byte {
	if l.at == nil {
		return nil
	}
	value, ok := l.at.Find(task)
	if !ok || string(value) == "null" {
		return nil
	}
	return value
}

// place returns the key and the priority that stand in a task.
func (p *plan) place(task []byte) (key string, priority int, err error) {
	if v := p.opts.key.find(task); len(v) > 0 {
		switch v[0] {
		case '{', '[':
			return "", 0, fmt.Errorf("--key %q: it is no string, number or boolean", p.opts.key.text)
		case '"':
			v = characters(v)
		}
		key = string(v)
	}
	if v := p.opts.priority.find(task); len(v) > 0 {
		var ok bool
		if priority, ok = integral(string(v)); !ok {
			return "", 0, fmt.Errorf("--priority %q: it is %s, not a whole number", p.opts.priority.text, shorten(v))
		}
	}
	return key, priority, nil
}

// integral returns the whole number that a JSON text stands for, however it is
// written: 1, 1.0 and 10e-1 are one to everybody who writes JSON. Beyond 2^53 only
// plain digits are exact.
func integral(text string) (n int, ok bool) {
	if n, err := strconv.Atoi(text); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int(f), true
}

// shorten is a value as a message shows it.
func shorten(v []byte) string {
	if len(v) > 40 {
		return string(v[:37]) + "..."
	}
	return string(v)
}

// The depths of the queue, where tasks wait for a worker. What waits there is
// taken back when the run stops, so it is not worth being long, unless tasks are
// reordered in it: no other task than those is known yet. It is at most half of
// what the window has places for, so that tasks that have ended find room too.
const (
	depth         = 16
	depthKeyed    = 1024 // where every worker should find tasks of its own keys
	depthPriority = 4096
)

func (o *options) depth() int {
	n := max(2*o.workers*o.slots, depth)
	switch {
	case o.priority.at != nil:
		return max(n, depthPriority)
	case o.key.at != nil:
		return max(n, depthKeyed)
	}
	return n
}
