package pool

// commits is what has to be told to Kind.Commit: a tree of tasks, each below the
// one that it came of, and a place in it up to which all was told. The order is
// that of the tree from above and from the left: a task, then what came of it,
// then the next that was submitted. It depends on no schedule. It is guarded by
// the pool's lock.
type commits[T, Q, R, C any] struct {
	cursor  *commit[T, Q, R, C] // the next; nil when there is none
	last    *commit[T, Q, R, C] // of those that came of no other
	waiting int                 // ended, not told
	busy    bool                // somebody is telling
}

// commit is the place of one task.
type commit[T, Q, R, C any] struct {
	value       T
	end         *End[R] // nil while it has not ended
	up          *commit[T, Q, R, C]
	next        *commit[T, Q, R, C]
	first, last *commit[T, Q, R, C] // that came of it
}

// appendLocked gives e, which was just accepted, its place. parent has not been
// told yet, if there is one.
func (x *commits[T, Q, R, C]) appendLocked(e, parent *entry[T, Q, R, C]) {
	e.commit = &commit[T, Q, R, C]{value: e.Value}
	if parent != nil {
		up := parent.commit
		e.commit.up = up
		if up.last == nil {
			up.first = e.commit
		} else {
			up.last.next = e.commit
		}
		up.last = e.commit
		return
	}
	if x.last != nil {
		x.last.next = e.commit
	}
	x.last = e.commit
	if x.cursor == nil {
		x.cursor = e.commit
	}
}

// stepLocked moves past the place at the cursor, which was told. All that came of
// it is known.
func (x *commits[T, Q, R, C]) stepLocked() {
	at := x.cursor
	if first := at.first; first != nil {
		if at.next == nil && at.up != nil { // nothing is left between: a chain must not keep all its past
			for k := first; k != nil; k = k.next {
				k.up = at.up
			}
		}
		x.cursor, at.first, at.last = first, nil, nil
		return
	}
	for at.next == nil && at.up != nil {
		at = at.up
	}
	x.cursor, at.next = at.next, nil // who holds an old ticket must not hold all that came after
}

// commitEnd notes the end of e, and tells what can be told now. It returns when
// that is done, here or on a goroutine that is at it already.
func (c *core[T, Q, R, C]) commitEnd(e *entry[T, Q, R, C], end End[R]) {
	c.mu.Lock()
	x := &c.commits
	e.commit.end = &end
	x.waiting++
	if x.busy {
		c.mu.Unlock()
		return
	}
	x.busy = true
	for x.cursor != nil && x.cursor.end != nil {
		at := x.cursor
		c.mu.Unlock()
		c.kind.Commit(at.value, *at.end)
		c.mu.Lock()
		x.stepLocked()
		x.waiting--
		c.open--
		signal(c.roomLocked())
	}
	x.busy = false
	c.changedLocked()
	c.mu.Unlock()
}
