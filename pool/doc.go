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
//	 |  | no worker starts    |  | its life ended          judged: no more|
//	 |  +---------> over      |  +-----------> casualty ------------------+
//	 |                        |                   |
//	 +------------------------+-------------------+
//	    retry, never sent, or a death within the limit
//
// A casualty is judged when everything that its life had in hand has ended:
// only then is it known how many died together. One that died alone bears the
// death; several bear none, become suspects, and each is run again by a life
// that has nothing else in hand. So a killer blames only itself.
//
// The states of a life are those of package ganger; the seat of each worker is
// kept by package life, which alone restarts. With MaxTasks or TTL the next life
// is started before the old one leaves.
//
// # Ordering and concurrency
//
// Tasks are offered in the order of acceptance to lives that may take them; one
// that no idle life may take is overtaken. Tasks that run again go in front. Use
// returns before the life is given anything else; feedback comes before the end;
// Ended returns before the ticket is done and before Join returns. Callbacks of
// different tasks are concurrent.
//
// There is one lock. It is held across [Kind.Match] and [Kind.View] only.
//
// # Failure handling
//
// Failures and time-outs of an attempt consume [Task].Retries. Deaths consume
// only [Task].MaxDeaths, and with 1 a request that was sent is never sent again.
// What was not sent costs nothing. A life that ends between tasks costs nobody
// anything; one that never comes to anything is held up by [Config].Restart, and
// when every seat has given up, waiting and new tasks end as Rejected (start)
// with the command, its exit and its last words.
//
// Workers of a mute wall, which say no hello, prove themselves by their first
// answer. Until one of the pool has answered, a life that dies or is silent for
// the start time-out and the task's own counts as a start that failed, never
// against the task, and another task goes next. A task without a time-out of
// its own adds nothing: a worker that never answers must not hang the pool.
package pool
