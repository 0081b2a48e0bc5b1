package pool

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
)

// Conditions that callers branch on; they are found in a [*ganger.Error] by errors.Is.
var (
	// ErrClosed: the pool takes no more tasks.
	ErrClosed = errors.New("pool: closed to new tasks")
	// ErrExpired is returned by [Kind.Request] when the request can no longer be
	// built; the task ends Expired.
	ErrExpired = errors.New("pool: the task has expired")
	// ErrHolder: the life that the task was bound to has gone.
	ErrHolder = errors.New("pool: the life that held what it needs has gone")
	// ErrNoWorker: no worker of the pool has that name.
	ErrNoWorker = errors.New("pool: no such worker")
)

// TimeoutError says which clock of a task ran out.
type TimeoutError struct {
	Clock ganger.Cause // queue, exec or total
	Limit time.Duration
}

// Error names the clock and its limit.
func (e *TimeoutError) Error() string {
	switch e.Clock {
	case ganger.CauseQueue:
		return fmt.Sprintf("no worker had it within %v", e.Limit)
	case ganger.CauseExec:
		return fmt.Sprintf("it ran for more than %v", e.Limit)
	}
	return fmt.Sprintf("it had not ended after %v", e.Limit)
}

// Timeout is true, as for the errors of package net.
func (e *TimeoutError) Timeout() bool { return true }

// BlockedError says what [Pool.Join] or [Pool.Drain] waited for in vain.
type BlockedError struct {
	Blockers []Blocker
	More     int   // blockers that are not listed
	Err      error // context.Cause, or why waiting longer is no use
}

// Blocker is a task that has not ended.
type Blocker struct {
	Request inspect.Request
	Worker  string // that has it; "" while it waits
	Detail  string // such as "no worker takes it"
}

// Error lists the blockers, one a line.
func (e *BlockedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "pool: %d tasks have not ended: %v", len(e.Blockers)+e.More, e.Err)
	for _, k := range e.Blockers {
		fmt.Fprintf(&b, "\n\ttask %d: ", k.Request.ID)
		if k.Worker != "" {
			fmt.Fprintf(&b, "attempt %d on %s", k.Request.Attempt, k.Worker)
		} else {
			b.WriteString("queued")
		}
		if k.Detail != "" {
			b.WriteString(", " + k.Detail)
		}
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\n\tand %d more", e.More)
	}
	return b.String()
}

// Unwrap returns why the wait ended.
func (e *BlockedError) Unwrap() error { return e.Err }
