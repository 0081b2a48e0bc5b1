package wall

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ganger-dev/ganger"
)

// Dialect makes a [Session] of a fresh stream: our own protocol, lines, JSON
// lines, a prover's XML.
type Dialect[Q, R any] interface {
	// Hello agrees with the worker on the terms, or fails with what it saw. It
	// may block: the stream is killed when ctx ends. A dialect in which the
	// worker says nothing of its own returns at once, and implements Mute.
	Hello(ctx context.Context, s Stream, st Start) (Session[Q, R], error)
}

// Mute is implemented by dialects whose Hello may return before the worker has
// said anything; its answer becomes [Traits.Mute].
type Mute interface{ Mute() bool }

// Session speaks for one stream. It ends every call that it was given with
// [Call.Finish], exactly once, also when the stream ends; it never kills and
// never sets a clock. A session with one slot may implement [Runner].
type Session[Q, R any] interface {
	Slots() int
	// Start is as for [Instance].
	Start(q Q, c *Call[R])
	// Cancel asks the worker to give c up and reports whether it could be
	// asked; if so an answer is still owed, and an answer that obeys is
	// finished with ErrYielded. c may have ended already. It must not block on
	// the worker.
	Cancel(c *Call[R]) bool
	// Bye tells the worker that no more requests come. It must not block on the
	// worker.
	Bye()
}

// Speak returns a wall of instances: each is a stream of w, spoken to in d.
//
// What a session's words mean is decided here. A call that was asked to end
// ends Done if its response came all the same, otherwise as asked. ErrGone and
// ErrBroken are blamed on the call with the exit of the life (Crashed), which
// is killed if it does not die by itself; if the life was ended for another
// call, the error says so ([ErrNeighbour]).
func Speak[Q, R any](w Wall[Stream], d Dialect[Q, R]) Wall[Instance[Q, R]] {
	return speaker[Q, R]{w, d}
}

type speaker[Q, R any] struct {
	streams Wall[Stream]
	dialect Dialect[Q, R]
}

func (w speaker[Q, R]) Traits() Traits {
	t := w.streams.Traits()
	t.Encodes = true
	if m, ok := w.dialect.(Mute); ok {
		t.Mute = m.Mute()
	}
	return t
}

func (w speaker[Q, R]) Open(ctx context.Context, st Start) (Instance[Q, R], error) {
	s, err := w.streams.Open(ctx, st)
	if err != nil {
		return nil, err
	}
	// A hello that blocks in Read ends when the stream is killed.
	stop := context.AfterFunc(ctx, func() { s.Kill(ganger.LeavingStartFailed) })
	sess, err := w.dialect.Hello(ctx, s, st)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, w.failed(ctx, s, st, err)
	}
	i := &spoken[Q, R]{Stream: s, sess: sess, st: st}
	if m, ok := s.(Metered); ok && m.Heavy() != nil {
		i.meter = m
		m.Idle()
	}
	if t, ok := s.(Talker); ok && st.Line != nil && sess.Slots() == 1 {
		i.talker = t
	}
	if r, ok := sess.(Runner[Q, R]); ok && sess.Slots() == 1 {
		return &spokenRunner[Q, R]{i, r}, nil
	}
	return i, nil
}

// failed ends a stream whose hello did not succeed and says why.
func (w speaker[Q, R]) failed(ctx context.Context, s Stream, st Start, err error) error {
	if errors.Is(err, ErrGone) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		// It most likely died: its own exit says more than our kill would.
		err = errors.New("ended before it was ready")
		expire(s.Gone(), st.Patience())
	}
	s.Kill(ganger.LeavingStartFailed)
	<-s.Gone()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	x := s.Exit()
	return &StartError{Worker: st.Worker(), Command: w.Traits().Command, Exit: &x, Err: err}
}

// expire waits until c closes, at most for d, and reports whether it did.
func expire(c <-chan struct{}, d time.Duration) bool {
	select { // the usual case needs no timer
	case <-c:
		return true
	default:
	}
	if d <= 0 {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-c:
		return true
	case <-t.C:
		return false
	}
}

// spoken is an instance made of a stream and a session.
type spoken[Q, R any] struct {
	Stream
	sess Session[Q, R]
	st   Start

	meter  Metered      // nil: its use is not measured
	inHand atomic.Int32 // calls; counted for the meter only
	talker Talker       // nil: nothing waits for what the worker writes on its logs

	mu   sync.Mutex     // guards what follows
	why  ganger.Leaving // of the first Stop, which called the session's Bye
	sake *Call[R]       // the call for whose sake the life was ended; nil: none
}

type spokenRunner[Q, R any] struct {
	*spoken[Q, R]
	r Runner[Q, R]
}

func (i *spokenRunner[Q, R]) Run(q Q, c *Call[R]) {
	if i.take(c) {
		i.r.Run(q, c)
	}
}

func (i *spoken[Q, R]) Slots() int { return i.sess.Slots() }

func (i *spoken[Q, R]) Start(q Q, c *Call[R]) {
	if i.take(c) {
		i.sess.Start(q, c)
	}
}

// take begins c, if it is still wanted.
func (i *spoken[Q, R]) take(c *Call[R]) bool {
	if !c.begin(i) {
		return false
	}
	if i.meter != nil && i.inHand.Add(1) == 1 {
		i.meter.Busy()
	}
	return true
}

