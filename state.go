package ganger

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// State is the state of one life. The zero State is invalid.
type State uint8

// The five states of a life.
const (
	_        State = iota
	Starting       // launched, has not said that it is ready
	Idle           // ready, holds no request
	Busy           // holds at least one request
	Stopping       // finishes or abandons what it holds, gets no more
	Dead           // terminal
)

var stateNames = [...]string{"", "starting", "idle", "busy", "stopping", "dead"}

// moves lists every legal transition; the diagram in doc.go is drawn from it.
var moves = [...][]State{
	Starting: {Idle, Stopping, Dead},
	Idle:     {Busy, Stopping, Dead},
	Busy:     {Idle, Stopping, Dead},
	Stopping: {Dead},
	Dead:     {},
}

// To reports whether a life may go from s to next in one step.
func (s State) To(next State) bool {
	if int(s) >= len(moves) {
		return false
	}
	return slices.Contains(moves[s], next)
}

// String returns the state's word, such as "idle".
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// MarshalText returns the state's word. It errs for a value that is no state.
func (s State) MarshalText() ([]byte, error) {
	if int(s) >= len(stateNames) {
		return nil, fmt.Errorf("ganger: %d is no state", uint8(s))
	}
	return []byte(stateNames[s]), nil
}

// UnmarshalText sets s from its word. It errs, and leaves s alone, for any other text.
func (s *State) UnmarshalText(text []byte) error {
	i, err := index(stateNames[:], text, "state")
	if err == nil {
		*s = State(i)
	}
	return err
}

// Leaving says why one life ended. The list is closed: the constants below and
// the words that [LeavingExit] and [LeavingSignal] make.
type Leaving string

// The leaving reasons that are not an exit status or a signal.
const (
	LeavingMaxTasks      Leaving = "max-tasks"      // performed as many tasks as it may
	LeavingTTL           Leaving = "ttl"            // reached its greatest age
	LeavingIdle          Leaving = "idle"           // had nothing to do for too long
	LeavingMemorySoft    Leaving = "memory-soft"    // passed its soft memory limit, left between tasks
	LeavingMemoryHard    Leaving = "memory-hard"    // passed its hard memory limit, was killed
	LeavingExecTimeout   Leaving = "exec-timeout"   // was killed for a task that took too long
	LeavingCancelled     Leaving = "cancelled"      // was killed for a task that was cancelled
	LeavingPanic         Leaving = "panic"          // panicked behind a goroutine wall
	LeavingProtocol      Leaving = "protocol"       // broke its protocol
	LeavingStartFailed   Leaving = "start-failed"   // never became ready
	LeavingStopped       Leaving = "stopped"        // was asked to leave
	LeavingEnded         Leaving = "ended"          // ended by itself, in order
	LeavingAbandoned     Leaving = "abandoned"      // a goroutine that ignores its context
	LeavingLostHeartbeat Leaving = "lost-heartbeat" // was silent for too long
)

// LeavingExit is the leaving reason of a process that exited with a status,
// such as "exit 3".
func LeavingExit(status int) Leaving { return Leaving("exit " + strconv.Itoa(status)) }

// LeavingSignal is the leaving reason of a process that a signal ended, such as
// "signal 9". The number is the operating system's.
func LeavingSignal(number int) Leaving { return Leaving("signal " + strconv.Itoa(number)) }

// Cause returns the cause of a task that this leaving crashed: the same words,
// but "memory" for the hard memory limit.
func (l Leaving) Cause() Cause {
	if l == LeavingMemoryHard {
		return CauseMemory
	}
	return Cause(l)
}

// Exit is everything known of the end of one life. It is a plain value.
type Exit struct {
	Reason     Leaving       `json:"reason"`
	Code       int           `json:"code,omitempty"`        // exit status; -1 when a signal ended it
	Signal     string        `json:"signal,omitempty"`      // name, such as "SIGSEGV"
	CPU        time.Duration `json:"cpu,omitempty"`         // user and system time of the process and its waited-for children
	PeakMemory int64         `json:"peak_memory,omitempty"` // bytes resident at most; 0 when unknown
	Stderr     string        `json:"stderr,omitempty"`      // last lines of its standard error
	Stray      string        `json:"stray,omitempty"`       // first bytes on a standard output that should be silent, or that broke the protocol
	Stack      string        `json:"stack,omitempty"`       // of a panic
	Asked      bool          `json:"asked,omitempty"`       // the coordinator ended it
}

// String tells the exit for people: the reason, a signal by name as well, and
// the last line of the standard error where there is one.
func (x Exit) String() string {
	var b strings.Builder
	b.WriteString(string(x.Reason))
	if x.Signal != "" {
		b.WriteString(" (" + x.Signal + ")")
	}
	if last := lastLine(x.Stderr); last != "" {
		b.WriteString(": " + last)
	}
	if x.Stray != "" {
		fmt.Fprintf(&b, ": standard output began with %q", x.Stray)
	}
	return b.String()
}

// lastLine returns the last line of s that is not blank.
func lastLine(s string) string {
	s = strings.TrimRight(s, " \t\r\n")
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// FormatBytes writes a number of bytes as people read it, in powers of 1024, such
// as 512K and 8.0G.
func FormatBytes(n int64) string {
	const units = "BKMGTPE"
	v, unit := float64(n), 0
	for v >= 999.5 && unit < len(units)-1 {
		v /= 1024
		unit++
	}
	digits := 0
	if v < 9.95 && unit > 0 {
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + units[unit:unit+1]
}
