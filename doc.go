// Package ganger holds the words of a supervised worker runtime: how a piece of
// work ended ([Outcome], [Cause]), what state a life of a worker is in
// ([State]), why and how a life ended ([Leaving], [Exit]), and the one error
// that tells every end but success ([Error]).
//
// One coordinator keeps the authoritative state; workers do the work behind a
// wall (a goroutine, an operating-system process, ...) and hold no authority.
// The packages below this one speak of nothing else:
//
//	ganger (the words)
//	  inspect      plain values that describe everything alive, and the hub
//	    wall       lives, streams, instances; wall/process, wall/goroutine, ...
//	      life     one seat kept filled with lives, and all of restart policy
//	        pool   a shared queue of tasks performed by many workers
//	        worker named workers, each with a mailbox of its own
//
// # State model
//
// A life is in one of five states. Finer steps are a detail beside the state.
//
//	Starting --ready--> Idle <--request/answer--> Busy
//	    |                |                          |
//	    +------+---------+------------+-------------+
//	           v                      v
//	        Stopping --gone--------> Dead
//
// # Failure handling
//
// Every accepted task, request or call ends exactly once, with an Outcome and a
// Cause. Done is the nil error; every other end is an [*Error] that errors.AsType
// reaches; [OutcomeOf] and [CauseOf] tell its words.
//
// The package has no state, starts nothing, and is safe for concurrent use.
package ganger
