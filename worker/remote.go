package worker

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/ganger-dev/ganger"
)

// What a definition says, done by the process of the present life. Whoever calls
// these has the turn.

// perform has the process perform it. OnError hears only of what it returns as
// said.
func (l *remote) perform(ctx *scope, it *item) (crash *ganger.Error, err error) {
	body, err := l.far.codec.Encode(it.kind.request(it))
	if err != nil {
		return nil, &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseEncode, Worker: l.worker, Err: err}
	}
	r, crash, err := l.do(ctx, Envelope{l.far.words[it.kind], body})
	switch {
	case crash != nil || err != nil:
		return crash, err
	case r.Type != "":
		return l.broke(fmt.Errorf("it answered a request with %q", r.Type)), nil
	}
	if err := l.far.codec.Decode(r.Body, it.kind.into(it)); err != nil {
		return nil, &ganger.Error{Outcome: ganger.Failed, Cause: ganger.CauseEncode, Worker: l.worker, Err: fmt.Errorf("the response: %w", err)}
	}
	return nil, nil
}

// onError has the process judge an error of its own.
func (l *remote) onError(ctx *scope, err error) (v Verdict, crash *ganger.Error) {
	overdue := ganger.OutcomeOf(err) == ganger.TimedOut
	r, crash, err := l.insist(ctx, wordOnError, func(over bool) any { return reproach{over, overdue, l.worker} })
	if crash != nil {
		return v, crash
	}
	if err == nil {
		err = l.far.codec.Decode(r.Body, &v)
	}
	if err != nil || v > Crash {
		return Continue, l.broke(fmt.Errorf("its verdict: %d, %v", v, err))
	}
	return v, nil
}

func (l *remote) onDone(ctx *scope, pushed, started, ended time.Time) *ganger.Error {
	_, crash, err := l.insist(ctx, wordOnDone, func(over bool) any { return tally{over, pushed, started, ended} })
	if err != nil && crash == nil {
		crash = l.broke(err)
	}
	return crash
}

func (l *remote) onIdle(ctx *scope) *ganger.Error {
	_, crash, err := l.do(ctx, Envelope{Type: wordIdle, Body: nothing})
	if err != nil && err != errYielded && crash == nil {
		crash = l.broke(err)
	}
	return crash
}

// nothing is the body where there is nothing to say: it is there because every
// envelope has one.
var nothing = []byte("0")

// end has the process close the state, if it has one, and ends the process:
// politely while ctx lasts.
func (l *remote) end(ctx *scope, close bool, why error) (err error) {
	if l.inst == nil {
		return nil // it never started
	}
	if close && !l.over() {
		var crash *ganger.Error
		_, crash, err = l.insist(ctx, wordClose, func(over bool) any {
			f := farewell{Over: over}
			if why != nil {
				f.Why = new(why.Error())
			}
			return f
		})
		switch cause := ctx.Cause(); {
		case crash != nil && cause != nil:
			err = cause
		case crash != nil:
			err = crash
		}
	}
	l.inst.Stop(context.Context(ctx), ganger.LeavingStopped)
	return err
}

// next has the process pull a request.
func (l *remote) next(ctx *scope) (q any, crash *ganger.Error, err error) {
	r, crash, err := l.do(ctx, Envelope{Type: wordNext, Body: nothing})
	switch {
	case crash != nil || err != nil:
		return nil, crash, err
	case r.Type == wordEnded:
		return nil, nil, io.EOF
	}
	k := l.far.kinds[r.Type]
	if k == nil {
		return nil, l.broke(fmt.Errorf("it pulled a request %q, for which there is no handler", r.Type)), nil
	}
	q, err = k.parse(l.far.codec, r.Body)
	return q, nil, err
}
