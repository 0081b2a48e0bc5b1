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
// pool's lock once it was accepted; id and Task never change.
type entry[T, Q, R, C any] struct {
	links[*entry[T, Q, R, C]]
	Task[T]
	ticket Ticket[R]
	id     uint64
	core   *core[T, Q, R, C]

	place    place
	rank     rank
	passed   time.Time           // a life left it to one that is warm for its key; zero: none did
	freed    bool                // it has waited for that for long enough
	bound    *holder[T, Q, R, C] // the only life that may have it; nil: any
	ties     *ties               // to other tasks; nil for none
	commit   *commit[T, Q, R, C] // its place in what is to be told in order; nil: nobody wants to know
	local    func() (R, error)   // while deferred or local
	suspect  bool                // was in hand at a death; runs alone
	asked    *ganger.Error       // what it was asked to end as while in hand
	probing  bool                // a first request to a mute worker: its clock includes the start's
	attempts int
	failures int
	deaths   int

	posted  time.Time
	started time.Time // of the last attempt
	ran     time.Duration
	queuedT time.Duration // until the first attempt, or the end
	timer   *time.Timer   // the next of its clocks; nil without time-outs

	holder *holder[T, Q, R, C] // the life that has or had it last
	held   Held[C]             // what was known of that life when it was given the task
	call   *call[T, Q, R, C]   // while in hand
	death  *ganger.Error       // while a casualty
	first  call[T, Q, R, C]    // the first attempt's, so that most tasks are one allocation
}

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

// call is one attempt: the record that the instance holds.
type call[T, Q, R, C any] struct {
	wall.Call[R]
	entry  *entry[T, Q, R, C]
	holder *holder[T, Q, R, C]
}

// EndCall is told by the instance.
func (k *call[T, Q, R, C]) EndCall(*wall.Call[R]) { k.holder.ended(k) }

// keyClock is the clock of the wait for a life that is warm for the task's key.
// It ends no task.
const keyClock ganger.Cause = "key"

// due returns the next of the clocks that run in the entry's place, zero for
// none, and what the task ends as when it is reached.
func (e *entry[T, Q, R, C]) due() (at time.Time, cause ganger.Cause) {
	at, cause = time.Time{}, ""
	sooner := func(from time.Time, d time.Duration, c ganger.Cause) {
		if t := from.Add(d); d > 0 && (at.IsZero() || t.Before(at)) {
			at, cause = t, c
		}
	}
	sooner(e.posted, e.TotalTimeout, ganger.CauseTotal)
	switch e.place {
	case queued:
		if e.attempts == 0 {
			sooner(e.posted, e.QueueTimeout, ganger.CauseQueue)
		}
		if !e.passed.IsZero() && !e.freed {
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

// armLocked sets the entry's timer to the next of its clocks.
func (e *entry[T, Q, R, C]) armLocked(now time.Time) {
	at, _ := e.due()
	switch {
	case at.IsZero():
		if e.timer != nil {
			e.timer.Stop()
		}
	case e.timer == nil:
		e.timer = time.AfterFunc(at.Sub(now), func() { e.core.expire(e) })
	default:
		e.timer.Reset(at.Sub(now))
	}
}
