//go:build linux

package pool_test

import (
	"cmp"
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

// matches reports whether the kind lets a life at that seat have j.
func (j *job) matches(seat int, warm, gate bool) bool {
	return (j.seat < 0 || j.seat == seat) && (gate || !j.gated) && (warm || !j.seasoned)
}

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

// owned reports whether l is warm for the key of j, and could have it.
func (j *job) owned(l *actor) bool { return l.keys[j.key] && !l.going() && !l.spent() }

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

// going reports whether l is given nothing more, or would not live to have it.
func (l *actor) going() bool { return l.dead || l.closed }

// bury judges what was in hand when l died.
func (l *actor) bury() {
	for _, x := range l.fallen {
		x.fell(len(l.fallen)+l.felled > 1)
	}
	l.fallen = nil
}

// makes reports whether a request is being made for l, which holds it up.
func (l *actor) makes() bool {
	return slices.ContainsFunc(l.hand, func(j *job) bool { return j.making })
}

// hasRoom reports whether l could be given anything: it is not alone with a suspect.
func (l *actor) hasRoom() bool {
	alone := slices.ContainsFunc(l.hand, func(j *job) bool { return j.suspect })
	return !l.closed && !alone && !l.makes() && len(l.hand) < l.slots
}

// grant is a task that was given to a life, which had others in hand.
type grant struct {
	l      *actor
	j      *job
	beside int
}

// waiting are the tasks that wait, in the order in which they are offered.
func (m *model) waiting() []*job {
	all := slices.DeleteFunc(slices.Clone(m.jobs), func(j *job) bool { return j.place != waits })
	slices.SortStableFunc(all, func(a, b *job) int { return cmp.Compare(b.rank(), a.rank()) })
	return all
}

// kept reports whether j may be left alone for a while: for a life that is warm
// for it, and goes when its hand is empty; or for one with free slots that is kept
// by the request that is made for it.
func (m *model) kept(j *job) bool {
	return slices.ContainsFunc(m.cast, func(l *actor) bool {
		return l.going() && len(l.hand) > 0 && j.key != "" && l.keys[j.key] || l.makes() && len(l.hand) < l.slots && m.mayTake(l, j)
	})
}

// ceded reports whether a life that was warm for j was given the last that it may
// perform since the last look: until then j was left to it.
func (m *model) ceded(j *job) bool {
	return slices.ContainsFunc(m.gave, func(g grant) bool { return g.l.keys[j.key] && g.l.spent() })
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
