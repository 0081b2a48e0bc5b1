package worker

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/rescue"
	"github.com/ganger-dev/ganger/wall"
)

// Envelope is what crosses the wall of a worker behind one, either way: a word
// for what the body is, such as the name of a type of request, and the body in
// the bytes of a [Coder].
type Envelope struct {
	Type string
	Body []byte
}

// Coder makes bytes of values and values of bytes. The wall that [Config].Behind
// names is one too; package worker/behind has it, so that a program without
// workers behind a wall links no codec.
type Coder interface {
	// Check says why values of type t cannot cross, nil if they can.
	Check(t reflect.Type) error
	Encode(v any) ([]byte, error)
	// Decode sets what into points to. It must not keep body.
	Decode(body []byte, into any) error
}

// Behind is a wall that workers can live behind: what [Config].Behind must
// implement.
type Behind interface {
	wall.Wall[wall.Instance[Envelope, Envelope]]
	Coder
}

// The words of envelopes. Those of types of requests hold a dot or a slash.
const (
	wordLaunch  = "launch"  // a launched: makes the state
	wordNext    = "next"    // pulls a request; answered by one, or by wordEnded
	wordIdle    = "idle"    // OnIdle
	wordOnError = "onerror" // a reproach; answered by a Verdict
	wordOnDone  = "ondone"  // a tally
	wordClose   = "close"   // a farewell
	wordEnded   = "ended"   // the source is at its end
	wordFailed  = "failed"  // a failure
	wordPanic   = "panic"   // a mishap
	// Of what the process asks during one of those, beside a request to push.
	wordCrash    = "crash"
	wordTrigger  = "trigger"
	wordStatus   = "status"
	wordDescribe = "describe"
	wordErr      = "err"
)

// The bodies of envelopes with these words.
type (
	launched[N, P any] struct {
		Name        N
		Params      P
		Incarnation uint64
	}
	failure struct {
		Message   string
		Cause     ganger.Cause `json:",omitempty"` // encode, unhandled, or none: the handler's own
		Cancelled bool         `json:",omitempty"` // it obeyed the end of its context
	}
	mishap struct{ Message, Stack string }
	// reproach is the error that OnError is told: that of the handler, or a
	// time-out that the handler's explains.
	reproach struct {
		Over    bool // the context has ended
		Overdue bool
		Worker  string
	}
	tally struct {
		Over                   bool
		Pushed, Started, Ended time.Time
	}
	farewell struct {
		Over bool
		Why  *string
	}
	// refusal is why something that the process asked for was not done.
	refusal struct {
		Outcome ganger.Outcome
		Cause   ganger.Cause
		Worker  string
		Message string
	}
	standing struct {
		State       ganger.State
		Incarnation uint64
	}
)

// wordOf is the word for requests of type t.
func wordOf(t reflect.Type) string { return t.PkgPath() + "." + t.Name() }

// said is an error of the definition's in a process: its text, and no more.
type said struct {
	text      string
	cancelled bool
}

func (e *said) Error() string { return e.text }

// Is reports whether the handler obeyed the end of its context, which ends with
// context.Canceled on either side.
func (e *said) Is(target error) bool { return e.cancelled && target == context.Canceled }

// errorOf is what a failure stands for.
func (f failure) errorOf(worker string) error {
	if f.Cause != "" {
		return &ganger.Error{Outcome: ganger.Failed, Cause: f.Cause, Worker: worker, Err: errors.New(f.Message)}
	}
	return &said{f.Message, f.Cancelled}
}

// codec is a Coder behind which code of the values' types may panic.
type codec struct{ Coder }

func (c codec) Encode(v any) (body []byte, err error) {
	rescue.Call(func() { body, err = c.Coder.Encode(v) }, func(v any, _ rescue.Stack) { err = fmt.Errorf("panic: %v", v) })
	return body, err
}

func (c codec) Decode(body []byte, into any) (err error) {
	rescue.Call(func() { err = c.Coder.Decode(body, into) }, func(v any, _ rescue.Stack) { err = fmt.Errorf("panic: %v", v) })
	return err
}

// types are the types that cross the wall for it.
func (k *kind[Q, R]) types() (q, r reflect.Type) { return reflect.TypeFor[Q](), reflect.TypeFor[R]() }

// parse makes a request of bytes.
func (k *kind[Q, R]) parse(c codec, body []byte) (any, error) {
	var q Q
	err := c.Decode(body, &q)
	return q, err
}

// respond calls the handler in the process, with what parse made.
func (k *kind[Q, R]) respond(ctx context.Context, state, q any) (any, error) {
	return k.handle(ctx, state, q.(Q))
}
