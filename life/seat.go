package life

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/wall"
)

// seat is one Run of a keeper. Its fields belong to the goroutine of Run; the
// others send it closures to call, and so tell it what happened.
//
// A filled seat has cur, and perhaps old, which leaves. opening may stand
// beside cur (the successor starts) or beside old (cur died), never beside both.
type seat[L wall.Life] struct {
	k     *Keeper[L]
	ctx   context.Context // of Run, which waits for all that is below
	serve func(context.Context, *Tenure[L]) ganger.Leaving
	all   sync.WaitGroup // of every goroutine of this run
	wake  <-chan struct{}
	news  chan func() // unbuffered: what was told is known

	startTimeout, stopGrace time.Duration
	jitter                  func() float64

	past     Past
	cur, old *Tenure[L]
	opening  uint64 // the incarnation that is being opened; 0: none
	began    time.Time
	rest     rest
	alarm    *time.Timer // wakes the seat at until; nil: nothing does by itself
	until    time.Time   // when the rest is over; zero: not by itself
	tripped  bool        // OnOpen was told, OnClose not yet
	last     *inspect.Obituary
}

// rest is why nothing is opened although the newest life is gone, or going.
type rest string

const (
	none    rest = ""
	vacant  rest = "vacant"
	backOff rest = "back-off"
	open    rest = "circuit open"
	ended   rest = "ended" // the worker does not live again
)

// run carries the seat until it is empty for good.
func (s *seat[L]) run() {
	if s.k.Vacant {
		s.rest = vacant
	} else {
		s.open()
	}
	done := s.ctx.Done()
	for s.heed(); !s.empty(); s.heed() {
		s.publish()
		select {
		case <-done:
			done = nil
			s.retire()
		case f := <-s.news:
			f()
		case <-s.wake:
		}
	}
	s.publish()
}

// heed does what was asked of the seat from outside.
func (s *seat[L]) heed() {
	wanted, nudged := s.k.take()
	if !s.until.IsZero() && !time.Now().Before(s.until) {
		nudged = true // the rest is over
	}
	switch s.rest {
	case vacant:
		if wanted || nudged {
			s.open()
		}
	case backOff, open:
		if nudged {
			s.open()
		}
	}
	t := s.cur
	if t == nil || !t.died.IsZero() || t.Why() == "" || t.leaving || s.opening != 0 {
		return
	}
	switch {
	case !s.k.Overlap || s.k.Policy.Type == Temporary || s.rest != none:
		s.dismiss(t)
	case s.old == nil: // never three lives at once
		s.open()
	}
}

// empty reports whether nothing is left and nothing will come.
func (s *seat[L]) empty() bool {
	return s.cur == nil && s.old == nil && s.opening == 0 && (s.rest == ended || s.ctx.Err() != nil)
}

// retire makes the seat ready for its end: nothing is opened from here on.
func (s *seat[L]) retire() { s.pause(ended, 0) }

// pause makes the seat rest, for a time if after is not zero.
func (s *seat[L]) pause(why rest, after time.Duration) {
	if s.alarm != nil {
		s.alarm.Stop()
		s.alarm = nil
	}
	s.rest, s.until = why, time.Time{}
	if after > 0 {
		s.until = time.Now().Add(after) // before the alarm is set, so that it never rings too early
		s.alarm = time.AfterFunc(after, s.k.signal)
	}
}

// open begins to start a life.
func (s *seat[L]) open() {
	if s.ctx.Err() != nil {
		s.retire()
		return
	}
	s.pause(none, 0)
	st := s.k.Start
	st.Name, st.Incarnation = s.k.Name, s.k.incarnate()
	s.opening, s.began = st.Incarnation, time.Now()
	s.emit(ganger.Starting, st.Incarnation, 0, "handshake")
	s.all.Go(func() {
		ctx := s.ctx
		if s.startTimeout > 0 {
			late := fmt.Errorf("not ready within %v", s.startTimeout)
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeoutCause(ctx, s.startTimeout, late)
			defer cancel()
		}
		l, err := s.k.Wall.Open(ctx, st)
		s.news <- func() { s.onOpened(st.Incarnation, l, err) }
	})
}

// onOpened takes what became of a start.
func (s *seat[L]) onOpened(incarnation uint64, l L, err error) {
	s.opening = 0
	if err != nil {
		s.onFailed(incarnation, err)
		return
	}
	t := &Tenure[L]{
		Life: l, Incarnation: incarnation, born: time.Now(), pid: l.Usage().PID,
		signal: s.k.signal, leave: make(chan struct{}), state: ganger.Starting,
	}
	s.move(t, ganger.Idle, "")
	if s.cur != nil {
		s.dismiss(s.cur)
		s.old = s.cur
	}
	s.cur = t
	s.k.settle()
	if s.tripped {
		s.tripped = false
		if s.k.OnClose != nil {
			s.k.OnClose()
		}
	}
	if s.k.TTL > 0 {
		age := s.k.TTL - time.Duration(s.k.Spread*s.jitter()*float64(s.k.TTL))
		t.aging = time.AfterFunc(age, func() { t.Recycle(ganger.LeavingTTL) })
	}
	ctx, died := context.WithCancelCause(s.ctx)
	s.all.Go(func() { s.watch(t, died) })
	s.all.Go(func() { s.lend(ctx, t) })
}

