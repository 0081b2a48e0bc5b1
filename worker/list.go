package worker

// list is a queue of requests from which any can be taken. The links are in the
// requests, so that it allocates nothing and an idle mailbox is empty.
type list struct {
	first, last *item
	n           int
}

func (l *list) push(it *item) {
	it.prev, it.next = l.last, nil
	if l.last != nil {
		l.last.next = it
	} else {
		l.first = it
	}
	l.last = it
	l.n++
}

// unshift puts it in front of all others.
func (l *list) unshift(it *item) {
	it.prev, it.next = nil, l.first
	if l.first != nil {
		l.first.prev = it
	} else {
		l.last = it
	}
	l.first = it
	l.n++
}

// pop takes the oldest, nil if there is none.
func (l *list) pop() *item {
	it := l.first
	if it != nil {
		l.take(it)
	}
	return it
}

// take takes it, which is in the list.
func (l *list) take(it *item) {
	if it.prev != nil {
		it.prev.next = it.next
	} else {
		l.first = it.next
	}
	if it.next != nil {
		it.next.prev = it.prev
	} else {
		l.last = it.prev
	}
	it.prev, it.next = nil, nil
	l.n--
}
