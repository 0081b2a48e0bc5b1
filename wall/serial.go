package wall

import (
	"errors"
	"sync"
)

// Serial makes a [Session] of blocking functions, for dialects in which the
// worker answers one request after the other. Authors of such dialects are
// spared the asynchronous interface and its chances to deadlock.
type Serial[Q, R any] struct {
	// Exchange writes q, reads the answer and returns it. It wraps [ErrUnsent],
	// [ErrEarly], [ErrGone] or [ErrBroken] when it comes to that; any other
	// error is the worker's own word about its work.
	Exchange func(q Q, h Host) (R, error)
	// Interrupt asks the worker to give up what it performs. It is called on
	// another goroutine, at most once during an Exchange. Nil: it cannot be asked.
	Interrupt func()
	// Resync makes the worker usable again after an interrupted Exchange, on the
	// same goroutine. Its error ends the life. Nil: nothing is needed.
	Resync func() error
}

// Over returns the session that performs on s. It has one slot and is a
// [Runner]; Start performs on a goroutine that ends with the call.
func (p Serial[Q, R]) Over(s Stream) Session[Q, R] { return &serial[Q, R]{Serial: p, stream: s} }

type serial[Q, R any] struct {
	Serial[Q, R]
	stream Stream

	mu          sync.Mutex // guards what follows; never held across a call
	current     *Call[R]
	interrupted chan struct{} // not nil: current was interrupted; closed when Interrupt has returned
}

func (s *serial[Q, R]) Slots() int { return 1 }

func (s *serial[Q, R]) Bye() { _ = s.stream.Close() }

// Start needs a goroutine of its own, because Exchange blocks; its call is its
// owner and ends at the death of the life at the latest.
func (s *serial[Q, R]) Start(q Q, c *Call[R]) { go s.Run(q, c) }

func (s *serial[Q, R]) Run(q Q, c *Call[R]) {
	s.mu.Lock()
	s.current, s.interrupted = c, nil
	s.mu.Unlock()
	if c.Asked() != nil { // asked since it was begun, when it was not yet current
		s.Cancel(c)
	}
	r, err := s.Exchange(q, c.Host)
	s.mu.Lock()
	s.current = nil // from here on nobody begins to interrupt
	interrupted := s.interrupted
	s.mu.Unlock()
	if interrupted != nil {
		<-interrupted // else it could hit the next exchange
		err = s.settle(err)
	}
	c.Finish(r, err)
}

// settle decides what an interrupted exchange came to.
func (s *serial[Q, R]) settle(err error) error {
	for _, end := range []error{ErrUnsent, ErrEarly, ErrGone, ErrBroken} {
		if errors.Is(err, end) {
			return err
		}
	}
	if s.Resync != nil {
		if sick := s.Resync(); sick != nil {
			return errors.Join(ErrBroken, sick)
		}
	}
	if err != nil {
		return ErrYielded
	}
	return nil
}

func (s *serial[Q, R]) Cancel(c *Call[R]) bool {
	if s.Interrupt == nil {
		return false
	}
	s.mu.Lock()
	if s.current != c || s.interrupted != nil {
		s.mu.Unlock()
		return true
	}
	done := make(chan struct{})
	s.interrupted = done
	s.mu.Unlock()
	s.Interrupt()
	close(done)
	return true
}
