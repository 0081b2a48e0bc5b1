//go:build linux

package pool_test

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ganger-dev/ganger"
)

// model is what a pool promises, in as few words as possible: it is told what
// happened, in order, and knows what must have come of it.
type model struct {
	jobs []*job   // accepted, the oldest first
	cast []*actor // lives, the oldest first
	gate bool
	gave []grant // since the last look
}

// fits reports whether the kind lets l have j.
func (m *model) fits(l *actor, j *job) bool {
	return j.bound == l || j.bound == nil && !l.spent() && j.matches(l.st.Seat, l.warm, m.gate)
}

// free reports whether the key of j lets l have it.
func (m *model) free(l *actor, j *job) bool {
	return j.key == "" || j.bound != nil || l.keys[j.key] || !slices.ContainsFunc(m.cast, j.owned)
}

// mayTake reports whether nothing but other tasks keeps j from l.
func (m *model) mayTake(l *actor, j *job) bool { return m.fits(l, j) && m.free(l, j) }

// owed is a task that waits although l has room for it; nil for none. While a
// life is emptied for a suspect, one at a time, it owes the others nothing.
func (m *model) owed(l *actor, emptied *int) *job {
	excused := false
	for _, j := range m.waiting() {
		switch {
		case !l.hasRoom() || !m.fits(l, j):
		case j.suspect && len(l.hand) > 0:
			excused = true
		case !m.mayTake(l, j) || m.kept(j):
		case excused && *emptied == 0:
			*emptied++
			return nil
		default:
			return j
		}
	}
	return nil
}

// claim: l was given j.
func (m *model) claim(l *actor, j *job) error {
	if j.place != waits || !m.fits(l, j) || !l.hasRoom() || j.suspect && len(l.hand) > 0 {
		return fmt.Errorf("%v was given to %v, which may not have it", j, l)
	}
	m.gave = append(m.gave, grant{l, j, len(l.hand)})
	l.hand, l.given = append(l.hand, j), l.given+1
	j.place, j.making, j.attempts = inHand, j.slow, j.attempts+1
	return nil
}

// end: what l had of j came to this end. follow came of it.
func (m *model) end(l *actor, j *job, how ending, follow []*job, bound bool) {
	l.hand = slices.DeleteFunc(l.hand, func(x *job) bool { return x == j })
	l.warm = l.warm || how <= failed
	l.closed = l.closed || how == last || how >= unsent && !j.asked
	for _, f := range follow {
		f.head = cmp.Or(j.head, j)
		if m.jobs = append(m.jobs, f); bound {
			f.bound = l
		}
		if j.asked || bound && l.closed {
			f.over(ganger.Cancelled)
		}
	}
	switch {
	case how >= died && !j.asked:
		j.place, j.spared = fallen, how == neighbour
		l.fallen = append(l.fallen, j)
	case how <= last:
		j.over(ganger.Done)
	case j.asked:
		if j.over(ganger.Cancelled); how == died {
			l.felled++ // it ends as it was asked to, but maybe it was the killer
		}
	case how == unsent || how != expired && j.failures < j.retries:
		if j.again(ganger.Cancelled); how != unsent {
			j.failures++
		}
	default:
		j.over(map[ending]ganger.Outcome{refused: ganger.Failed, failed: ganger.Failed, expired: ganger.Expired}[how])
	}
	if len(l.hand) == 0 {
		l.bury()
	}
}

// unfair is a task that waited all the time and was passed over by g.
func (m *model) unfair(g grant, waited []*job) *job {
	for _, j := range waited {
		first := cmp.Or(cmp.Compare(g.j.rank(), j.rank()), slices.Index(m.jobs, j)-slices.Index(m.jobs, g.j)) < 0
		if first && j.place == waits && m.mayTake(g.l, j) && !m.kept(j) && !m.ceded(j) && !g.l.going() && !(j.suspect && g.beside > 0) {
			return j
		}
	}
	return nil
}

// rest notes that the pool is at rest: it is known what was given to whom, in
// whatever order that was told; every death was noticed, and what was bound to
// lives that have gone has ended.
func (m *model) rest() error {
	for i, g := range m.gave {
		same := func(o grant) bool { return o.l == g.l && o.j.key == g.j.key }
		if !m.free(g.l, g.j) && !slices.ContainsFunc(m.gave[:i], same) {
			return fmt.Errorf("%v was given to %v, and another is warm for it", g.j, g.l)
		}
	}
	for _, g := range m.gave {
		g.l.keys[g.j.key] = true
	}
	for _, l := range m.cast {
		l.closed = l.closed || l.dead && len(l.hand) == 0
	}
	for _, j := range m.jobs {
		if l := j.bound; j.place == waits && l != nil && l.closed && len(l.hand) == 0 {
			j.over(ganger.Cancelled)
		}
	}
	return nil
}
