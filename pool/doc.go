// Package pool performs tasks on supervised workers that draw them from one
// queue. Every accepted task has exactly one outcome, whatever dies; one death
// costs one task; cancel means cancel.
//
// # Usage
//
// A [Kind] says how a task becomes a request and what its response means; a
// wall says what stands between the pool and its workers. Nothing else changes
// between a goroutine and a process:
//
//	p := pool.New(kind, goroutine.Wall[string, int]{Begin: begin}, pool.Config{Workers: 4})
//	go p.Run(ctx) // owned by the caller: returns when ctx has ended and all is gone
//	n, err := p.Do(ctx, pool.Task[string]{Value: "a.txt", ExecTimeout: time.Second})
//	if e, ok := errors.AsType[*ganger.Error](err); ok {
//		log.Print(e.Outcome, e.Cause) // such as "crashed", "signal 11"
//	}
//
// # State model
//
// A task, with the names of the code:
//
//	            claim              answer, cancel, failure without retry
//	queued ---------------> inHand ------------------------------------> over
//	 ^  | cancel, time-out,   |  |                                        ^
//	 |  | no worker starts,   |  | its life ended          judged: no more|
//	 |  | superseded, its     |  +-----------> casualty ------------------+
//	 |  | holder has gone     |                   |                       |
//	 |  +---------> over      |                   |       cancel, time-out|
//	 |                        +---- unsendable, to be performed here ---> deferred
//	 |                        |                   |                       | somebody waits
//	 +------------------------+-------------------+                       v
//	    retry, never sent, or a death within the limit       over <---- local
//
// A casualty is judged when everything that its life had in hand has ended:
// only then is it known how many died together. One that died alone bears the
// death; several bear none, become suspects, and each is run again by a life
// that has nothing else in hand. So a killer blames only itself.
//
// A worker is a seat that package life, which alone restarts, keeps filled. Each
// life in it, with the fields of the code beside the states of package ganger:
//
//	           ready            claim              last answer
//	starting ---------> idle -------------> busy --------------> idle
//	                     |  serving          |  doomed: it died, or is killed
//	                     | leaving: End, idle for too long, cancelled
//	                     | recycled: MaxTasks or TTL, and its successor is ready
//	                     v                   v
//	                   stopping: what is in hand ends, and what is bound to it is
//	                     |       performed if it was recycled, else cancelled (holder)
//	                     v
//	                   parted, and then dead
//
// # Ordering and concurrency
//
// What waits is offered to lives that may take it: as [Kind].Order says, then by
// [Task].Priority and age together, so that without either it is the order of
// acceptance. A task that no idle life may take is overtaken. One that runs again
// has the place that it had. What follows from a task and is bound to its life
// goes before everything else there. Use returns, and the life's new competence
// holds, before it is given anything; feedback comes before the end; Ended returns
// before the ticket is done, with Commit before Join returns, and, where the life
// has one slot, before it is given anything more. Callbacks of different tasks are
// concurrent, but for Commit, whose order depends on no schedule.
//
// There is one lock. It is held across [Kind.Match], [Kind.Order] and [Kind.View]
// only.
//
// # What comes of a task
//
// A response may leave tasks that follow from it ([Next]), and a worker may have
// tasks submitted in mid-task ([Kind.Ask]). A cancel of the first reaches them all,
// also when it comes after its end. What an attempt submitted is cancelled when
// that attempt comes to nothing; what follows from a response is not. While a task
// waits for those that it submitted, its slot is lent: additional workers, as many
// as there are slots lent, perform what it may be waiting for and nothing else.
//
// # Failure handling
//
// Failures and time-outs of an attempt consume [Task].Retries. Deaths consume
// only [Task].MaxDeaths, and with 1 a request that was sent is never sent again.
// What was not sent costs nothing. After [Pool.LastAttempts] nothing is tried
// again. A life that ends between tasks costs nobody
// anything; one that never comes to anything is held up by [Config].Restart, and
// when every seat has given up, waiting and new tasks end as Rejected (start)
// with the command, its exit and its last words; so does what only an additional
// worker could perform, when none can be started.
//
// A task that is bound to a life dies with it: in hand it ends Crashed, waiting it
// ends Cancelled (holder). A group with FirstFailure cancels the rest at the first
// end without success; its error is that of the work before a death, and a death
// before a cancel, and it is never success.
//
// Workers of a mute wall, which say no hello, prove themselves by their first
// answer. Until one of the pool has answered, a life that dies or is silent for
// the start time-out and the task's own counts as a start that failed, never
// against the task, and another task goes next. A task without a time-out of
// its own adds nothing: a worker that never answers must not hang the pool.
package pool
