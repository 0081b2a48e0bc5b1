package jsonl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// session speaks for one stream. Its two goroutines end with the stream; the one
// that reads never writes, because a worker may answer while it still reads.
type session[Q, R any] struct {
	stream  wall.Stream
	in      *reader
	slots   int
	cancels bool          // the worker listens to cancels
	wake    chan struct{} // one token: there is something to write
	done    chan struct{} // closed when the reader has ended

	mu      sync.Mutex // guards what follows; never held across a call
	last    uint64     // id given out
	inHand  map[uint64]pending[R]
	queue   []byte
	added   int64 // bytes ever queued
	offered int64 // bytes that the stream took, or may just be taking
	writing bool
	written sync.Cond // writing is over
	bye     bool      // close when the queue is written
	over    error     // not nil: nothing can be started any more
}

// pending is a call in hand, whose request ends at an offset of what is written.
type pending[R any] struct {
	call   *wall.Call[R]
	end    int64
	wanted bool // it is to be cancelled
}

func newSession[Q, R any](s wall.Stream, in *reader, slots int, cancels bool) *session[Q, R] {
	n := &session[Q, R]{
		stream: s, in: in, slots: slots, cancels: cancels,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		inHand: make(map[uint64]pending[R]),
	}
	n.written.L = &n.mu
	go n.read()  // ends with the stream
	go n.write() // ends with the reader
	return n
}

func (s *session[Q, R]) Slots() int { return s.slots }

func (s *session[Q, R]) Start(q Q, c *wall.Call[R]) {
	var none R
	body, err := encode(q)
	if err != nil {
		c.Finish(none, &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseEncode, Err: err})
		return
	}
	s.mu.Lock()
	over := s.over
	if over == nil && s.gone() {
		over = wall.ErrGone // the reader may not have heard of it yet
	}
	if over != nil {
		s.mu.Unlock()
		c.Finish(none, unsent(over))
		return
	}
	s.last++
	id := s.last
	c.Tag = id
	s.queueLocked(fmt.Appendf(nil, `{"id":%d,"request":`, id), body, []byte("}\n"))
	s.inHand[id] = pending[R]{call: c, end: s.added}
	s.mu.Unlock()
	s.rouse()
	if c.Asked() != nil { // asked since it was begun, when it was not in hand
		s.Cancel(c)
	}
}

