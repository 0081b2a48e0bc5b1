package worker

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/internal/rescue"
)

// proxy makes the core of the Self of a worker in its process: it stands for the
// one at the coordinator, and has nothing but its name.
func (p *resident) proxy(name string, incarnation uint64) {
	p.core = &core{table: &ward{away: p}, seat: distant(name), incarnation: uint32(incarnation)}
}

// distant is the seat of a worker whose table is elsewhere.
type distant string

func (s distant) name() string                               { return string(s) }
func (s distant) launch(context.Context, *core) (any, error) { return nil, errUnasked }
func (s distant) launched(uint64) any                        { return nil }
func (s distant) leave(*core)                                {}

// push asks for q to be posted to the worker itself.
func (p *resident) push(q any) error {
	word := p.words[reflect.TypeOf(q)]
	if word == "" {
		return unhandled(p.core.seat.name(), reflect.TypeOf(q))
	}
	var r *refusal
	if err := p.ask(word, q, &r); err != nil {
		return err
	}
	return r.errorOf()
}

// tell asks for something that has an error for a reason.
func (p *resident) tell(word string, why error) {
	var text *string
	if why != nil {
		text = new(why.Error())
	}
	var r *refusal
	_ = p.ask(word, text, &r) // what cannot be told is over already
}

func (p *resident) status() (ganger.State, uint64) {
	s := standing{ganger.Stopping, uint64(p.core.incarnation)} // what it is when nobody answers any more
	_ = p.ask(wordStatus, nil, &s)
	return s.State, s.Incarnation
}

func (p *resident) describe() inspect.Worker {
	w := inspect.Worker{Name: p.core.seat.name(), Incarnation: uint64(p.core.incarnation), State: ganger.Stopping}
	_ = p.ask(wordDescribe, nil, &w)
	return w
}

func (p *resident) why() error {
	var text *string
	if err := p.ask(wordErr, nil, &text); err != nil {
		return err
	}
	if text == nil {
		return nil
	}
	return errors.New(*text)
}

// errorOf is what a refusal stands for.
func (r *refusal) errorOf() error {
	if r == nil {
		return nil
	}
	return &ganger.Error{Outcome: r.Outcome, Cause: r.Cause, Worker: r.Worker, Err: errors.New(r.Message)}
}

// Feedback is nothing that a worker sends.
func (l *remote) Feedback([]byte) {}

// Ask does what the Self in the process asks for.
func (l *remote) Ask(_ context.Context, q []byte) ([]byte, error) {
	word, body := cutQuestion(q)
	c, code := l.core, l.far.codec
	switch word {
	case wordStatus:
		s, n := Ref{c}.Status()
		return code.Encode(standing{s, n})
	case wordDescribe:
		return code.Encode(c.describe())
	case wordErr:
		var text *string
		if err := (Ref{c}).Err(); err != nil {
			text = new(err.Error())
		}
		return code.Encode(text)
	case wordCrash, wordTrigger:
		var text *string
		if err := code.Decode(body, &text); err != nil {
			return nil, err
		}
		var why error
		if text != nil {
			why = &said{text: *text}
		}
		if word == wordTrigger {
			c.stop(why)
		} else {
			c.crash(why)
		}
		return code.Encode((*refusal)(nil))
	}
	k := l.far.kinds[word]
	if k == nil {
		return nil, fmt.Errorf("no handler for %q: the process was built from another definition", word)
	}
	v, err := k.parse(code, body)
	if err != nil {
		return nil, err
	}
	rescue.Call(func() { err = c.pushSelf(v) }, func(v any, _ rescue.Stack) { err = fmt.Errorf("panic: %v", v) })
	return code.Encode(refusalOf(err))
}

// refusalOf is err on its way to a process.
func refusalOf(err error) *refusal {
	if err == nil {
		return nil
	}
	r := &refusal{Outcome: ganger.OutcomeOf(err), Cause: ganger.CauseOf(err), Message: err.Error()}
	if e, ok := errors.AsType[*ganger.Error](err); ok {
		r.Worker = e.Worker
		if e.Err != nil {
			r.Message = e.Err.Error()
		}
	}
	return r
}
