// Package wall defines what stands between a coordinator and a worker: the
// [Life] of one incarnation, the [Stream] and the [Instance] that a life may
// be, and the [Wall] that opens them. [Speak] makes instances of streams and a
// [Dialect]; grace, kill and blame are written there, once.
//
// # Usage
//
// A program chooses a wall (wall/goroutine, wall/process) and for streams a
// dialect (wall/native, wall/lines, wall/jsonl), and hands the result to a pool
// or, through life, keeps it itself:
//
//	w := wall.Speak(process.Command{Path: "./worker"}, native.Dialect[Q, R]{…})
//	i, err := w.Open(ctx, wall.Start{Name: "w0", Incarnation: 1})
//	r, err := wall.Do(ctx, i, q, nil)
//
// # State model
//
// A call is one request in an instance's hands. Cancel may come at any time.
//
//	          Start            answer, error, death
//	fresh ------------> begun ----------------------> ended
//	  |                   |                             ^
//	  | Cancel            | Cancel                      |
//	  v          Start    v        obeys; or grace, kill|
//	asked ----------------+-----------------------------+
//
// # Ordering and concurrency
//
// An instance may be used by many goroutines at once, within its slots.
// Feedback of one call arrives in order and before its End. The ends of
// different calls are unordered. Nothing is called with a lock held.
//
// # Failure handling
//
// Every begun call ends exactly once, whatever dies; End is told after the
// life's exit is known if a death ended it. A call that was asked to end ends
// within the grace, by force where the wall can kill. A call that did not reach
// the worker ends with [ErrUnsent], and one that died of a kill for a neighbour
// with [ErrNeighbour]: neither is to blame, and the first may always run again.
package wall
