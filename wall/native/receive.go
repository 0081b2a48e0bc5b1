package native

import (
	"errors"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/frame"
	"github.com/ganger-dev/ganger/wall"
)

// handle does what one frame says. Its error ends the session.
func (s *multi[Q, R]) handle(h frame.Header, body []byte) error {
	switch h.Kind {
	case frame.Response, frame.Cancelled, frame.Error:
		return s.answered(h, body)
	case frame.Feedback:
		c, err := s.inHand(h)
		if err == nil && c.Host != nil {
			s.drained() // the reader may be held up
			c.Host.Feedback(body)
		}
		return err
	case frame.Ask:
		asks, err := s.questions(h)
		if err == nil && !asks.ask(h, body) {
			err = broken("more than %d questions are unanswered", maxQuestions)
		}
		return err
	}
	return broken("a worker must not send a %s", h.Kind)
}

// answered ends the call that a frame answers.
func (s *multi[Q, R]) answered(h frame.Header, body []byte) error {
	s.out.mu.Lock()
	p, err := s.findLocked(h)
	if err == nil && p.lent {
		err = s.repaidLocked(p, h)
	}
	if err != nil {
		s.out.mu.Unlock()
		return err
	}
	c := s.leaveLocked(p)
	s.out.mu.Unlock()
	var r R
	switch h.Kind {
	case frame.Response:
		r, err = s.decode(body)
	case frame.Cancelled:
		err = wall.ErrYielded
	default:
		f, nonsense := parseFailure(body)
		if nonsense != nil {
			err = broken("%v", nonsense)
			break
		}
		if err = f.verdict(); f.Cause == ganger.CausePanic {
			s.out.mu.Lock()
			s.over = wall.ErrGone // it is about to end, and takes nothing more
			s.out.mu.Unlock()
		}
	}
	if err != nil {
		s.drained() // to end a failure may take a while, and what is kept back must not wait for it
	}
	c.finish(r, err)
	if errors.Is(err, wall.ErrBroken) {
		return err
	}
	return nil
}

// repaidLocked sees to it that nobody reads a lent body any more when its call
// ends. The worker has all of it, so its write is over or just returning.
func (s *multi[Q, R]) repaidLocked(p *slot[R], h frame.Header) error {
	if p.end > s.out.offered {
		return broken("a %s of request %d came before the end of the request was sent", h.Kind, h.ID)
	}
	s.out.passLocked(p.end)
	return nil
}

// findLocked finds the request that a frame is about. While the reader has
// frames at hand, it takes care of what is started meanwhile.
func (s *multi[Q, R]) findLocked(h frame.Header) (*slot[R], error) {
	s.draining = true
	if i := int(h.ID % (1 << slotBits)); i < len(s.slots) {
		if p := &s.slots[i]; p.id == h.ID && p.call != nil {
			return p, nil
		}
	}
	return nil, broken("a %s of request %d came, which is not in hand", h.Kind, h.ID)
}

// inHand returns the call that a frame is about.
func (s *multi[Q, R]) inHand(h frame.Header) (*wall.Call[R], error) {
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	p, err := s.findLocked(h)
	if err != nil {
		return nil, err
	}
	return p.call, nil
}

// questions returns those of the call that a frame is about.
func (s *multi[Q, R]) questions(h frame.Header) (*questions, error) {
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	p, err := s.findLocked(h)
	if err != nil {
		return nil, err
	}
	if p.asks == nil {
		p.asks = newQuestions(p.call.Host, func(b []byte) { _, _ = s.out.send(b) })
		if p.wanted {
			p.asks.cancel(why(p.call.Asked()))
		}
	}
	return p.asks, nil
}

func (s *multi[Q, R]) Cancel(c *wall.Call[R]) bool {
	s.out.mu.Lock()
	p := &s.slots[c.Tag%(1<<slotBits)%uint64(len(s.slots))]
	if p.call != c || p.wanted {
		s.out.mu.Unlock()
		return true
	}
	p.wanted = true
	asks := p.asks
	s.out.addLocked(frame.Append(nil, frame.Header{Kind: frame.Cancel, ID: p.id}))
	s.out.mu.Unlock()
	if asks != nil {
		asks.cancel(why(c.Asked()))
	}
	s.rouse()
	return true
}

// Bye says so and ends the writing. Nobody waits for it: a worker that reads
// nothing would hold it up. The goroutine ends with the life.
func (s *multi[Q, R]) Bye() {
	go func() {
		_, _ = s.out.send(frame.Append(nil, frame.Header{Kind: frame.Bye}))
		_ = s.stream.Close()
	}()
}
