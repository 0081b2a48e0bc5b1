package ganger

import (
	"errors"
	"strings"
)

// Error tells every end but Done, in every layer. It is immutable once it has
// been returned and may be shared.
type Error struct {
	Outcome Outcome
	Cause   Cause
	Worker  string // "name#incarnation" of the life that had it last; "" when it reached none
	Exit    *Exit  // when a death was involved
	Err     error  // the worker's own words, or context.Cause; nil when the outcome and cause say all
}

// Error says what happened, where, and in the worker's own words why, such as
// "crashed (signal 9) on w1#4: out of memory".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Outcome.String())
	if e.Cause != "" {
		b.WriteString(" (" + string(e.Cause))
		if e.Exit != nil && e.Exit.Signal != "" {
			b.WriteString(", " + e.Exit.Signal)
		}
		switch {
		case e.Exit == nil || e.Exit.PeakMemory == 0:
		case e.Cause == CauseMemory:
			b.WriteString(", " + FormatBytes(e.Exit.PeakMemory))
		case e.Exit.Signal == "SIGKILL": // which is mostly the kernel's, for want of memory
			b.WriteString(", memory " + FormatBytes(e.Exit.PeakMemory))
		}
		b.WriteByte(')')
	}
	if e.Worker != "" {
		b.WriteString(" on " + e.Worker)
	}
	switch {
	case e.Err != nil:
		b.WriteString(": " + e.Err.Error())
	case e.Exit != nil:
		if last := lastLine(e.Exit.Stderr); last != "" {
			b.WriteString(": " + last)
		}
	}
	return b.String()
}

// Unwrap returns the worker's own words or the cause of a context.
func (e *Error) Unwrap() error { return e.Err }

// OutcomeOf returns the outcome that err tells: Done for nil, that of the first
// [*Error] in its tree, and Failed for an error without one.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return Done
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Outcome
	}
	return Failed
}

// CauseOf returns the cause of the first [*Error] in err's tree, else "".
func CauseOf(err error) Cause {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Cause
	}
	return ""
}
