package native

import (
	"errors"
	"fmt"
	"sync"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/frame"
	"github.com/ganger-dev/ganger/wall"
)

// single is a session with one slot. The goroutine that performs a call writes
// its request and reads until the response, so that a small request costs one
// write and one read, and no change of goroutine.
type single[Q, R any] struct {
	link[Q, R]
	out  *outbox
	peek wall.Peeker // nil: the stream cannot tell

	// Of the goroutine that performs; one call follows the other.
	buf  []byte
	id   uint32
	over error // not nil: how the session ended

	mu      sync.Mutex // guards what follows; never held across a call
	current *wall.Call[R]
	wire    uint32 // the id of current; 0 until its request is on its way
	wanted  bool   // current is to be cancelled
	asks    *questions
}

func newSingle[Q, R any](l link[Q, R]) *single[Q, R] {
	peek, _ := l.stream.(wall.Peeker)
	return &single[Q, R]{link: l, out: newOutbox(l.stream, 0), peek: peek}
}

func (s *single[Q, R]) Slots() int { return 1 }

// Start needs a goroutine, because Run blocks; its call is its owner, and ends
// with the life at the latest.
func (s *single[Q, R]) Start(q Q, c *wall.Call[R]) { go s.Run(q, c) }

func (s *single[Q, R]) Run(q Q, c *wall.Call[R]) {
	var none R
	if s.over != nil {
		c.Finish(none, unsent(s.over))
		return
	}
	s.id = max(s.id+1, 1)
	b, lent, err := s.encode(s.buf, q)
	if err != nil {
		c.Finish(none, err)
		return
	}
	frame.SetID(b, s.id)
	if cap(b) <= 1<<20 { // one big request must not hold its memory for ever
		s.buf = b
	}
	if s.early() {
		s.over = fmt.Errorf("%w: %w", wall.ErrEarly, errUnasked)
		c.Finish(none, s.over)
		return
	}
	s.mu.Lock()
	s.current, s.wire, s.wanted = c, 0, false
	s.mu.Unlock()
	if c.Asked() != nil { // asked since it was begun, when it was not yet current
		s.leave()
		c.Finish(none, wall.ErrYielded)
		return
	}
	r, err := s.exchange(b, lent)
	s.leave()
	c.Finish(r, err)
}

var errUnasked = errors.New("bytes came although nothing was asked")

// early reports whether bytes are there that nobody asked for.
func (s *single[Q, R]) early() bool {
	return s.in.Buffered() > 0 || s.peek != nil && s.peek.Waiting()
}

// exchange sends the frame, whose body may be lent, and reads until its response.
func (s *single[Q, R]) exchange(b, lent []byte) (R, error) {
	var end int64
	var err error
	if lent == nil {
		end, err = s.out.send(b)
	} else {
		end, err = s.out.sendLong(b, lent)
	}
	if err != nil && s.out.whole() < end {
		var none R
		s.over = unsent(err)
		return none, s.over
	}
	s.mu.Lock()
	s.wire = s.id
	wanted := s.wanted
	s.mu.Unlock()
	if wanted {
		s.sendCancel(s.id)
	}
	return s.await(end)
}

// await reads until the response of the current call.
func (s *single[Q, R]) await(end int64) (r R, err error) {
	for {
		h, body, err := s.in.Next()
		if err != nil {
			s.over = ended(err)
			return r, outcome(end, s.taken(s.out.whole()), s.over)
		}
		if h.ID != s.id {
			s.over = broken("a %s of request %d came, which is not in hand", h.Kind, h.ID)
			return r, s.over
		}
		switch h.Kind {
		case frame.Response:
			r, err := s.decode(body)
			if errors.Is(err, wall.ErrBroken) {
				s.over = err
			}
			return r, err
		case frame.Cancelled:
			return r, wall.ErrYielded
		case frame.Error:
			f, err := parseFailure(body)
			if err != nil {
				s.over = broken("%v", err)
				return r, s.over
			}
			if f.Cause == ganger.CausePanic {
				s.over = wall.ErrGone // it is about to end, and takes nothing more
			}
			return r, f.verdict()
		case frame.Feedback:
			if host := s.current.Host; host != nil {
				host.Feedback(body)
			}
		case frame.Ask:
			if !s.questions().ask(h, body) {
				s.over = broken("more than %d questions are unanswered", maxQuestions)
				return r, s.over
			}
		default:
			s.over = broken("a worker must not send a %s", h.Kind)
			return r, s.over
		}
	}
}

// questions returns those of the current call. The goroutine that performs
// alone sets current, so it may read it without the lock.
func (s *single[Q, R]) questions() *questions {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asks == nil {
		s.asks = newQuestions(s.current.Host, func(b []byte) { _, _ = s.out.send(b) })
		if s.wanted {
			s.asks.cancel(why(s.current.Asked()))
		}
	}
	return s.asks
}

// leave ends what belongs to the current call: from here on it is not cancelled.
func (s *single[Q, R]) leave() {
	s.mu.Lock()
	asks := s.asks
	s.current, s.wire, s.wanted, s.asks = nil, 0, false, nil
	s.mu.Unlock()
	if asks != nil {
		asks.end()
	}
}

func (s *single[Q, R]) Cancel(c *wall.Call[R]) bool {
	s.mu.Lock()
	if s.current != c || s.wanted {
		s.mu.Unlock()
		return true
	}
	s.wanted = true
	asks, id := s.asks, s.wire
	s.mu.Unlock()
	if asks != nil {
		asks.cancel(why(c.Asked()))
	}
	if id != 0 { // else exchange sends it behind the request
		s.sendCancel(id)
	}
	return true
}

// sendCancel does not wait: a worker that reads nothing would hold it up. The
// goroutine ends with the write, which ends with the life.
func (s *single[Q, R]) sendCancel(id uint32) {
	go func() { _, _ = s.out.send(frame.Append(nil, frame.Header{Kind: frame.Cancel, ID: id})) }()
}

// Bye says so and ends the writing; as with a cancel nobody waits for it.
func (s *single[Q, R]) Bye() {
	go func() {
		_, _ = s.out.send(frame.Append(nil, frame.Header{Kind: frame.Bye}))
		_ = s.stream.Close()
	}()
}