// Heavy is the stream's.
func (i *spoken[Q, R]) Heavy() <-chan struct{} {
	if i.meter == nil {
		return nil
	}
	return i.meter.Heavy()
}

func (i *spoken[Q, R]) Stop(ctx context.Context, why ganger.Leaving) {
	if !expire(i.Gone(), 0) {
		i.mu.Lock()
		first := i.why == ""
		if first {
			i.why = why
		}
		i.mu.Unlock()
		if first {
			i.sess.Bye()
		}
	}
	i.Stream.Stop(ctx, why)
}

// Exit is the stream's, but a worker that took our bye and left in order, before
// the stream was asked to end it, left for our reason.
func (i *spoken[Q, R]) Exit() ganger.Exit {
	x := i.Stream.Exit()
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.why != "" && !x.Asked && x.Reason == ganger.LeavingExit(0) {
		x.Reason, x.Asked = i.why, true
	}
	return x
}

func (i *spoken[Q, R]) Cancel(c *Call[R], as *ganger.Error) {
	if !c.Ask(as) {
		return
	}
	grace := i.st.Patience()
	if i.sess.Cancel(c) && grace > 0 {
		c.After(grace, func() { i.endFor(c) })
		return
	}
	// Nothing to ask with: the politest way left is to end the life in steps.
	why, ok := i.blame(c)
	if !ok {
		return
	}
	if grace <= 0 {
		i.Kill(why)
		return
	}
	// The goroutine ends with the life, which this context bounds.
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		i.Stream.Stop(ctx, why)
	}()
}

// Tell is [Teller]'s.
func (i *spoken[Q, R]) Tell(c *Call[R], as *ganger.Error) {
	if c.Ask(as) {
		i.sess.Cancel(c)
	}
}

// endFor kills the life for the sake of c, whose grace is over.
func (i *spoken[Q, R]) endFor(c *Call[R]) {
	if why, ok := i.blame(c); ok {
		i.Kill(why)
	}
}

// blame notes that the life is about to be ended for the sake of c and returns
// the reason. ok is false if c has ended: then its life need not die.
func (i *spoken[Q, R]) blame(c *Call[R]) (why ganger.Leaving, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if c.Ended() {
		return "", false
	}
	if i.sake == nil {
		i.sake = c
	}
	if c.Asked().Outcome == ganger.TimedOut {
		return ganger.LeavingExecTimeout, true
	}
	return ganger.LeavingCancelled, true
}

// finish translates what the session says into what the caller is told.
func (i *spoken[Q, R]) finish(c *Call[R], r R, err error) {
	if i.meter != nil && i.inHand.Add(-1) == 0 {
		i.meter.Idle()
		if i.inHand.Load() > 0 { // another call began in between
			i.meter.Busy()
		}
	}
	if err == nil {
		if i.talker != nil && i.talker.Talks() {
			i.talker.Settle()
		}
		c.Conclude(r, nil)
		return
	}
	var none R
	var exit *ganger.Exit
	broken := errors.Is(err, ErrBroken) || errors.Is(err, ErrEarly)
	if errors.Is(err, ErrYielded) && c.Asked() == nil {
		broken, err = true, errors.Join(ErrBroken, err)
	}
	if broken {
		i.Kill(ganger.LeavingProtocol)
	}
	if broken || errors.Is(err, ErrGone) {
		// A worker that closed its end and lives on holds up one call for one
		// grace; it can never answer again.
		if !expire(i.Gone(), i.st.Patience()) {
			i.Kill(ganger.LeavingProtocol)
			<-i.Gone()
		}
		exit = new(i.Exit())
	}
	if s, ok := i.Stream.(Settler); ok && exit == nil {
		s.Settle() // what the worker said of it may still be on its way
	}
	c.Conclude(none, i.verdict(c, err, exit))
}

// verdict is what a call that has no response ends with.
func (i *spoken[Q, R]) verdict(c *Call[R], err error, exit *ganger.Exit) error {
	worker := i.st.Worker()
	if as := c.Asked(); as != nil {
		return &ganger.Error{Outcome: as.Outcome, Cause: as.Cause, Worker: worker, Exit: exit, Err: as.Err}
	}
	if errors.Is(err, ErrUnsent) || errors.Is(err, ErrEarly) {
		return ErrUnsent
	}
	if exit == nil { // the worker's own words
		// Not one that is wrapped: that tells of something else.
		if e, ok := err.(*ganger.Error); ok {
			return &ganger.Error{Outcome: e.Outcome, Cause: e.Cause, Worker: worker, Exit: e.Exit, Err: e.Err}
		}
		return &ganger.Error{Outcome: ganger.Failed, Worker: worker, Err: err}
	}
	i.mu.Lock()
	neighbour := i.sake != nil
	i.mu.Unlock()
	e := &ganger.Error{Outcome: ganger.Crashed, Cause: exit.Reason.Cause(), Worker: worker, Exit: exit}
	switch {
	case neighbour:
		e.Err = ErrNeighbour
	case errors.Is(err, ErrBroken):
		e.Cause, e.Err = ganger.CauseProtocol, err
	}
	return e
}
