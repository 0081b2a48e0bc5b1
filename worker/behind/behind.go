// Package behind puts the workers of package worker behind a wall: each life is
// a process of its own, in which Launch, the handlers and all else of the same
// definition run. A program moves there by one field of its [worker.Config].
//
// # Usage
//
// A worker process serves the definition, on the stream that it was given:
//
//	s, err := native.Stream()
//	…
//	err = behind.Serve(def, s)
//
// The coordinator names the wall that opens such processes:
//
//	c.Behind = behind.Wall(process.Command{Path: "./worker"})
//	table := worker.NewQueue(def, c)
//
// # What crosses
//
// Names, parameters, requests and responses cross as JSON of encoding/json; the
// constructor of the table panics if one of their types would not come back as
// it was ([worker.Coder]). A value that cannot be encoded ends its request
// Rejected (encode), one that cannot be on its way back Failed (encode); neither
// is told to OnError. Of errors the text crosses, and not the type; OnError, which
// runs where the handler did, gets the error itself. A context ends there as it
// does here, without its cause.
//
// In a process a [worker.Self] asks its coordinator. So it can be used only while
// Launch, a handler or a callback of that worker runs, from any goroutine: Push
// returns an error at other times, and Trigger and Crash do nothing. Its Done is
// never closed, because the process ends first.
//
// # State model
//
// There is none here: the worker's states are those of package worker, and every
// one of its decisions is made by the coordinator. The process does one thing at
// a time, as it is told: launch, then requests and callbacks in the order in which
// the coordinator would have called them, then close.
//
// # Ordering and concurrency
//
// As in package worker. Background goroutines of the definition live in the process,
// and die with it.
//
// # Failure handling
//
// The death of a process ends one life, idle or busy, as a panic does: what it
// had in hand ends Crashed with how it exited, what it never took is performed by
// the next life like all that waits. After a panic in the definition Close runs as
// it does on a goroutine; after a runtime.Goexit or a death it cannot. A handler that
// outlives its limit and grace is killed, and so is a process that outlives its
// stop. What a process says against the protocol ends its life (protocol).
package behind

import (
	"context"
	"io"

	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/worker"
)

// Wall returns a wall of processes that [Serve], for [worker.Config].Behind.
func Wall(streams wall.Wall[wall.Stream]) wall.Wall[wall.Instance[worker.Envelope, worker.Envelope]] {
	d := native.Dialect[worker.Envelope, worker.Envelope]{Request: framed{}, Response: framed{}, Slots: 1}
	return coded{wall.Speak(streams, d), coder{}}
}

// coded is a wall and the coder of what crosses it.
type coded struct {
	wall.Wall[wall.Instance[worker.Envelope, worker.Envelope]]
	worker.Coder
}

var _ worker.Behind = coded{}

// Serve is the process's side: it is one life of one worker, whose coordinator
// is at the other end of s, and returns when that says so, nil, or is gone, nil
// too. It returns a [*ganger.Error] when something of the definition ended its
// goroutine, and otherwise what is wrong with s; the program should exit then.
func Serve[W any, N comparable, P, S any](d *worker.Def[W, N, P, S], s io.ReadWriter) error {
	return ServeSource(d, nil, s)
}

// ServeSource is [Serve] for workers of [worker.NewSource], with the function
// that they pull from.
func ServeSource[W any, N comparable, P, S any](d *worker.Def[W, N, P, S], next func(context.Context, S) (worker.Post[W], error), s io.ReadWriter) error {
	return native.Serve(s, 1, framed{}, framed{}, worker.ProcessSide(d, next, coder{}))
}
