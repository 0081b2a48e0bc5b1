// Package goroutine is the thinnest wall: requests are performed by functions
// of this program. It stops panics and what ignores its context; it does not
// stop what takes the whole process down (running out of memory, a concurrent
// map write, os.Exit).
//
// # Usage
//
//	w := goroutine.Wall[string, int]{Begin: func(ctx context.Context) (goroutine.Perform[string, int], error) {
//		db, err := connect(ctx)
//		return func(ctx context.Context, q string, h wall.Host) (int, error) { return db.Count(ctx, q) }, err
//	}}
//
// # State model
//
// A life has one goroutine for each slot. It ends in two steps: at the first it
// takes nothing more and all contexts end; at the second, when everything in
// hand has returned or the grace is over, Gone closes.
//
//	living --Stop, panic, an ignored cancel--> ending --all returned, or grace--> gone
//	   |                                                                           ^
//	   +--Kill---------------------------------------------------------------------+
//
// # Ordering and concurrency
//
// End is told on the goroutine of the slot that performed the call. If it
// starts the next call from there, that is performed on the same goroutine,
// without a switch when the life has one slot.
//
// # Failure handling
//
// A panic, or runtime.Goexit, ends the life; its call ends Crashed with the
// cause panic and the stack. Neighbours in other slots that return a response
// within the grace are Done, the others end Crashed with the same exit, since
// they had begun.
//
// A call that was asked to end and does not return within the grace is
// abandoned: it ends as asked, its goroutine is counted by [Abandoned] until it
// returns, what it still says is dropped, and its life leaves as abandoned. Its
// neighbours that return no response end Crashed with [wall.ErrNeighbour].
package goroutine
