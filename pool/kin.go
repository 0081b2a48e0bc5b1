package pool

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/ganger-dev/ganger"
)

// errElder is why a task is cancelled whose elder is not there any more.
var errElder = errors.New("the task that submitted it has ended")

// ties are what binds a task to others: to what it came of, and to those that
// came of it. They are made before the task is accepted, or while a life has it.
type ties struct {
	task  elder
	core  any         // the task's
	elder *ties       // of the task that submitted it in mid-task, or submitted what it follows from
	of    *ties       // of the head of the family that it is of; nil for none
	heir  bool        // it follows from another
	kin   family      // those that came of it
	waits int         // of its worker's questions, for other tasks; guarded by the pool's lock
	lent  atomic.Bool // its slot is lent meanwhile; written under the pool's lock
}

// elder is a task that others may come of.
type elder interface {
	member
	// adopt makes m, which was not accepted yet, one of its family, and returns
	// what m must end as at once, nil if it may run: the attempt goes on.
	adopt(m elder, attempt any) *ganger.Error
	// lend says that the worker of the attempt waits for other tasks, until
	// reclaim is called.
	lend(attempt any) (reclaim func())
	heir() bool
}

// family is the tasks that came of one, its head. The cancel of the head reaches
// them also after its end. While one of them is left the head stays in the family
// that it is of itself, so that a cancel from above finds its way.
type family struct {
	circle
	over bool // the head has ended
}

// attempted returns those that an attempt at the head submitted; what follows from
// the head does so whatever became of it. The next attempt must not have begun.
func (f *family) attempted() (all []member) {
	for _, m := range f.others(nil) {
		if !m.(elder).heir() {
			all = append(all, m)
		}
	}
	return all
}

// leave takes m out and reports whether that was the last, of a head that ended.
func (f *family) leave(m member) (last bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.members, m)
	return f.over && len(f.members) == 0
}

// close notes the end of the head and reports whether nobody is left.
func (f *family) close() (empty bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = true
	return len(f.members) == 0
}

// ended takes the task, which has ended, out of its family, unless others need
// it there.
func (t *ties) ended() {
	if t.kin.close() {
		t.leave()
	}
}

// leave takes the task out of its family, and with the last the head out of its own.
func (t *ties) leave() {
	if t.of != nil && t.of.kin.leave(t.task) {
		t.of.leave()
	}
}

// lending reports whether a task above this one lends its slot in the pool of
// that core: then this one may be what it waits for.
func (t *ties) lending(core any) bool {
	for ; t != nil; t = t.elder {
		if t.elder != nil && t.elder.core == core && t.elder.lent.Load() {
			return true
		}
	}
	return false
}

// asker is who put a question: a task, and which attempt at it.
type asker struct {
	*ties
	attempt any // its call
}

type askerKey struct{}

// askerOf returns who put the question in whose [Kind.Ask] ctx was given, with no
// ties if there was none.
func askerOf(ctx context.Context) asker {
	by, _ := ctx.Value(askerKey{}).(asker)
	return by
}

// lendFor lends the slot of the task of ctx, if there is one, until reclaim is called.
func lendFor(ctx context.Context) (reclaim func()) {
	if by := askerOf(ctx); by.ties != nil {
		return by.task.lend(by.attempt)
	}
	return func() {}
}
