package native

import (
	"fmt"
	"sync"

	"github.com/ganger-dev/ganger/wall"
)

// An id on the wire is the index of a slot and, above it, how often that slot
// was used, so that an answer to a request of long ago is known for one.
const slotBits = 12 // maxSlots is 1 << slotBits

// atOnce is how much can be written to a stream that buffers without blocking,
// if it is empty: the least that a pipe holds.
const atOnce = 4 << 10

// multi is a session with several slots. One goroutine reads, one writes; both
// end with the stream. The reader never writes and never waits for the worker
// to read: with both pipes full, neither side could go on.
//
// What is started while the reader works through the frames that it has, as
// from the end of a call, is written when it is about to wait for more. A little
// is written by whoever has it, the reader too, because a change of goroutine
// costs more than the write: what the worker has not taken yet and what waits
// are then together less than any pipe holds, so that the write cannot block.
type multi[Q, R any] struct {
	link[Q, R]
	out    *outbox
	little int64         // see atOnce
	wake   chan struct{} // one token: there is something to write
	done   chan struct{} // closed when the reader has ended

	mu       sync.Mutex // guards what follows; held across out.add alone, which does not block
	slots    []slot[R]
	free     []int
	draining bool  // the reader will see to the writing before it waits
	acked    int64 // the worker took at least what is before this offset
	over     error // not nil: nothing can be started any more
}

// slot is the place of one request. From its taking until its request is in the
// outbox it belongs to the goroutine that starts; then the lock guards it.
type slot[R any] struct {
	id     uint32        // of its last request
	call   *wall.Call[R] // nil: not in hand
	end    int64         // the offset at which its request ends
	wanted bool          // it is to be cancelled
	asks   *questions
	buf    []byte
}

func newMulti[Q, R any](l link[Q, R], slots int) *multi[Q, R] {
	s := &multi[Q, R]{
		link: l, out: newOutbox(l.stream, 0), slots: make([]slot[R], slots),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	if _, ok := l.stream.(wall.Unreader); ok { // a stream that buffers, else it could not tell
		s.little = atOnce
	}
	for i := slots - 1; i >= 0; i-- {
		s.slots[i].id = uint32(i)
		s.free = append(s.free, i)
	}
	go s.read()  // ends with the stream
	go s.write() // ends with the reader
	return s
}

func (s *multi[Q, R]) Slots() int { return len(s.slots) }

func (s *multi[Q, R]) Start(q Q, c *wall.Call[R]) {
	var none R
	p, err := s.take()
	if err != nil {
		c.Finish(none, unsent(err))
		return
	}
	id := p.id + 1<<slotBits
	if id < 1<<slotBits { // so many requests were there: begin again
		id += 1 << slotBits
	}
	b, err := s.encode(p.buf, id, q)
	if err == nil && cap(b) <= 64<<10 {
		p.buf = b
	}
	s.mu.Lock()
	if err == nil && s.over != nil {
		err = unsent(s.over)
	}
	if err != nil {
		s.free = append(s.free, int(id%(1<<slotBits)))
		s.mu.Unlock()
		c.Finish(none, err)
		return
	}
	p.id, p.call, p.wanted = id, c, false
	c.Tag = uint64(id)
	p.end, _ = s.out.add(b)
	draining, until := s.draining, s.acked+s.little
	s.mu.Unlock()
	if !draining {
		s.put(until)
	}
	if c.Asked() != nil { // asked since it was begun, when it had no slot
		s.Cancel(c)
	}
}

// take takes a free slot.
func (s *multi[Q, R]) take() (*slot[R], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch n := len(s.free); {
	case s.over != nil:
		return nil, s.over
	case s.gone():
		return nil, wall.ErrGone // its reader may not have heard of it yet
	case n == 0:
		panic(fmt.Sprintf("native: a call was started while all %d slots were in use", len(s.slots)))
	default:
		p := &s.slots[s.free[n-1]]
		s.free = s.free[:n-1]
		return p, nil
	}
}

// put has what waits written: at once if it is little and ends at an offset of
// at most until, by the writer otherwise.
func (s *multi[Q, R]) put(until int64) {
	more, err := s.out.flushUntil(until)
	if err != nil {
		s.unwritten(err)
	} else if more {
		s.rouse()
	}
}

// rouse makes the writer look at the outbox.
func (s *multi[Q, R]) rouse() {
	select {
	case s.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// write writes what is queued until the reader has ended.
func (s *multi[Q, R]) write() {
	for {
		select {
		case <-s.wake:
		case <-s.done:
			return
		}
		if err := s.out.flush(); err != nil {
			s.unwritten(err)
			return
		}
	}
}

// unwritten ends what the stream did not take whole: it can never be answered.
// The reader goes on for the rest.
func (s *multi[Q, R]) unwritten(err error) {
	whole := s.out.whole()
	s.mu.Lock()
	if s.over == nil {
		s.over = unsent(err)
	}
	lost := s.collectLocked(func(p *slot[R]) bool { return p.end > whole })
	s.mu.Unlock()
	for _, c := range lost {
		var none R
		c.finish(none, unsent(err))
	}
}

// taken is a call that was taken out of its slot.
type leaving[R any] struct {
	call *wall.Call[R]
	end  int64
	asks *questions
}

// finish ends the call. If the worker asks, that has to end first, for which
// nobody else should wait.
func (c leaving[R]) finish(r R, err error) {
	if c.asks == nil {
		c.call.Finish(r, err)
		return
	}
	go func() { // owned by the call
		c.asks.end()
		c.call.Finish(r, err)
	}()
}

// collectLocked takes the calls of those slots in hand that are chosen.
func (s *multi[Q, R]) collectLocked(choose func(*slot[R]) bool) []leaving[R] {
	var all []leaving[R]
	for i := range s.slots {
		if p := &s.slots[i]; p.call != nil && choose(p) {
			all = append(all, s.leaveLocked(p))
		}
	}
	return all
}

func (s *multi[Q, R]) leaveLocked(p *slot[R]) leaving[R] {
	c := leaving[R]{p.call, p.end, p.asks}
	s.acked = max(s.acked, p.end) // a worker reads in order
	p.call, p.asks = nil, nil
	s.free = append(s.free, int(p.id%(1<<slotBits)))
	return c
}

// read reads until the stream ends or the worker breaks the protocol, and ends
// what is in hand then.
func (s *multi[Q, R]) read() {
	err := s.receive()
	s.mu.Lock()
	if s.over == nil {
		s.over = err
	}
	rest := s.collectLocked(func(*slot[R]) bool { return true })
	s.mu.Unlock()
	close(s.done)
	if s.gone() {
		s.out.rest() // now it is certain what was not taken
	}
	taken := s.taken(s.out.whole())
	for _, c := range rest {
		var none R
		c.finish(none, outcome(c.end, taken, err))
	}
}

func (s *multi[Q, R]) receive() error {
	for {
		if !s.in.Ready() {
			s.drained()
		}
		h, body, err := s.in.Next()
		if err != nil {
			return ended(err)
		}
		if err := s.handle(h, body); err != nil {
			return err
		}
	}
}

// drained says that the reader is about to wait.
func (s *multi[Q, R]) drained() {
	s.mu.Lock()
	s.draining = false
	until := s.acked + s.little
	s.mu.Unlock()
	s.put(until)
}
