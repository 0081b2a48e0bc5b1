package native

import (
	"fmt"
	"sync"

	"github.com/ganger-dev/ganger/internal/frame"
	"github.com/ganger-dev/ganger/wall"
)

// An id on the wire is the index of a slot and, above it, how often that slot
// was used, so that an answer to a request of long ago is known for one.
const slotBits = 12 // maxSlots is 1 << slotBits

// much is how many bytes are not kept back for the sake of one write.
const much = 16 << 10

// multi is a session with several slots. One goroutine reads, one writes; both
// end with the stream. The reader never writes what might block and never waits
// for the worker to read: with both pipes full, neither side could go on.
//
// What is started while the reader works through the frames that it has, as
// from the end of a call, is written when it is about to wait for more, or when
// it is half of all that is in hand: so the worker has one half while the reader
// has the other, and neither waits. As much as the stream takes without blocking
// is written by whoever has it, the reader too, because a change of goroutine
// costs more than the write.
type multi[Q, R any] struct {
	link[Q, R]
	room   int64         // what a write takes for sure when the worker has taken all before
	wake   chan struct{} // one token: there is something to write
	done   chan struct{} // closed when the reader has ended
	memory sync.Pool     // *[]byte, to encode in

	// The lock of out guards what follows.
	out      *outbox
	slots    []slot[R]
	free     []int
	kept     int   // requests that wait to be written
	draining bool  // the reader will see to the writing before it waits
	acked    int64 // the worker took at least what is before this offset
	over     error // not nil: nothing can be started any more
}

// slot is the place of one request.
type slot[R any] struct {
	id     uint32        // of its last request
	call   *wall.Call[R] // nil: not in hand
	end    int64         // the offset at which its request ends
	wanted bool          // it is to be cancelled
	lent   bool          // its body is written from where it lies
	asks   *questions
}

func newMulti[Q, R any](l link[Q, R], slots int) *multi[Q, R] {
	s := &multi[Q, R]{
		link: l, out: newOutbox(l.stream, 0), slots: make([]slot[R], slots),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	s.memory.New = func() any { return new([]byte) }
	if r, ok := l.stream.(wall.Roomer); ok {
		s.room = int64(r.Room())
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
	m := s.memory.Get().(*[]byte)
	b, lent, err := s.encode(*m, q)
	if err != nil {
		c.Finish(none, err)
		return
	}
	o := s.out
	o.mu.Lock()
	p, err := s.takeLocked()
	if err != nil {
		o.mu.Unlock()
		c.Finish(none, unsent(err))
		return
	}
	p.call, p.wanted, p.lent = c, false, lent != nil
	c.Tag = uint64(p.id)
	frame.SetID(b, p.id)
	switch {
	case lent != nil:
		p.end = o.lendLocked(b, lent)
	case len(b) >= long:
		p.end = o.lendLocked(nil, b)
		b = nil // no longer ours
	default:
		p.end = o.addLocked(b)
	}
	s.kept++
	keep := s.draining && 2*s.kept < len(s.slots)-len(s.free) && o.waitingLocked() < much
	more, err := true, o.err
	if !keep {
		more, err = s.putLocked()
	}
	o.mu.Unlock()
	*m = b
	s.memory.Put(m)
	if !keep {
		s.handOver(more, err)
	}
	if c.Asked() != nil { // asked since it was begun, when it had no slot
		s.Cancel(c)
	}
}

// takeLocked takes a free slot and gives it its next id.
func (s *multi[Q, R]) takeLocked() (*slot[R], error) {
	n := len(s.free)
	switch {
	case s.over != nil:
		return nil, s.over
	case s.gone():
		return nil, wall.ErrGone // its reader may not have heard of it yet
	case n == 0:
		s.out.mu.Unlock()
		panic(fmt.Sprintf("native: a call was started while all %d slots were in use", len(s.slots)))
	}
	p := &s.slots[s.free[n-1]]
	s.free = s.free[:n-1]
	p.id += 1 << slotBits
	if p.id < 1<<slotBits { // so many requests were there: begin again
		p.id += 1 << slotBits
	}
	return p, nil
}

// putLocked writes what waits if the stream takes it at once, and reports what
// is left to do by handOver.
func (s *multi[Q, R]) putLocked() (more bool, err error) {
	s.kept = 0
	return s.out.flushUntilLocked(s.acked + s.room)
}

// handOver has the writer write what could not be written at once.
func (s *multi[Q, R]) handOver(more bool, err error) {
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
	s.out.mu.Lock()
	whole := s.out.offered
	if s.over == nil {
		s.over = unsent(err)
	}
	lost := s.collectLocked(func(p *slot[R]) bool { return p.end > whole })
	s.out.mu.Unlock()
	for _, c := range lost {
		var none R
		c.finish(none, unsent(err))
	}
}

// leaving is a call that was taken out of its slot.
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
	s.out.mu.Lock()
	if s.over == nil {
		s.over = err
	}
	rest := s.collectLocked(func(*slot[R]) bool { return true })
	s.out.mu.Unlock()
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
	s.out.mu.Lock()
	s.draining = false
	more, err := s.putLocked()
	s.out.mu.Unlock()
	s.handOver(more, err)
}
