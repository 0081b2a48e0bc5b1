// Package replace fills a task into the arguments of a command.
//
// A template is text with replacement strings, and only these count; any other
// braces are literal:
//
//	{}      the task
//	{.}     the task without the extension of its last part
//	{/}     the last part of the task as a path, as basename would print it
//	{//}    what stands before the last part, as dirname would print it
//	{/.}    the last part without its extension
//	{#}     the number of the task, from 1
//	{seat}  the number of the worker's seat, from 0
//	{out}   the temporary name of the task's output
//
// An extension is what follows the last dot of the last part, with the dot,
// unless the dot comes first: ".profile" has none.
//
// Templates are plain values, safe for concurrent use; they work on bytes and
// never ask whether those are UTF-8.
package replace

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// String is one replacement string.
type String uint8

// The replacement strings.
const (
	literal String = iota
	Task
	NoExtension
	Base
	Dir
	BaseNoExtension
	Number
	Seat
	Out
)

var spelling = [...]string{Task: "{}", NoExtension: "{.}", Base: "{/}", Dir: "{//}", BaseNoExtension: "{/.}", Number: "{#}", Seat: "{seat}", Out: "{out}"}

// String returns the replacement string as it is written, such as "{//}".
func (s String) String() string { return spelling[s] }

// Values are what a template is filled with.
type Values struct {
	Task   []byte
	Number int    // from 1
	Child  string // which of the tasks that came of that number, such as 2.1; "" for itself
	Seat   int    // from 0
	Out    string
}

// Template is parsed text with replacement strings. The zero Template is empty text.
type Template struct {
	parts []part
	shell bool
}

type part struct {
	is   String
	text string // when literal
}

// Parse finds the replacement strings of text. Every text is a template.
func Parse(text string) Template {
	var t Template
	for len(text) > 0 {
		at, which := next(text)
		if at > 0 {
			t.parts = append(t.parts, part{literal, text[:at]})
		}
		if which != literal {
			t.parts = append(t.parts, part{is: which})
			at += len(spelling[which])
		}
		text = text[at:]
	}
	return t
}

// Script parses text as a shell's script: values are filled in with quotes
// around them, so that the shell takes each as exactly those bytes of one word.
// It errs for a replacement string that already stands in quotes, where ours
// would end them and the shell would read the task as part of the script.
func Script(text string) (Template, error) {
	t := Parse(text)
	t.shell = true
	var q quotes
	for _, p := range t.parts {
		if p.is != literal && q.open() {
			return Template{}, fmt.Errorf("%s stands inside quotes, or behind a backslash; with --shell it is quoted by itself: take those away", p.is)
		}
		q.read(p.text)
	}
	return t, nil
}

// next finds the first replacement string of text; which is literal, and at the
// length of text, if there is none.
func next(text string) (at int, which String) {
	for at < len(text) {
		i := strings.IndexByte(text[at:], '{')
		if i < 0 {
			break
		}
		at += i
		for s := Task; s <= Out; s++ {
			if strings.HasPrefix(text[at:], spelling[s]) {
				return at, s
			}
		}
		at++
	}
	return len(text), literal
}

// Needs returns the replacement strings of the template that stand for
// something of the task: all but {seat} and {out}.
func (t Template) Needs() []String {
	var all []String
	for _, p := range t.parts {
		if p.is != literal && p.is != Seat && p.is != Out {
			all = append(all, p.is)
		}
	}
	return all
}

// Holds reports whether the template has the replacement string s.
func (t Template) Holds(s String) bool {
	return slices.ContainsFunc(t.parts, func(p part) bool { return p.is == s })
}

// Fixed returns the text of a template in which nothing is replaced.
func (t Template) Fixed() (text string, ok bool) {
	for _, p := range t.parts {
		if p.is != literal {
			return "", false
		}
		text += p.text
	}
	return text, true
}

// Fill returns the text with v in the places of the replacement strings.
func (t Template) Fill(v Values) string {
	if len(t.parts) == 1 && t.parts[0].is == literal {
		return t.parts[0].text
	}
	var b []byte
	for _, p := range t.parts {
		switch {
		case p.is == literal:
			b = append(b, p.text...)
		case t.shell:
			b = append(b, Quote(string(value(p.is, v)))...)
		default:
			b = append(b, value(p.is, v)...)
		}
	}
	return string(b)
}

// value is what one replacement string stands for.
func value(s String, v Values) []byte {
	switch s {
	case Task:
		return v.Task
	case NoExtension:
		b := base(v.Task)
		end := len(bytes.TrimRight(v.Task, "/"))
		if end == 0 {
			return v.Task
		}
		return v.Task[:end-len(extension(b))]
	case Base:
		return base(v.Task)
	case Dir:
		return dir(v.Task)
	case BaseNoExtension:
		b := base(v.Task)
		return b[:len(b)-len(extension(b))]
	case Number:
		b := strconv.AppendInt(nil, int64(v.Number), 10)
		if v.Child != "" {
			b = append(append(b, '.'), v.Child...)
		}
		return b
	case Seat:
		return strconv.AppendInt(nil, int64(v.Seat), 10)
	case Out:
		return []byte(v.Out)
	default:
		panic("replace: no value for " + strconv.Itoa(int(s)))
	}
}

// Last is what {/} stands for.
func Last(task []byte) []byte { return base(task) }

// base is the last part of a path as basename(1) prints it.
func base(p []byte) []byte {
	b := bytes.TrimRight(p, "/")
	if len(b) == 0 {
		return p[:min(len(p), 1)] // "/" or nothing
	}
	return b[bytes.LastIndexByte(b, '/')+1:]
}

// dir is what stands before the last part of a path, as dirname(1) prints it.
func dir(p []byte) []byte {
	b := bytes.TrimRight(p, "/")
	switch i := bytes.LastIndexByte(b, '/'); {
	case len(b) == 0 && len(p) > 0:
		return p[:1]
	case i < 0:
		return []byte(".")
	default:
		b = bytes.TrimRight(b[:i], "/")
		if len(b) == 0 {
			return p[:1]
		}
		return b
	}
}

// extension is the extension of a last part, with its dot.
func extension(b []byte) []byte {
	i := bytes.LastIndexByte(b, '.')
	if i < 1 {
		return nil
	}
	return b[i:]
}
