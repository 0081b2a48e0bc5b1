package pool

// queue holds the tasks that wait for a life, in the order in which they will
// be offered to one. It is used under the pool's lock and keeps none of its
// own. A journal and a cluster will be other implementations.
type queue[E any] interface {
	push(E)      // behind all others
	pushFront(E) // before all others
	// pop removes and returns the first entry that match accepts; a nil match
	// accepts any.
	pop(match func(E) bool) (E, bool)
	remove(E) // which must be in this queue
	each(yield func(E) bool)
	len() int
}

// links make a value a member of one list at a time; embed it.
type links[E any] struct{ prev, next E }

type linked[E any] interface {
	comparable
	list() *links[E]
}

// list is the queue in memory: doubly linked through its entries, so that
// removal from the middle, which a cancel is, costs what a pop does. The zero
// list is empty.
type list[E linked[E]] struct {
	first, last E
	n           int
}

func (l *list[E]) len() int { return l.n }

func (l *list[E]) push(e E) {
	var none E
	k := e.list()
	k.prev, k.next = l.last, none
	if l.last != none {
		l.last.list().next = e
	} else {
		l.first = e
	}
	l.last = e
	l.n++
}

func (l *list[E]) pushFront(e E) {
	var none E
	k := e.list()
	k.prev, k.next = none, l.first
	if l.first != none {
		l.first.list().prev = e
	} else {
		l.last = e
	}
	l.first = e
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