// encode makes JSON without newlines of a request.
func encode[Q any](q Q) ([]byte, error) {
	if raw, ok := any(q).(json.RawMessage); ok && raw != nil {
		if !json.Valid(raw) {
			return nil, fmt.Errorf("this is no JSON: %q", clip(raw))
		}
		if bytes.IndexByte(raw, '\n') < 0 {
			return raw, nil
		}
		var b bytes.Buffer
		err := json.Compact(&b, raw)
		return b.Bytes(), err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(q)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func (s *session[Q, R]) queueLocked(parts ...[]byte) {
	for _, p := range parts {
		s.queue = append(s.queue, p...)
		s.added += int64(len(p))
	}
}

// gone reports whether the life is known to have ended.
func (s *session[Q, R]) gone() bool {
	select {
	case <-s.stream.Gone():
		return true
	default:
		return false
	}
}

func (s *session[Q, R]) rouse() {
	select {
	case s.wake <- struct{}{}:
	default: // the writer will look anyway
	}
}

func (s *session[Q, R]) Cancel(c *wall.Call[R]) bool {
	if !s.cancels {
		return false
	}
	s.mu.Lock()
	p, ok := s.inHand[c.Tag]
	if !ok || p.call != c || p.wanted {
		s.mu.Unlock()
		return true
	}
	p.wanted = true
	s.inHand[c.Tag] = p
	s.queueLocked([]byte(`{"cancel":` + strconv.FormatUint(c.Tag, 10) + "}\n"))
	s.mu.Unlock()
	s.rouse()
	return true
}

// Bye ends the writing behind what is queued.
func (s *session[Q, R]) Bye() {
	s.mu.Lock()
	s.bye = true
	s.mu.Unlock()
	s.rouse()
}

// write writes what is queued until the reader has ended.
func (s *session[Q, R]) write() {
	var spare []byte
	for {
		s.mu.Lock()
		b, bye := s.queue, s.bye
		s.queue = spare[:0]
		s.offered += int64(len(b))
		s.writing = len(b) > 0
		s.mu.Unlock()
		if len(b) > 0 {
			n, err := s.stream.Write(b)
			s.mu.Lock()
			s.offered -= int64(len(b) - n)
			s.writing = false
			s.written.Broadcast()
			s.mu.Unlock()
			if n < len(b) {
				s.unwritten(err)
				return
			}
		}
		if spare = b; cap(spare) > 1<<20 {
			spare = nil // one long request must not hold its memory for ever
		}
		if bye {
			_ = s.stream.Close()
			return
		}
		select {
		case <-s.wake:
		case <-s.done:
			return
		}
	}
}

// unwritten ends what the stream did not take whole: it can never be answered.
// The reader goes on for the rest.
func (s *session[Q, R]) unwritten(err error) {
	why := unsent(fmt.Errorf("%w: the request could not be written: %w", wall.ErrGone, err))
	s.mu.Lock()
	if s.over == nil {
		s.over = why
	}
	whole := s.offered
	lost := s.collectLocked(func(p pending[R]) bool { return p.end > whole })
	s.mu.Unlock()
	for _, p := range lost {
		var none R
		p.call.Finish(none, why)
	}
}

func (s *session[Q, R]) collectLocked(choose func(pending[R]) bool) []pending[R] {
	var all []pending[R]
	for id, p := range s.inHand {
		if choose(p) {
			delete(s.inHand, id)
			all = append(all, p)
		}
	}
	return all
}

// read reads until the stream ends or the worker breaks the protocol, and ends
// what is in hand then.
func (s *session[Q, R]) read() {
	err := s.receive()
	s.mu.Lock()
	if s.over == nil {
		s.over = err
	}
	for s.writing && s.gone() { // no write lasts then, and it is certain what was not taken
		s.written.Wait()
	}
	taken := s.offered
	rest := s.collectLocked(func(pending[R]) bool { return true })
	s.mu.Unlock()
	close(s.done)
	if u, ok := s.stream.(wall.Unreader); ok {
		if n, known := u.Unread(); known {
			taken -= int64(n)
		}
	}
	for _, p := range rest {
		var none R
		if p.end > taken {
			p.call.Finish(none, unsent(err))
			continue
		}
		p.call.Finish(none, err)
	}
}

func (s *session[Q, R]) receive() error {
	for {
		l, seen, err := s.in.next()
		if err == nil {
			err = s.handle(l, seen)
		}
		if err != nil {
			return err
		}
	}
}

// handle does what one line says. Its error ends the session.
func (s *session[Q, R]) handle(l line, seen []byte) error {
	if l.ID == nil {
		return broken("a line without an id: %q", clip(seen))
	}
	ends := l.Response != nil || l.Error != nil || l.Cancelled
	s.mu.Lock()
	p, ok := s.inHand[*l.ID]
	if ends {
		delete(s.inHand, *l.ID)
	}
	s.mu.Unlock()
	if !ok {
		return broken("a line about request %d, which is not in hand: %q", *l.ID, clip(seen))
	}
	if l.Feedback != nil && p.call.Host != nil && !(ends && string(l.Feedback) == "null") {
		p.call.Host.Feedback(l.Feedback)
	}
	if !ends {
		if l.Feedback == nil {
			return broken("a line that says nothing of request %d: %q", *l.ID, clip(seen))
		}
		return nil
	}
	r, err := result[R](l)
	p.call.Finish(r, err)
	if errors.Is(err, wall.ErrBroken) {
		return err
	}
	return nil
}

// result is what a line that ends a request says of it.
func result[R any](l line) (R, error) {
	var r R
	switch {
	case l.Error != nil:
		f, err := l.failure()
		if err == nil {
			err = f
		}
		return r, err
	case l.Cancelled:
		return r, wall.ErrYielded
	}
	if err := json.Unmarshal(l.Response, &r); err != nil {
		return r, &ganger.Error{
			Outcome: ganger.Failed, Cause: ganger.CauseEncode,
			Err: fmt.Errorf("the response: %w: it begins with %q", err, clip(l.Response)),
		}
	}
	return r, nil
}

// unsent keeps why, so that a life that closed its end, and lives on, is ended.
func unsent(why error) error { return fmt.Errorf("%w: %w", wall.ErrUnsent, why) }
