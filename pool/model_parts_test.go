//go:build linux

package pool_test

import (
	"slices"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/pool"
)

// job is a task of a history. What the pool is shown of it is fixed; the rest is
// the model's.
type job struct {
	name     string
	seat     int    // the only one that takes it; -1: any
	gated    bool   // it is taken only while the gate is open
	seasoned bool   // it is taken only by warm lives
	stale    bool   // its request cannot be made
	slow     bool   // its request is made in two steps
	done     bool   // it was submitted by Do, and cannot be cancelled when that has returned
	key      string // see pool.Task
	priority int

	retries, maxDeaths int

	place    place
	head     *job   // of the family that it came of; nil: nobody's
	bound    *actor // the life that alone may have it; nil: any
	asked    bool   // cancelled while it was in hand
	suspect  bool
	attempts int
	failures int
	deaths   int
	want     ganger.Outcome
	spared   bool // it died for the sake of another

	making bool // it is in hand, and its request is being made

	follow  []*job // what comes of its next response
	binds   bool
	ending  ending
	ended   []pool.End[string]
	results []error // of who waits for it
}

// place says where a job is.
type place uint8

const (
	waits place = iota
	inHand
	fallen // its life ended under it; not judged
	over
)

func (j *job) String() string { return j.name }

func (j *job) over(o ganger.Outcome) { j.place, j.want = over, o }

// again: it waits once more, or ends as given if the life that alone may have it goes.
func (j *job) again(as ganger.Outcome) {
	if j.place, j.asked = waits, false; j.bound != nil && j.bound.closed {
		j.over(as)
	}
}

// fell judges what was in hand at a death; several died at once.
func (j *job) fell(several bool) {
	switch {
	case j.asked: // since then
		j.over(ganger.Cancelled)
	case j.maxDeaths == 1:
		j.deaths++
		j.over(ganger.Crashed)
	case j.spared:
		j.again(ganger.Crashed)
	case !several && j.deaths+1 == j.maxDeaths:
		j.deaths++
		j.over(ganger.Poisoned)
	default:
		if j.suspect = true; !several {
			j.deaths++
		}
		j.again(ganger.Crashed)
	}
}

// rank is by how much j is offered before others; equal ones go by age.
func (j *job) rank() int {
	switch {
	case j.bound != nil:
		return 1e6 - 1e4*j.bound.st.Seat - 10*int(j.bound.st.Incarnation) + j.priority // for the list; nobody compares them
	case j.suspect:
		return 100 + j.priority
	}
	return j.priority
}

// actor is a life.
type actor struct {
	*puppet
	slots, most  int // most it may be given; 0: any number
	hand, fallen []*job
	felled       int // tasks that ended as asked, by its death
	given        int
	keys         map[string]bool
	warm         bool
	dead         bool // the pool may not have noticed yet
	closed       bool // it takes nothing more
	replaced     bool // by a successor; it takes only what is bound to it
}

func (l *actor) spent() bool { return l.most > 0 && l.given >= l.most }

// makes reports whether a request is being made for l, which holds it up.
func (l *actor) makes() bool {
	return slices.ContainsFunc(l.hand, func(j *job) bool { return j.making })
}

// hasRoom reports whether l could be given anything: it is not alone with a suspect.
func (l *actor) hasRoom() bool {
	alone := slices.ContainsFunc(l.hand, func(j *job) bool { return j.suspect })
	return !l.closed && !alone && !l.makes() && len(l.hand) < l.slots
}

// ending is what a call came to.
type ending uint8

const (
	answered  ending = iota
	last             // and the life leaves
	refused          // the answer was no good
	failed           // in the worker's own words
	yielded          // it ended as it was asked to
	expired          // its request could not be made
	unsent           // its request did not reach the life
	died             // its life ended under it
	neighbour        // for the sake of another
)

var endings = [...]string{"it answers", "it answers, and leaves", "it answers badly", "it fails", "ends as asked", "cannot be asked", "never arrives", "dies", "dies for another"}

func (e ending) String() string { return endings[e] }
