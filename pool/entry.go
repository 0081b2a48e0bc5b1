package pool

import (
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// place says where an accepted task is.
type place uint8

const (
	fresh    place = iota // not accepted yet
	queued                // in the queue, among the suspects, or bound to a life
	inHand                // a life has it
	casualty              // its life ended under it; judged when all that it held have ended
	deferred              // its request could not be sent; performed here when somebody waits for it
	local                 // is being performed here
	over                  // has its outcome
)

// entry is one accepted task. Its fields but the ticket are guarded by the
// pool's lock once it was accepted; id and Task never change. Times are counted
// from the pool's beginning. There may be a million of them, and making one is
// a good part of what a task costs: every word counts.
type entry[T, Q, R, C any] struct {
	links[*entry[T, Q, R, C]]
	Task[T]
	ticket Ticket[R] // its ID is the task's
	core   *core[T, Q, R, C]

	place    place
	waits    keyWait
	suspect  bool  // was in hand at a death; runs alone
	probing  bool  // a first request to a mute worker: its clock includes the start's
	warm     bool  // its life had performed a task when it was given this one
	slot     int32 // its place in the pool's clock; 0: it is not there
	attempts int32
	failures int32
	deaths   int32

	rank   rank
	bound  *holder[T, Q, R, C] // the only life that may have it; nil: any
	ties   *ties               // to other tasks; nil for none
	commit *commit[T, Q, R, C] // its place in what is to be told in order; nil: nobody wants to know
	local  func() (R, error)   // while deferred or local
	asked  *ganger.Error       // what it was asked to end as while in hand, or before it was accepted
	turn   chan struct{}       // wakes who waits for room for it
	death  *ganger.Error       // while a casualty
	tried  *ganger.Error       // how the last attempt that counted against it ended, if another was to follow

	posted  time.Duration
	passed  time.Duration // when a life left it to one that is warm for its key
	started time.Duration // the last attempt
	ran     time.Duration
	queuedT time.Duration // until the first attempt, or the end

	holder *holder[T, Q, R, C] // the life that has or had it last
	value  C                   // the competence of that life when it was given the task
	call   *call[T, Q, R, C]   // while in hand
	first  call[T, Q, R, C]    // the first attempt's, so that most tasks are one allocation
}

// keyWait says how a waiting task stands with the lives that are warm for its key.
type keyWait uint8

const (
	unpassed keyWait = iota // no life that is not warm for it came by
	passed                  // one did, and left it to those that are
	freed                   // and it has waited for these for long enough
)

func (e *entry[T, Q, R, C]) list() *links[*entry[T, Q, R, C]] { return &e.links }

func (e *entry[T, Q, R, C]) cancel(cause error) {
	e.cancelAs(&ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseTask, Err: cause})
}

func (e *entry[T, Q, R, C]) cancelAs(as *ganger.Error) { e.core.ask(e, as) }

// maxDeaths is how many lives may end under it.
func (e *entry[T, Q, R, C]) maxDeaths() int {
	switch {
	case e.MaxDeaths > 0:
		return e.MaxDeaths
	case e.core.traits.OneShot:
		return 1
	}
	return 2
}

// heldAs is what was known of the life when it was given e, which it has in hand.
func (e *entry[T, Q, R, C]) heldAs() Held[C] {
	held := e.holder.heldAs(e.warm, e.value, int(e.attempts))
	held.Deaths = int(e.deaths)
	return held
}

// call is one attempt: the record that the instance holds.
type call[T, Q, R, C any] struct {
	wall.Call[R]
	entry *entry[T, Q, R, C]
}

// EndCall is told by the instance.
func (k *call[T, Q, R, C]) EndCall(*wall.Call[R]) { k.entry.holder.ended(k) }

// keyClock is the clock of the wait for a life that is warm for the task's key.
// It ends no task.
const keyClock ganger.Cause = "key"

// due returns the next of the clocks that run in the entry's place, zero for
// none, and what the task ends as when it is reached.
func (e *entry[T, Q, R, C]) due() (at time.Duration, cause ganger.Cause) {
	sooner := func(from, d time.Duration, c ganger.Cause) {
		if t := from + d; d > 0 && (at == 0 || t < at) {
			at, cause = t, c
		}
	}
	sooner(e.posted, e.TotalTimeout, ganger.CauseTotal)
	switch e.place {
	case queued:
		if e.attempts == 0 {
			sooner(e.posted, e.QueueTimeout, ganger.CauseQueue)
		}
		if e.waits == passed {
			sooner(e.passed, e.core.cfg.KeyWait, keyClock)
		}
	case inHand:
		limit := e.ExecTimeout
		if e.probing && (limit > 0 || !e.core.answered) {
			limit += e.core.cfg.StartTimeout
		}
		sooner(e.started, limit, ganger.CauseExec)
	}
	return at, cause
}

// armLocked sets the pool's clock to the next of the entry's.
func (e *entry[T, Q, R, C]) armLocked(now time.Duration) {
	if at, _ := e.due(); at == 0 {
		e.core.clock.unsetLocked(e)
	} else {
		e.core.clock.setLocked(e, at, now)
	}
}
