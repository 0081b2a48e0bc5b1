package pool

import (
	"context"

	"github.com/ganger-dev/ganger"
)

// Group holds tasks that stand or fall together. The zero Group is ready; it
// may span pools, is safe for concurrent use and must not be copied. Tasks
// join it by [Task].Group, and what follows from a task of a group joins it too.
type Group struct {
	// FirstFailure makes the first task that ends without success, and was not
	// cancelled, cancel the others. It must not change once a task has joined.
	FirstFailure bool

	circle circle
	worst  error         // guarded by the circle's lock, as is empty
	empty  chan struct{} // closed when there are no members; nil while nobody waits
}

// Cancel cancels every task of the group, and every one that joins it later.
// They end as Cancelled (group) with cause.
func (g *Group) Cancel(cause error) {
	g.circle.cancel(&ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseGroup, Err: cause}, nil)
}

// Wait waits until no task of the group is left that has not ended, those that
// join meanwhile included, and returns nil if all were done. Otherwise it returns
// the error that says most: one of the work itself (failed, timed-out) before a
// death, a death before a task that never ran, and that before a mere cancel; among
// equals the first. A member that was cancelled because another failed wraps the
// error of that one: to tell the two apart ask [ganger.OutcomeOf], not errors.Is.
// Wait returns context.Cause(ctx) if ctx ends first. With the context of [Kind.Ask]
// the task that asked lends its slot meanwhile.
func (g *Group) Wait(ctx context.Context) error {
	g.circle.mu.Lock()
	if len(g.circle.members) == 0 {
		defer g.circle.mu.Unlock()
		return g.worst
	}
	if g.empty == nil {
		g.empty = make(chan struct{})
	}
	empty := g.empty
	g.circle.mu.Unlock()
	for _, m := range g.circle.others(nil) {
		m.force()
	}
	defer lendFor(ctx)()
	select {
	case <-empty:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	g.circle.mu.Lock()
	defer g.circle.mu.Unlock()
	return g.worst
}

// awaited reports whether somebody waits for the group.
func (g *Group) awaited() bool {
	g.circle.mu.Lock()
	defer g.circle.mu.Unlock()
	return g.empty != nil
}

// leave takes out m, which was not accepted after all.
func (g *Group) leave(m member) {
	g.circle.mu.Lock()
	defer g.circle.mu.Unlock()
	g.leaveLocked(m)
}

func (g *Group) leaveLocked(m member) {
	delete(g.circle.members, m)
	if len(g.circle.members) == 0 && g.empty != nil {
		close(g.empty)
		g.empty = nil
	}
}

// ended notes the end of m, and cancels the others if that is the rule.
func (g *Group) ended(m member, err error) {
	outcome := ganger.OutcomeOf(err)
	if g.FirstFailure && outcome != ganger.Done && outcome != ganger.Cancelled {
		g.circle.cancel(&ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseGroup, Err: err}, m)
	}
	g.circle.mu.Lock()
	defer g.circle.mu.Unlock()
	if weight(outcome) > weight(ganger.OutcomeOf(g.worst)) {
		g.worst = err
	}
	g.leaveLocked(m)
}

// weight orders outcomes by how much they say about the group's work.
func weight(o ganger.Outcome) int {
	switch o {
	case ganger.Done:
		return 0
	case ganger.Cancelled:
		return 1
	case ganger.Rejected, ganger.Expired:
		return 2
	case ganger.Crashed, ganger.Poisoned, ganger.Lost:
		return 3
	}
	return 4
}
