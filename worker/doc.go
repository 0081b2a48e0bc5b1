// Package worker gives named workers with typed requests: each has one mailbox
// and one state, performs one request at a time, and lives in a table under a
// name. Every accepted request has exactly one outcome, whatever dies.
//
// # Usage
//
// A [Def] says what one sort of worker does; a request is a struct that embeds
// [In], which ties it to the protocol and to the type of its response; the
// constructor of the table says which mailbox its workers have, and with it what
// can be done with them. What is not legal does not compile.
//
//	type Counter struct{} // names the protocol
//	type Add struct {
//		worker.In[Counter, int]
//		N int
//	}
//
//	def := &worker.Def[Counter, string, int, *int]{Launch: func(ctx context.Context, self worker.Self[Counter], name string, start int) (*int, error) {
//		return &start, nil
//	}}
//	worker.Handle(def, func(ctx context.Context, sum *int, q Add) (int, error) {
//		*sum += q.N
//		return *sum, nil
//	})
//	table := worker.NewQueue(def, worker.Config{})
//	w, err := table.Launch(ctx, "a", 5)
//	n, err := worker.Call(ctx, w, Add{N: 2}) // n is an int: 7
//
// The kinds of mailbox: [NewQueue], every request, without a bound; [NewBounded],
// every request, and who posts waits for room or is refused, or the oldest is
// dropped; [NewLatest], the latest only, merged with what it replaces;
// [NewSource], none: the worker pulls.
//
// # State model
//
// A worker lives one life after another, until it is dead for good:
//
//	 Launch
//	   |
//	   v     returned         posted, idle for long    nothing waits
//	starting --------> idle -----------------> busy -----------------> idle
//	   |  ^             |                       |
//	   |  |             | stop, crash           | stop, crash, abandoned
//	   |  |             v                       v
//	   |  |            stopping: what is in hand returns or is abandoned; Close
//	   |  |             |
//	   |  | delay       v
//	   |  +----------- dead (back-off, circuit open) ---> dead for good: the name is free
//	   |  | policy      ^
//	   +--|-------------+ Launch failed: at first for good, later as the policy says
//
// One request:
//
//	          room               turn               handler returned
//	blocked --------> pending ----------> in hand -----------------> done, or its error
//	   |                 |                   |
//	   | closed,         | withdrawn,        | withdrawn, life ended (crashed, shutdown,
//	   | withdrawn       | superseded,       | holder), limit (exec)
//	   v                 v shutdown, closed  v
//	  over              over                over; a late result is dropped
//
// The verdict of OnError stands before the caller of a failed request wakes.
//
// # Ordering and concurrency
//
// Everything is safe for concurrent use. What one goroutine posts to a worker is
// performed in that order; between goroutines nothing is promised. Whoever waits
// for room in a bounded mailbox gets it in turn. Handlers and callbacks of a
// worker run one at a time, each after the one before has returned or was
// abandoned; merge runs on the putter's goroutine.
//
// An idle worker has no goroutine: the post that finds it idle starts one, which
// ends when nothing waits. A worker that pulls has one always.
//
// A handler that calls another worker waits for it. Workers that call each other
// in a circle wait for ever, but for [Config].Limit: within a circle one of them
// has to push.
//
// # Failure handling
//
// A panic in anything of a [Def], a runtime.Goexit too, ends one life of one
// worker. The request in hand ends Crashed with the stack and is never performed
// again; those that wait are kept for the next life, or ended, as
// [Config].Pending says. When and whether there is a next life is decided by
// [life.Policy] alone. After the last, what waits and whatever comes later is
// Rejected with the reason, at once.
//
// With [AllForOne] and [RestForOne] the workers of a table are a group with one
// past. When one crashes and is to live again, it is waited for until it is down;
// those who go along are ended, the last launched first and each when the one
// after it is down, what they have in hand Cancelled (holder); and after the
// policy's delay all are launched in the order of their first launch, each when
// the one before is ready. A launch that fails, or another crash, begins that
// anew; a worker that was to end anyway does not count. One whose first launch
// goes on is left to finish it first. A circuit that is open for good ends those
// who would have gone along, for good, and the owner is told once
// ([Config].Escalate). Close ends a group in the reverse of its order, too.
//
// Where this differs from OTP's supervisors, docs/rationale.md says why.
//
// A goroutine cannot be killed. A handler that ignores the end of its context is
// abandoned after [Config].Grace: its caller gets an end, its life ends with the
// leaving reason "abandoned", and its goroutine, which may still use the state
// of that life, is counted until the program ends. Close of that life may run
// beside it.
//
// A process can. With [Config].Behind everything of the definition runs in one for
// each life, which is killed where a goroutine would be abandoned, and whose death
// is a crash like any other; package worker/behind says what crosses, and what a
// [Self] can do there.
package worker
