package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"sync"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/rescue"
	"github.com/ganger-dev/ganger/wall"
)

// ProcessSide returns what a process does with the envelopes of the one worker
// that it is, one at a time. next is that of [NewSource], nil for other kinds of
// mailbox. It is for package worker/behind, which serves it.
func ProcessSide[W any, N comparable, P, S any](d *Def[W, N, P, S], next func(context.Context, S) (Post[W], error), c Coder) func(context.Context, Envelope, wall.Host) (Envelope, error) {
	p := &resident{codec: codec{c}, kinds: map[string]*found{}, words: map[reflect.Type]string{}}
	for t, k := range d.kinds {
		p.kinds[wordOf(t)], p.words[t] = k, wordOf(t)
	}
	p.ops = map[string]func(ctx context.Context, body []byte) (Envelope, error){
		wordLaunch: func(ctx context.Context, body []byte) (Envelope, error) {
			var l launched[N, P]
			if err := p.codec.Decode(body, &l); err != nil {
				return Envelope{}, err
			}
			p.proxy(fmt.Sprint(l.Name), l.Incarnation)
			s, err := d.Launch(p.in(ctx, false), Self[W]{Ref{p.core}}, l.Name, l.Params)
			p.state = holder[S]{s}
			return p.failed(err)
		},
		wordNext: func(ctx context.Context, _ []byte) (Envelope, error) {
			if next == nil {
				return Envelope{}, errors.New("the process pulls from nowhere: serve it with behind.ServeSource")
			}
			q, err := next(p.in(ctx, false), p.state.(holder[S]).s)
			switch {
			case err == io.EOF:
				return Envelope{Type: wordEnded, Body: nothing}, nil
			case err == nil && q == nil:
				err = errNothingPulled
			}
			if err != nil {
				return Envelope{}, err
			}
			return p.send(q)
		},
		wordIdle: func(ctx context.Context, _ []byte) (Envelope, error) {
			if d.OnIdle != nil {
				d.OnIdle(p.in(ctx, false), p.state.(holder[S]).s)
			}
			return p.respond(nil)
		},
		wordOnError: func(ctx context.Context, body []byte) (Envelope, error) {
			var r reproach
			if err := p.codec.Decode(body, &r); err != nil || d.OnError == nil {
				return Envelope{}, err
			}
			err := p.err // as it is here, with its type
			if r.Overdue {
				err = &ganger.Error{Outcome: ganger.TimedOut, Cause: ganger.CauseExec, Worker: r.Worker, Err: err}
			}
			return p.respond(d.OnError(p.in(ctx, r.Over), p.state.(holder[S]).s, p.last.(Post[W]), err))
		},
		wordOnDone: func(ctx context.Context, body []byte) (Envelope, error) {
			var t tally
			if err := p.codec.Decode(body, &t); err != nil || d.OnDone == nil {
				return Envelope{}, err
			}
			d.OnDone(p.in(ctx, t.Over), p.state.(holder[S]).s, p.last.(Post[W]), t.Pushed, t.Started, t.Ended)
			return p.respond(nil)
		},
		wordClose: func(ctx context.Context, body []byte) (Envelope, error) {
			var f farewell
			if err := p.codec.Decode(body, &f); err != nil || d.Close == nil {
				return Envelope{}, err
			}
			var why error
			if f.Why != nil {
				why = errors.New(*f.Why)
			}
			return p.failed(d.Close(p.in(ctx, f.Over), p.state.(holder[S]).s, why))
		},
	}
	return p.perform
}

var errNothingPulled = errors.New("the source gave neither a request nor an error")

// resident is the worker in its own process. Its coordinator has it do one thing
// at a time; only what a Self may ask comes from other goroutines.
type resident struct {
	codec codec
	kinds map[string]*found
	words map[reflect.Type]string
	ops   map[string]func(ctx context.Context, body []byte) (Envelope, error)
	core  *core // that of Self
	state any   // a holder[S]
	last  any   // the request that was performed last, and its error
	err   error

	mu   sync.Mutex // guards host
	host wall.Host  // nil: nothing is done
}

