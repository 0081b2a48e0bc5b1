package pool

import (
	"context"
	"sync"

	"github.com/ganger-dev/ganger"
)

// Group holds tasks that stand or fall together. The zero Group is ready; it
// may span pools, is safe for concurrent use and must not be copied. Tasks
// join it by [Task].Group.
type Group struct {
	// FirstFailure makes the first task that ends without success cancel the
	// others. It must not change once a task has joined.
	FirstFailure bool

	mu        sync.Mutex // guards what follows; never held across a call
	members   map[member]struct{}
	worst     error
	cancelled *ganger.Error
	empty     chan struct{} // closed when members is; nil while nobody waits
}

// member is a task of a group.
type member interface{ cancelAs(as *ganger.Error) }

// Cancel cancels every task of the group, and every one that joins it later.
// They end as Cancelled (group) with cause.
func (g *Group) Cancel(cause error) {
	g.cancel(&ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseGroup, Err: cause}, nil)
}

func (g *Group) cancel(as *ganger.Error, but member) {
	g.mu.Lock()
	if g.cancelled == nil {
		g.cancelled = as
	}
	rest := make([]member, 0, len(g.members))
	for m := range g.members {
		if m != but {
			rest = append(rest, m)
		}
	}
	g.mu.Unlock()
	for _, m := range rest {
		m.cancelAs(as)
	}
}

// Wait waits until every task that has joined so far has ended, and returns nil
// if all were done. Otherwise it returns the error that says most: one of the
// work itself (failed, timed-out) before a death, a death before a task that
// never ran, and that before a mere cancel; among equals the first. It returns
// context.Cause(ctx) if ctx ends first.
func (g *Group) Wait(ctx context.Context) error {
	g.mu.Lock()
	if len(g.members) == 0 {
		defer g.mu.Unlock()
		return g.worst
	}
	if g.empty == nil {
		g.empty = make(chan struct{})
	}
	empty := g.empty
	g.mu.Unlock()
	select {
	case <-empty:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.worst
}

// join adds m and returns what it must end as at once, nil if it may run.
func (g *Group) join(m member) *ganger.Error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.members == nil {
		g.members = make(map[member]struct{})
	}
	g.members[m] = struct{}{}
	return g.cancelled
}

// leave takes out m, which was not accepted after all.
func (g *Group) leave(m member) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.leaveLocked(m)
}

func (g *Group) leaveLocked(m member) {
	delete(g.members, m)
	if len(g.members) == 0 && g.empty != nil {
		close(g.empty)
		g.empty = nil
	}
}

// ended notes the end of m, and cancels the others if that is the rule.
func (g *Group) ended(m member, err error) {
	outcome := ganger.OutcomeOf(err)
	if g.FirstFailure && outcome != ganger.Done && outcome != ganger.Cancelled {
		g.cancel(&ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseGroup, Err: err}, m)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
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
