package ganger

import "fmt"

// Outcome says how an accepted task, request or call ended. There is exactly
// one for each. The zero Outcome means that it has not ended.
type Outcome uint8

// The nine outcomes.
const (
	_         Outcome = iota
	Done              // success
	Failed            // the work itself said so: an error response, a handler's error, a non-zero exit status of a one-shot process
	Cancelled         // somebody no longer wants it
	TimedOut          // a clock of its own ran out
	Crashed           // its life ended under it, and it will not run again
	Poisoned          // lives ended under it as often as its limit allows, and that is more than once
	Rejected          // it reached no worker and never will
	Expired           // its request could no longer be built
	Lost              // the coordinator cannot tell; never on one machine
)

var outcomeNames = [...]string{"", "done", "failed", "cancelled", "timed-out", "crashed", "poisoned", "rejected", "expired", "lost"}

// Outcomes returns all nine outcomes in the order in which they are declared.
func Outcomes() []Outcome {
	return []Outcome{Done, Failed, Cancelled, TimedOut, Crashed, Poisoned, Rejected, Expired, Lost}
}

// String returns the outcome's word, such as "timed-out". The zero Outcome is
// the empty string.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return fmt.Sprintf("outcome(%d)", uint8(o))
}

// MarshalText returns the outcome's word. It errs for a value that is no outcome.
func (o Outcome) MarshalText() ([]byte, error) {
	if int(o) >= len(outcomeNames) {
		return nil, fmt.Errorf("ganger: %d is no outcome", uint8(o))
	}
	return []byte(outcomeNames[o]), nil
}

// UnmarshalText sets o from its word. It errs, and leaves o alone, for any other text.
func (o *Outcome) UnmarshalText(text []byte) error {
	i, err := index(outcomeNames[:], text, "outcome")
	if err == nil {
		*o = Outcome(i)
	}
	return err
}

// index returns the position of word among names.
func index(names []string, word []byte, what string) (int, error) {
	for i, n := range names {
		if n == string(word) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("ganger: %q is no %s", word, what)
}

// Cause narrows an [Outcome]. The list is closed: the constants below and, from
// a death, the words of a [Leaving] such as "signal 9" and "exit 3". It is
// empty when the outcome says all.
type Cause string

// The causes, by the outcome that they narrow.
const (
	// Of Cancelled.
	CauseTask       Cause = "task"       // this task was cancelled
	CauseGroup      Cause = "group"      // another task of its group failed, or the group was cancelled
	CauseWithdrawn  Cause = "withdrawn"  // the caller's context ended
	CauseSuperseded Cause = "superseded" // a newer one took its place
	CauseShutdown   Cause = "shutdown"   // its pool or table is closing
	CauseHolder     Cause = "holder"     // the only life that could perform it has ended

	// Of TimedOut.
	CauseQueue Cause = "queue" // waited too long for a worker
	CauseExec  Cause = "exec"  // one attempt took too long
	CauseTotal Cause = "total" // all of it together took too long
	CauseFuel  Cause = "fuel"  // its instruction budget ran out

	// Of Rejected.
	CauseFull   Cause = "full"   // the queue has no room
	CauseClosed Cause = "closed" // the pool or mailbox takes nothing any more
	CauseInput  Cause = "input"  // what was submitted is malformed
	CauseStart  Cause = "start"  // no worker could be started

	// Of Rejected (the request) and Failed (the response).
	CauseEncode Cause = "encode"

	// Of Failed.
	CauseUnhandled Cause = "unhandled" // no handler for this type of request

	// Of Crashed and Poisoned, beside the words of a Leaving.
	CausePanic    Cause = "panic"    // the work panicked behind a goroutine wall
	CauseMemory   Cause = "memory"   // the life passed its hard memory limit
	CauseProtocol Cause = "protocol" // the worker broke its protocol
	CauseTrap     Cause = "trap"     // a WebAssembly trap

	// Of Lost.
	CausePeer Cause = "peer"
)
