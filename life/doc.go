// Package life keeps seats filled with lives. It is written once and used by
// everything that has workers behind a wall.
//
// # Usage
//
// A [Keeper] opens a life on its seat, lends it to a serve function as a
// [Tenure], ends it, and opens the next as its [Policy] says:
//
//	k := &life.Keeper[wall.Instance[Q, R]]{Name: "w0", Wall: w, TTL: time.Hour, Overlap: true}
//	err := k.Run(ctx, func(ctx context.Context, t *life.Tenure[wall.Instance[Q, R]]) ganger.Leaving {
//		for {
//			select {
//			case <-ctx.Done(): // the life died, or the seat is given up
//				return ganger.LeavingStopped
//			case <-t.Leave(): // old, and the replacement is ready
//				finishWhatIsInHand(t.Life)
//				return t.Why()
//			case q := <-queue:
//				perform(ctx, t.Life, q)
//			}
//		}
//	})
//
// A worker without a life behind a wall calls [Policy.Next] by itself.
//
// # State model
//
// A seat holds at most one life that serves, and beside it one that leaves.
//
//	           Want            ready             end, or Leave and served
//	vacant ----------> opening -------> serving ---------------------------+
//	  ^                 ^   |                                              |
//	  |                 |   | never ready                                  |
//	  |   delay is over |   v                                              |
//	  |   or Nudge      +--back-off <--------------------------------------+
//	  |                 |                                                  |
//	  |  Retry or Nudge +--circuit open <-- too many bad ends, failed starts
//	  |                                                                    |
//	  +---------------------- served as idle <-----------------------------+
//
// With [Keeper.Overlap] a life that is to be replaced serves on while its
// successor is opening, and is told to leave when that is ready.
//
// # Ordering and concurrency
//
// Everything of one seat is decided on the goroutine of [Keeper.Run], in the
// order in which it happens; serve runs on a goroutine for each life. The
// callbacks of a Keeper are called on the goroutine of Run, one at a time, and
// must not block. Incarnations begin with 1, grow, and are never used again.
//
// # Failure handling
//
// A start that fails, and an end that the worker brought upon itself, are bad
// ends: they are followed by a delay that doubles and is drawn at random, and
// too many of them open the circuit, after which nothing is started but by
// [Keeper.Nudge] or after [Policy.Retry]. Ends that the coordinator wanted
// (age, number of tasks, a cancelled task) cost nothing. An end that was the
// fault of the work, not of the worker, is excused by [Tenure.Excuse].
package life