// onFailed takes a start that came to nothing.
func (s *seat[L]) onFailed(incarnation uint64, err error) {
	if s.cur != nil {
		s.dismiss(s.cur) // as was promised: it has waited for this one
	}
	se, ok := errors.AsType[*wall.StartError](err)
	if !ok {
		se = &wall.StartError{Worker: s.worker(incarnation), Command: s.k.Wall.Traits().Command, Err: err}
		err = se
	}
	x := ganger.Exit{Reason: ganger.LeavingStartFailed}
	if se.Exit != nil {
		x = *se.Exit
	}
	s.conclude(incarnation, 0, End{Born: s.began, Died: time.Now(), Exit: x}, err)
}

// onServed takes the end of a serve.
func (s *seat[L]) onServed(t *Tenure[L], why ganger.Leaving) {
	t.said = why
	if t.died.IsZero() {
		s.move(t, ganger.Stopping, string(why))
	}
	switch why {
	case ganger.LeavingMaxTasks, ganger.LeavingTTL, ganger.LeavingMemorySoft:
		t.Recycle(why) // with Overlap the next need not wait until this one is gone
	}
	s.onOver(t)
}

// onGone takes the end of a life.
func (s *seat[L]) onGone(t *Tenure[L]) {
	t.died = time.Now()
	s.onOver(t)
}

// onOver clears a tenure away when its life is gone and its serve has returned.
func (s *seat[L]) onOver(t *Tenure[L]) {
	if !t.over() {
		return
	}
	if t.aging != nil {
		t.aging.Stop()
	}
	replaced := t == s.old
	if replaced {
		s.old = nil
	} else {
		s.cur = nil
	}
	e := End{Born: t.born, Died: t.died, Ready: t.said != ganger.LeavingStartFailed, Excused: t.mercy.Load(), Exit: t.Life.Exit()}
	var err error = &ganger.Error{Outcome: ganger.Crashed, Cause: e.Exit.Reason.Cause(), Worker: s.worker(t.Incarnation), Exit: &e.Exit}
	if !e.Ready {
		err = &wall.StartError{
			Worker: s.worker(t.Incarnation), Command: s.k.Wall.Traits().Command,
			Exit: &e.Exit, Err: errors.New("ended before it answered anything"),
		}
	}
	if t.said == ganger.LeavingIdle && !replaced && s.opening == 0 && s.rest == none && s.k.Policy.Type != Temporary {
		s.pause(vacant, 0) // before the verdict, which it stands over
	}
	s.conclude(t.Incarnation, t.pid, e, err)
}

// conclude remembers an end, tells it, and does what the policy says, unless it
// is already settled what comes next.
func (s *seat[L]) conclude(incarnation uint64, pid int, e End, err error) {
	past, v := s.k.Policy.Next(s.past, e, s.jitter())
	s.past = past
	s.last = &inspect.Obituary{Worker: s.k.Name, Incarnation: incarnation, Born: e.Born, Died: e.Died, Exit: e.Exit}
	detail := e.Exit.String()
	if !e.Ready {
		detail = err.Error()
	}
	s.emit(ganger.Dead, incarnation, pid, detail)
	if s.k.OnEnd != nil {
		s.k.OnEnd(*s.last)
	}
	switch {
	case s.ctx.Err() != nil:
		s.retire()
	case s.opening != 0 || s.rest != none || s.cur != nil && !s.cur.leaving:
	case !v.Again:
		s.pause(ended, 0)
	case v.Open:
		s.pause(open, v.After)
		s.trip(incarnation, err)
	case v.After > 0:
		s.pause(backOff, v.After)
	default:
		s.open()
	}
}

// trip tells that the circuit has opened.
func (s *seat[L]) trip(incarnation uint64, err error) {
	if n := s.past.Starts(); n > 1 {
		err = fmt.Errorf("%d starts in a row came to nothing, the last: %w", n, err)
	} else {
		err = fmt.Errorf("the worker ended %d times in short order, the last: %w", s.past.n, err)
	}
	s.k.Hub.Emit(inspect.Event{Group: s.k.Group, Worker: s.k.Name, Incarnation: incarnation, Name: inspect.EventOpen, Detail: err.Error()})
	s.tripped = true
	if s.k.OnOpen != nil {
		s.k.OnOpen(err)
	}
}

// dismiss tells a life to leave.
func (s *seat[L]) dismiss(t *Tenure[L]) {
	if t.leaving {
		return
	}
	t.leaving = true
	close(t.leave)
	if t.said == "" && t.died.IsZero() {
		s.move(t, ganger.Stopping, "draining")
	}
}