// perform does what one envelope says. Whatever becomes of it is in the answer.
func (p *resident) perform(ctx context.Context, q Envelope, h wall.Host) (r Envelope, err error) {
	p.mu.Lock()
	p.host = h
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.host = nil
		p.mu.Unlock()
	}()
	fell := rescue.Call(func() {
		if op := p.ops[q.Type]; op != nil {
			r, err = op(ctx, q.Body)
		} else {
			r, err = p.request(ctx, q)
		}
	}, func(v any, at rescue.Stack) {
		if v != nil { // else this goroutine ends, and whoever serves it tells
			r, err = p.encode(wordPanic, mishap{fmt.Sprintf("panic: %v", v), at.String()})
		}
	})
	if err != nil && !fell {
		return p.failed(err)
	}
	return r, err
}

// request performs a request of the user's.
func (p *resident) request(ctx context.Context, q Envelope) (Envelope, error) {
	k := p.kinds[q.Type]
	if k == nil {
		return p.encode(wordFailed, failure{
			Message: fmt.Sprintf("no handler for %s in the process: it was built from another definition", q.Type),
			Cause:   ganger.CauseUnhandled,
		})
	}
	v, err := k.parse(p.codec, q.Body)
	if err != nil {
		return p.encode(wordFailed, failure{Message: fmt.Sprintf("the request: %v", err), Cause: ganger.CauseEncode})
	}
	p.last, p.err = v, nil
	within := p.in(ctx, false)
	r, err := k.respond(within, p.state, v)
	if err != nil {
		p.err = err
		obeyed := errors.Is(err, context.Canceled) || within.Err() != nil && errors.Is(err, context.Cause(within))
		return p.encode(wordFailed, failure{Message: err.Error(), Cancelled: obeyed})
	}
	return p.respond(r)
}

// respond is the answer v. One that cannot be sent is a failure of the request.
func (p *resident) respond(v any) (Envelope, error) {
	r, err := p.encode("", v)
	if err != nil {
		return p.encode(wordFailed, failure{Message: fmt.Sprintf("the response: %v", err), Cause: ganger.CauseEncode})
	}
	return r, nil
}

// failed is the answer that says whether something was done.
func (p *resident) failed(err error) (Envelope, error) {
	if err != nil {
		return p.encode(wordFailed, failure{Message: err.Error()})
	}
	return p.encode("", nil)
}

func (p *resident) encode(word string, v any) (Envelope, error) {
	body, err := p.codec.Encode(v)
	return Envelope{word, body}, err
}

// send is q as an envelope.
func (p *resident) send(q any) (Envelope, error) {
	word := p.words[reflect.TypeOf(q)]
	if word == "" {
		return Envelope{}, unhandled(p.core.seat.name(), reflect.TypeOf(q))
	}
	return p.encode(word, q)
}

// in is the context of what the worker does now, by which Self knows it.
func (p *resident) in(ctx context.Context, over bool) context.Context {
	own := context.Context(&within{ctx, p.core})
	if over {
		ended, cancel := context.WithCancel(own)
		cancel()
		return ended
	}
	return own
}

// within is a context of a worker in its process.
type within struct {
	context.Context
	core *core
}

func (w *within) Value(key any) any {
	if key == (insideKey{}) {
		return w.core
	}
	return w.Context.Value(key)
}

// errUnasked is what a Self in a process says while nothing is done there.
var errUnasked = errors.New("worker: in a process, a Self can only be used while Launch, a handler or a callback of its worker runs")

// ask asks the coordinator for what Self is to do.
func (p *resident) ask(word string, body any, into any) error {
	b, err := p.codec.Encode(body)
	if err != nil {
		return &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseEncode, Worker: p.core.seat.name(), Err: err}
	}
	p.mu.Lock()
	h := p.host
	p.mu.Unlock()
	if h == nil {
		return errUnasked
	}
	answer, err := h.Ask(context.Background(), question(word, b))
	if err != nil {
		return &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseClosed, Worker: p.core.seat.name(), Err: err}
	}
	return p.codec.Decode(answer, into)
}

// question is what a process asks: a word, and the body behind a newline.
func question(word string, body []byte) []byte {
	return append([]byte(word+"\n"), body...)
}

// cutQuestion takes a question apart.
func cutQuestion(b []byte) (word string, body []byte) {
	w, body, _ := bytes.Cut(b, []byte("\n"))
	return string(w), body
}
