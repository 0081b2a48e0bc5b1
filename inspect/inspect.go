// Package inspect holds plain values that describe everything alive (workers,
// what they hold, why their predecessors left) and the [Hub] through which a
// program finds them. Coordinators fill these values; the command line, a web
// page and a crash report print the same ones.
//
// # Ordering and concurrency
//
// Events of one worker arrive in the order in which they happened; between
// workers nothing is promised but that Seq grows. Everything here is safe for
// concurrent use. A snapshot never waits for a worker.
//
// # Failure handling
//
// [Hub.Emit] never blocks. A reader of events that is too slow loses the
// oldest, and is told how many.
package inspect

import (
	"context"
	"time"

	"github.com/ganger-dev/ganger"
)

// Worker describes one worker and its present life.
type Worker struct {
	Group       string         `json:"group"`
	Name        string         `json:"name"`
	Wall        string         `json:"wall"`
	Incarnation uint64         `json:"incarnation"`
	State       ganger.State   `json:"state"`
	Detail      string         `json:"detail,omitempty"` // finer step beside the state, such as "back-off"
	Since       time.Time      `json:"since"`            // of the state
	Born        time.Time      `json:"born"`             // of this life; zero before the first
	Retry       *time.Time     `json:"retry,omitempty"`  // next start; nil and Dead: waits for a nudge
	PID         int            `json:"pid,omitempty"`
	Memory      int64          `json:"memory,omitempty"` // bytes resident at the newest sample; 0 when not sampled
	Competence  string         `json:"competence,omitempty"`
	Current     []Request      `json:"current,omitempty"` // in hand, at most its slots
	Pending     []Request      `json:"pending,omitempty"` // waiting for it, the oldest few
	PendingLen  int            `json:"pending_len"`       // how many wait for it
	Done        uint64         `json:"done"`
	Failed      uint64         `json:"failed"` // ended without success, whatever the outcome
	Restarts    uint64         `json:"restarts"`
	Last        *Obituary      `json:"last,omitempty"` // of the life before
	Lanes       []Lane         `json:"lanes,omitempty"`
	Extra       map[string]any `json:"extra,omitempty"`
}

// Request describes one request in hand or waiting.
type Request struct {
	ID      uint64    `json:"id"`
	View    any       `json:"view,omitempty"` // what its kind shows to people
	Posted  time.Time `json:"posted"`
	Started time.Time `json:"started"` // zero while it waits
	Attempt int       `json:"attempt"` // 1 for the first
}

// Lane describes one lane of a tasklet.
type Lane struct {
	Index    int    `json:"index"`
	State    string `json:"state"`
	Barriers uint64 `json:"barriers"`
	Fuel     uint64 `json:"fuel"`
	Err      error  `json:"-"`
}

// Obituary is what is known of a life that ended.
type Obituary struct {
	Worker      string      `json:"worker"`
	Incarnation uint64      `json:"incarnation"`
	Born        time.Time   `json:"born"`
	Died        time.Time   `json:"died"`
	Exit        ganger.Exit `json:"exit"`
	Last        *Request    `json:"last,omitempty"` // the request it held last, if it died with one in hand
}

// Names of events. A worker's state has the state's own word; see [StateEvent].
const (
	EventQueued  = "queued"  // a task was accepted
	EventStarted = "started" // a life has it
	EventRetry   = "retry"   // it will run again; Detail says why
	EventEnded   = "ended"   // it has its outcome, in Detail
	EventOpen    = "open"    // a seat's circuit opened; Detail is the last error
)

// StateEvent returns the name of the event that says that a worker's life is now in state s.
func StateEvent(s ganger.State) string { return s.String() }

// Event is one thing that happened to a worker or a task.
type Event struct {
	Seq         uint64    `json:"seq"` // grows by one for each event of a hub
	At          time.Time `json:"at"`
	Group       string    `json:"group"`
	Worker      string    `json:"worker,omitempty"`
	Incarnation uint64    `json:"incarnation,omitempty"`
	PID         int       `json:"pid,omitempty"`
	Task        uint64    `json:"task,omitempty"`
	Attempt     int       `json:"attempt,omitempty"`
	Name        string    `json:"name"`
	Detail      string    `json:"detail,omitempty"`
}

// Group is anything with workers: a pool, a table, a language-server watchdog.
type Group interface {
	// Describe returns what sort of group it is ("pool") and its name.
	Describe() (kind, name string)
	// Snapshot calls yield for each worker until it returns false. It never
	// waits for a worker.
	Snapshot(yield func(Worker) bool)
}

// Actor is a group that can be told to do something.
type Actor interface {
	Group
	CancelTask(id uint64) error
	StopWorker(name string, kill bool) error
	Drain(ctx context.Context) error
}
