package pool

// queue holds the tasks that wait for a life, in the order in which they will
// be offered to one. It is used under the pool's lock and keeps none of its
// own. A journal and a cluster will be other implementations.
type queue[E any] interface {
	push(E) // to its place in the order
	// pop removes and returns the first entry that match accepts; a nil match
	// accepts any.
	pop(match func(E) bool) (E, bool)
	remove(E) // which must be in this queue
	each(yield func(E) bool)
	len() int
}

// links make a value a member of one queue at a time; embed it.
type links[E any] struct {
	prev, next E      // neighbours in a list; children in a tree
	up         E      // in a tree: the parent
	weight     uint32 // in a tree: no parent's is greater
}

type linked[E any] interface {
	comparable
	list() *links[E]
}

// list is a queue in memory whose entries come almost in order: doubly linked
// through them, so that removal from the middle, which a cancel is, costs what a
// pop does. An entry that comes before the last is looked for its place from the
// front, where tasks that run again belong. Without an order all come last.
type list[E linked[E]] struct {
	before      func(a, b E) bool // a total order; nil: none
	first, last E
	n           int
}

func (l *list[E]) len() int { return l.n }

func (l *list[E]) push(e E) {
	var none E
	k := e.list()
	next := none
	if l.last != none && l.before != nil && l.before(e, l.last) {
		next = l.first
		for next != none && l.before(next, e) {
			next = next.list().next
		}
	}
	k.next = next
	if next != none {
		k.prev = next.list().prev
		next.list().prev = e
	} else {
		k.prev = l.last
		l.last = e
	}
	if k.prev != none {
		k.prev.list().next = e
	} else {
		l.first = e
	}
	l.n++
}

func (l *list[E]) remove(e E) {
	var none E
	k := e.list()
	if k.prev != none {
		k.prev.list().next = k.next
	} else {
		l.first = k.next
	}
	if k.next != none {
		k.next.list().prev = k.prev
	} else {
		l.last = k.prev
	}
	k.prev, k.next = none, none
	l.n--
}

func (l *list[E]) pop(match func(E) bool) (E, bool) {
	var none E
	for e := l.first; e != none; e = e.list().next {
		if match == nil || match(e) {
			l.remove(e)
			return e, true
		}
	}
	return none, false
}

func (l *list[E]) each(yield func(E) bool) {
	var none E
	for e := l.first; e != none; e = e.list().next {
		if !yield(e) {
			return
		}
	}
}
