package worker

import (
	"fmt"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// trip is one call.
type trip struct {
	wall.Call[Envelope]
	done chan struct{} // nil: nobody waits, because it runs on the caller's goroutine
}

func (t *trip) EndCall(*wall.Call[Envelope]) {
	if t.done != nil {
		close(t.done)
	}
}

// do has the process do what q says, and returns what it answered, the crash if
// the life ended or must end now, or why there is neither. ctx ends when it is no
// longer wanted, which the process is told.
func (l *remote) do(ctx *scope, q Envelope) (r Envelope, crash *ganger.Error, err error) {
	t := &trip{}
	t.End, t.Host = t, l
	l.mu.Lock()
	l.within, l.call = ctx, &t.Call
	l.mu.Unlock()
	if cause := ctx.Cause(); cause != nil {
		l.tell(ctx, cause)
	}
	if runner, ok := l.inst.(wall.Runner[Envelope, Envelope]); ok {
		runner.Run(q, &t.Call)
	} else {
		t.done = make(chan struct{})
		l.inst.Start(q, &t.Call)
		<-t.done
	}
	l.mu.Lock()
	l.within, l.call = nil, nil
	l.mu.Unlock()
	if t.Err != nil {
		crash, err = l.failed(t)
		return r, crash, err
	}
	switch r = t.Response; r.Type {
	case wordPanic:
		var x mishap
		if err := l.far.codec.Decode(r.Body, &x); err != nil {
			return r, l.broke(fmt.Errorf("it told of a panic: %w", err)), nil
		}
		return r, l.crash(&ganger.Exit{Reason: ganger.LeavingPanic, Stack: x.Stack}, &said{text: x.Message}), nil
	case wordFailed:
		var x failure
		if err := l.far.codec.Decode(r.Body, &x); err != nil {
			return r, l.broke(fmt.Errorf("it told of a failure: %w", err)), nil
		}
		return r, nil, x.errorOf(l.worker)
	}
	return r, nil, nil
}

// insist is do for what must be done also when ctx has ended: over says so to
// the process.
func (l *remote) insist(ctx *scope, word string, body func(over bool) any) (Envelope, *ganger.Error, error) {
	for over := ctx.Cause() != nil; ; over = true {
		b, err := l.far.codec.Encode(body(over))
		if err != nil {
			return Envelope{}, nil, err
		}
		within := ctx
		if over {
			within = newScope(l.core)
		}
		r, crash, err := l.do(within, Envelope{word, b})
		if err != errYielded {
			return r, crash, err
		}
	}
}

// errYielded says that what was to be done was given up before the process heard
// of it.
var errYielded = &said{"context canceled", true}

// failed says what the end of a call without an answer means.
func (l *remote) failed(t *trip) (crash *ganger.Error, err error) {
	e, _ := t.Err.(*ganger.Error)
	l.unsent = t.Err == wall.ErrUnsent
	switch {
	case l.unsent:
		l.inst.Kill(ganger.LeavingProtocol) // it is ending by itself, or useless
		return l.died(nil), nil
	case e == nil:
		return nil, t.Err
	case e.Exit != nil && e.Exit.Reason == ganger.LeavingPanic: // it told before it ends
		return e, nil
	case e.Exit != nil:
		return l.died(e), nil
	case t.Asked() != nil && e.Outcome == t.Asked().Outcome:
		return nil, errYielded
	}
	return nil, e
}

// died is the crash of a process that ended; e is the end of what it had in hand.
func (l *remote) died(e *ganger.Error) *ganger.Error {
	<-l.inst.Gone()
	x := l.inst.Exit()
	crash := l.crash(&x, nil)
	if e != nil && e.Outcome == ganger.Crashed {
		crash.Cause, crash.Err = e.Cause, e.Err
	}
	return crash
}

// broke ends a process that does not keep to what is agreed.
func (l *remote) broke(how error) *ganger.Error {
	l.inst.Kill(ganger.LeavingProtocol)
	<-l.inst.Gone()
	x := l.inst.Exit()
	return l.crash(&x, fmt.Errorf("%w: %w", wall.ErrBroken, how))
}

func (l *remote) crash(x *ganger.Exit, err error) *ganger.Error {
	return &ganger.Error{Outcome: ganger.Crashed, Cause: x.Reason.Cause(), Worker: l.worker, Exit: x, Err: err}
}

// tell tells the process that the context ctx of what it does has ended. Nothing
// is killed for it.
func (l *remote) tell(ctx *scope, cause error) {
	l.mu.Lock()
	inst, call := l.inst, l.call
	if l.within != ctx {
		call = nil
	}
	l.mu.Unlock()
	if call == nil {
		return
	}
	as, ok := cause.(*ganger.Error)
	if !ok {
		as = &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseShutdown, Err: cause}
	}
	if t, ok := inst.(wall.Teller[Envelope]); ok {
		t.Tell(call, as)
	} else {
		inst.Cancel(call, as)
	}
}
