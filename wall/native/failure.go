package native

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ganger-dev/ganger"
)

// Failure is what a worker said of a request that it could not perform. Only
// text crosses: an error of the worker's program is not the same error here.
type Failure struct {
	Message string `json:"message"`
	Trace   string `json:"trace,omitempty"` // a stack, for people
	// Cause is empty when the work failed, else "encode" (the response could not
	// be encoded), "unhandled" (there is no handler) or "panic" (the worker is
	// about to end for it).
	Cause ganger.Cause `json:"cause,omitempty"`
}

// Error returns the message.
func (f *Failure) Error() string { return f.Message }

// parseFailure reads the body of an error frame.
func parseFailure(body []byte) (*Failure, error) {
	f := new(Failure)
	if err := json.Unmarshal(body, f); err != nil {
		return nil, fmt.Errorf("the body of an error frame: %w: %q", err, body[:min(len(body), 64)])
	}
	if f.Message == "" {
		f.Message = "the worker gave no reason"
	}
	return f, nil
}

// verdict is what a request that ended with f comes to.
func (f *Failure) verdict() error {
	switch f.Cause {
	case ganger.CauseEncode, ganger.CauseUnhandled:
		return &ganger.Error{Outcome: ganger.Failed, Cause: f.Cause, Err: f}
	case ganger.CausePanic:
		return &ganger.Error{
			Outcome: ganger.Crashed, Cause: ganger.CausePanic,
			Exit: &ganger.Exit{Reason: ganger.LeavingPanic, Stack: f.Trace}, Err: f,
		}
	}
	return f
}

// failureOf makes the words for err, which is from the program of the worker.
func failureOf(err error) *Failure {
	f := &Failure{Message: err.Error()}
	if own, ok := errors.AsType[*Failure](err); ok {
		f.Trace, f.Cause = own.Trace, own.Cause
	}
	if e, ok := errors.AsType[*ganger.Error](err); ok && (e.Cause == ganger.CauseEncode || e.Cause == ganger.CauseUnhandled) {
		f.Cause = e.Cause
	}
	if f.Cause == ganger.CausePanic {
		f.Cause = "" // only a panic of its own makes a worker end
	}
	return f
}

func (f *Failure) append(dst []byte) []byte {
	body, err := json.Marshal(f)
	if err != nil {
		panic(fmt.Sprintf("native: a failure of strings was refused: %v", err))
	}
	return append(dst, body...)
}
