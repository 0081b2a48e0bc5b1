package pool

import "math/rand/v2"

// tree is the queue in memory for tasks that come in any order: a treap (Seidel
// and Aragon, Randomized Search Trees, 1996) linked through its entries, with
// parents, so that an entry is removed without asking the order, which its user
// may have got wrong. Pushes and removals cost O(log n) on the average.
type tree[E linked[E]] struct {
	before func(a, b E) bool // a total order
	root   E
	n      int
}

func (t *tree[E]) len() int { return t.n }

func (t *tree[E]) push(e E) {
	var none E
	*e.list() = links[E]{weight: rand.Uint32()}
	t.n++
	if t.root == none {
		t.root = e
		return
	}
	for at := t.root; ; {
		side := &at.list().next
		if t.before(e, at) {
			side = &at.list().prev
		}
		if *side != none {
			at = *side
			continue
		}
		*side, e.list().up = e, at
		break
	}
	for k := e.list(); k.up != none && k.weight > k.up.list().weight; {
		t.raise(e)
	}
}

// raise rotates e above its parent.
func (t *tree[E]) raise(e E) {
	var none E
	k := e.list()
	p := k.up
	up := p.list()
	if up.prev == e {
		up.prev, k.next = k.next, p
		if up.prev != none {
			up.prev.list().up = p
		}
	} else {
		up.next, k.prev = k.prev, p
		if up.next != none {
			up.next.list().up = p
		}
	}
	k.up, up.up = up.up, e
	t.replace(p, e, k.up)
}

// replace makes e the child of up, or the root, that old was.
func (t *tree[E]) replace(old, e, up E) {
	var none E
	switch {
	case up == none:
		t.root = e
	case up.list().prev == old:
		up.list().prev = e
	default:
		up.list().next = e
	}
}

func (t *tree[E]) remove(e E) {
	var none E
	k := e.list()
	for k.prev != none && k.next != none {
		if k.prev.list().weight > k.next.list().weight {
			t.raise(k.prev)
		} else {
			t.raise(k.next)
		}
	}
	child := k.prev
	if child == none {
		child = k.next
	}
	if child != none {
		child.list().up = k.up
	}
	t.replace(e, child, k.up)
	*k = links[E]{}
	t.n--
}

func (t *tree[E]) pop(match func(E) bool) (E, bool) {
	for e := range t.each {
		if match == nil || match(e) {
			t.remove(e)
			return e, true
		}
	}
	var none E
	return none, false
}

// each yields the entries in order; the one that was yielded may be removed
// only if no more are asked for.
func (t *tree[E]) each(yield func(E) bool) {
	var none E
	e := t.root
	for e != none && e.list().prev != none {
		e = e.list().prev
	}
	for e != none {
		if !yield(e) {
			return
		}
		if next := e.list().next; next != none {
			for e = next; e.list().prev != none; {
				e = e.list().prev
			}
			continue
		}
		below := e
		for e = e.list().up; e != none && e.list().next == below; {
			below, e = e, e.list().up
		}
	}
}
