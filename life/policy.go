package life

import (
	"cmp"
	"time"

	"github.com/ganger-dev/ganger"
)

// Type says after which ends a worker lives again.
type Type uint8

// The types of workers.
const (
	Permanent Type = iota // always
	Transient             // unless it ended in order: by itself, with status 0, or asked to stop
	Temporary             // never
)

// The meanings of the zero fields of a [Policy].
const (
	DefaultMin        = 100 * time.Millisecond
	DefaultMax        = 30 * time.Second
	DefaultBurst      = 10
	DefaultWindow     = time.Minute
	DefaultStartFails = 5
	DefaultHealthy    = time.Minute
)

// maxBurst is the most bad ends that a [Past] remembers.
const maxBurst = 16

// Policy says when a worker whose life has ended lives again. The zero Policy
// is a good default: the first bad end of a healthy worker costs no delay, more
// of them in a row cost a delay that grows to 30 s, and 5 starts in a row that
// came to nothing, or 10 bad ends in a minute, open the circuit.
type Policy struct {
	Type Type
	// Min and Max bound the delay: the n-th in a row is drawn uniformly from
	// [0, min(Max, Min·2^(n-1))). Zero means 100 ms and 30 s; a negative Min
	// means no delay ever.
	Min, Max time.Duration
	// Burst is the number of bad ends within Window that opens the circuit, at
	// most 16; more is taken as 16. Zero means 10, negative never. Zero Window
	// means 1 min.
	Burst  int
	Window time.Duration
	// StartFails is the number of starts in a row that came to nothing that
	// opens the circuit. Zero means 5, negative never.
	StartFails int
	// Healthy is the age of a life at which the bad ends before it are
	// forgotten. Zero means 1 min.
	Healthy time.Duration
	// Retry is how long an open circuit stays open before one more start is
	// tried. Zero: only a nudge closes it.
	Retry time.Duration
}

// Past is what a [Policy] remembers of the lives before. The zero Past is that
// of a new worker. It is a plain value, to be handed back to [Policy.Next].
type Past struct {
	first  time.Time               // when the time of bad begins
	bad    [maxBurst]time.Duration // when bad ends were, oldest first
	n      int                     // how many of bad are set
	starts int                     // starts in a row that came to nothing
	row    int                     // bad ends since the worker was last healthy
}

// Starts returns the number of starts in a row that came to nothing.
func (p Past) Starts() int { return p.starts }

// End is one end of a life, or of a start that came to nothing.
type End struct {
	Born, Died time.Time // Born is the time of the start for a life that never became ready
	Ready      bool      // it became ready
	Excused    bool      // its work is to blame, not the worker
	Exit       ganger.Exit
}

// Verdict is what follows an end.
type Verdict struct {
	Again bool          // the worker lives again
	Open  bool          // the circuit is open: only after After, if that is not zero, or when nudged
	After time.Duration // the delay before the next start
}

// Next is all of restart policy: it returns what to remember and what to do
// after an end. jitter is a number in [0, 1) drawn by the caller. Next reads no
// clock and draws no number, so any history can be replayed.
//
// The delay is the "full jitter" rule of M. Brooker, "Exponential Backoff and
// Jitter", 2015: among the rules measured there it gives the fewest collisions
// for the least added delay when many workers fail at once.
func (p Policy) Next(past Past, e End, jitter float64) (Past, Verdict) {
	if e.Ready {
		past.starts = 0
		if e.Died.Sub(e.Born) >= cmp.Or(p.Healthy, DefaultHealthy) {
			past = Past{}
		}
	}
	kind := p.judge(e)
	switch {
	case p.Type == Temporary, p.Type == Transient && kind == inOrder:
		return past, Verdict{}
	case kind != bad:
		return past, Verdict{Again: true}
	}
	past = past.with(e.Died, cmp.Or(p.Window, DefaultWindow))
	if !e.Ready {
		past.starts++
	}
	past.row++
	if p.open(past) {
		return past, Verdict{Again: true, Open: true, After: max(p.Retry, 0)}
	}
	n := past.row
	if e.Ready {
		n-- // so the first end of a healthy worker is free
	}
	return past, Verdict{Again: true, After: p.delay(n, jitter)}
}

// open reports whether the past opens the circuit.
func (p Policy) open(past Past) bool {
	burst := min(cmp.Or(p.Burst, DefaultBurst), maxBurst)
	fails := cmp.Or(p.StartFails, DefaultStartFails)
	return burst > 0 && past.n >= burst || fails > 0 && past.starts >= fails
}

// delay returns the n-th delay in a row, none for n < 1.
func (p Policy) delay(n int, jitter float64) time.Duration {
	least, most := cmp.Or(p.Min, DefaultMin), cmp.Or(p.Max, DefaultMax)
	if n < 1 || least < 0 {
		return 0
	}
	top := least
	for range n - 1 {
		if top >= most {
			break
		}
		top *= 2 // at most twice Max: no overflow below 146 years
	}
	return time.Duration(jitter * float64(min(top, most)))
}

// kind is how a policy sees an end.
type kind uint8

const (
	bad     kind = iota // the worker brought it upon itself
	inOrder             // the worker has done what it was for
	wanted              // the coordinator's reasons; says nothing about the worker
)

// judge tells what sort of end e is for a worker of this type.
func (p Policy) judge(e End) kind {
	if !e.Ready {
		return bad
	}
	if e.Excused {
		return wanted
	}
	switch e.Exit.Reason {
	case ganger.LeavingMaxTasks, ganger.LeavingTTL, ganger.LeavingIdle, ganger.LeavingMemorySoft,
		ganger.LeavingExecTimeout, ganger.LeavingCancelled, ganger.LeavingAbandoned:
		return wanted
	case ganger.LeavingStopped:
		return inOrder
	case ganger.LeavingEnded, ganger.LeavingExit(0):
		if p.Type == Permanent {
			return bad // it should not leave at all; at once again could be a storm
		}
		return inOrder
	}
	return bad
}

// with returns p with one more bad end, without those that are not within
// window of it.
func (p Past) with(at time.Time, window time.Duration) Past {
	q := p
	q.n = 0
	q.bad = [maxBurst]time.Duration{}
	if p.n == 0 {
		q.first = at
	}
	now := at.Sub(q.first)
	for _, t := range p.bad[max(0, p.n-maxBurst+1):p.n] {
		if now-t < window {
			q.bad[q.n] = t
			q.n++
		}
	}
	q.bad[q.n] = now
	q.n++
	return q
}
