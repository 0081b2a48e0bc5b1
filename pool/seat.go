package pool

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/wall"
)

// seat is one worker of the pool: a place that its keeper fills with lives. Its
// mutable fields are guarded by the pool's lock.
type seat[T, Q, R, C any] struct {
	core   *core[T, Q, R, C]
	index  int
	name   string
	keeper *life.Keeper[*holder[T, Q, R, C]]

	lives     []*holder[T, Q, R, C] // that serve: one, or two while one takes over from the other
	extra     bool                  // it performs in place of a slot that is lent
	vacant    bool                  // its life left for want of work
	hopeless  bool                  // its keeper starts no more lives
	served    bool                  // it had a life since its keeper began
	over      bool                  // its keeper has returned
	gaveUp    time.Duration         // when an additional seat became hopeless
	failure   error                 // and why
	unready   error                 // why its last life was not ready after all; nil if it was
	done      uint64
	failed    uint64
	keyHits   uint64 // tasks whose key the life had performed before
	keyMisses uint64 // tasks with another key
}

// holder is one life of a worker with what it has in hand. The fields above the
// line are set before it serves; those below are guarded by the pool's lock.
type holder[T, Q, R, C any] struct {
	wall.Instance[Q, R]
	runner      wall.Runner[Q, R] // nil: calls are started, and end elsewhere
	core        *core[T, Q, R, C]
	seat        *seat[T, Q, R, C]
	worker      string // "name#incarnation"
	incarnation uint64
	pid         int
	slots       int
	most        int // tasks that it may be given; 0 means no limit
	tenure      *life.Tenure[*holder[T, Q, R, C]]
	wake        chan struct{}               // room for one: there may be something to do
	lines       atomic.Pointer[Attribution] // whose output its lines are
	nobody      *Attribution                // when they are no task's

	serving    bool // may be given what waits for any life
	parted     bool // gets not even what is bound to it
	warm       bool
	spoke      bool                     // has answered once
	value      C                        // its competence
	given      int                      // tasks that it was given
	hand       list[*entry[T, Q, R, C]] // what it was given first comes first
	bound      list[*entry[T, Q, R, C]] // waits for this life alone
	keys       []string                 // of tasks that it was given; the newest came last
	casualties []*entry[T, Q, R, C]     // that died with it and are not judged yet
	rested     time.Duration            // when its hand became empty, from the pool's beginning
	listed     bool                     // among the core's ready
	alone      bool                     // has a suspect, gets nothing beside it
	doomed     bool                     // it is going or gone, gets no more
	leaving    ganger.Leaving           // why it is to go when its hand is empty; "" stays
	unready    error                    // why its start counts as failed after all
	blamed     bool                     // its death is some task's affair
	fallen     int                      // calls that ended as asked, but by its death
	filling    atomic.Uint32            // resting, filling or refill
	telling    int                      // ends of its tasks that are being told
}

func newSeat[T, Q, R, C any](c *core[T, Q, R, C], index int) *seat[T, Q, R, C] {
	s := &seat[T, Q, R, C]{core: c, index: index, name: "w" + strconv.Itoa(index)}
	s.keeper = &life.Keeper[*holder[T, Q, R, C]]{
		Group: c.cfg.Name, Name: s.name, Wall: opener[T, Q, R, C]{s},
		Start:        wall.Start{Seat: index, Grace: c.cfg.CancelGrace},
		StartTimeout: c.cfg.StartTimeout, StopGrace: c.cfg.StopGrace,
		Policy: c.cfg.Restart, TTL: c.cfg.TTL, Overlap: true, Hub: c.cfg.Hub,
		Spread: c.cfg.Jitter, OnOpen: s.opened, OnClose: s.closed, OnEnd: c.cfg.Left,
	}
	return s
}

// opener makes the wall's instances holders.
type opener[T, Q, R, C any] struct{ seat *seat[T, Q, R, C] }

func (o opener[T, Q, R, C]) Traits() wall.Traits { return o.seat.core.traits }

func (o opener[T, Q, R, C]) Open(ctx context.Context, st wall.Start) (*holder[T, Q, R, C], error) {
	c := o.seat.core
	h := &holder[T, Q, R, C]{
		core: c, seat: o.seat, worker: st.Worker(), incarnation: st.Incarnation, wake: make(chan struct{}, 1),
	}
	h.bound.before = c.before
	h.nobody = &Attribution{Worker: h.worker}
	h.lines.Store(h.nobody)
	if c.cfg.Env != nil {
		st.Env = c.cfg.Env(o.seat.index)
	}
	if c.cfg.Line != nil {
		st.Line = func(stderr bool, line []byte) { c.cfg.Line(*h.lines.Load(), stderr, line) }
	}
	i, err := c.wall.Open(ctx, st)
	if err != nil {
		return nil, err
	}
	h.Instance, h.slots, h.pid = i, i.Slots(), i.Usage().PID
	if most := c.cfg.MaxTasks; most > 0 {
		h.most = max(most-int(c.cfg.Jitter*rand.Float64()*float64(most)), 1)
	}
	h.runner, _ = i.(wall.Runner[Q, R])
	return h, nil
}

// Heavy is the instance's.
func (h *holder[T, Q, R, C]) Heavy() <-chan struct{} {
	if i, ok := h.Instance.(wall.Heavier); ok {
		return i.Heavy()
	}
	return nil
}

// opened is called when the seat's circuit opens.
func (s *seat[T, Q, R, C]) opened(err error) {
	c := s.core
	c.mu.Lock()
	if s.unready != nil {
		err = s.unready // says more than that it left
	}
	s.hopeless = true
	if s.extra {
		s.gaveUp, s.failure = c.now(), err
		if !s.vacant {
			s.vacateLocked()
		}
		c.mu.Unlock()
		c.all.Go(c.forsake)
		return
	}
	c.lastFail = err
	hopeless := c.hopelessLocked() != nil
	c.changedLocked()
	c.mu.Unlock()
	if hopeless {
		c.all.Go(c.despair) // on its own: it calls the kind, and the keeper must go on
	}
}

func (s *seat[T, Q, R, C]) closed() {
	s.core.mu.Lock()
	s.hopeless = false
	s.core.mu.Unlock()
}

// keepLocked has the seat kept filled until run's end.
func (c *core[T, Q, R, C]) keepLocked(s *seat[T, Q, R, C]) {
	keep := c.keep
	c.all.Go(func() {
		_ = s.keeper.Run(keep, s.serve)
		if keep.Err() == nil { // its policy allows it no more lives
			s.returned()
		}
	})
}

// returned takes the end of the keeper. Another will be asked to keep an additional
// seat when it is needed again, unless its life never came to anything.
func (s *seat[T, Q, R, C]) returned() {
	c := s.core
	c.mu.Lock()
	s.over = true
	if !s.extra || !s.served {
		c.mu.Unlock()
		s.opened(errors.New("the worker does not live again"))
		return
	}
	if !s.vacant {
		s.vacateLocked()
	}
	c.mu.Unlock()
	c.offer()
}

// serve gives tasks to one life until it is gone or has to go, and returns why,
// with nothing left in its hand.
func (s *seat[T, Q, R, C]) serve(ctx context.Context, t *life.Tenure[*holder[T, Q, R, C]]) ganger.Leaving {
	h := t.Life
	h.tenure = t
	c := s.core
	c.mu.Lock()
	h.serving, h.rested, s.unready, s.served = true, c.now(), nil, true
	s.fillLocked() // it may be its keeper's own doing
	s.lives = append(s.lives, h)
	c.mu.Unlock()

	for h.work(ctx) {
	}
	return h.finish(ctx)
}

// work performs what there is, or waits for something to come; it reports false
// when the life takes nothing more.
func (h *holder[T, Q, R, C]) work(ctx context.Context) bool {
	c := h.core
	select {
	case <-ctx.Done():
		return false
	case <-h.tenure.Leave():
		return false
	default:
	}
	if h.runner == nil {
		h.fill()
	}
	var o offered[T, Q, R, C]
	c.mu.Lock()
	if h.doomed || h.leaving != "" {
		c.mu.Unlock()
		return false
	}
	if h.runner != nil {
		if e := h.claimLocked(); e != nil {
			after := h.claimedLocked()
			c.mu.Unlock()
			after.carry(h)
			h.perform(e)
			return true
		}
		o = h.listLocked()
	}
	c.mu.Unlock()
	o.carry()
	return h.rest(ctx)
}

// rest waits until there may be something to do. It reports false when the life
// was idle for too long, and then lets the seat be vacant.
func (h *holder[T, Q, R, C]) rest(ctx context.Context) bool {
	var idle <-chan time.Time
	if patience, ok := h.patience(); ok {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		idle = timer.C
	}
	select {
	case <-h.wake:
	case <-ctx.Done():
	case <-h.tenure.Leave():
	case <-idle:
		return !h.retire()
	}
	h.core.mu.Lock()
	if h.runner != nil {
		h.unlistLocked()
	}
	h.core.mu.Unlock()
	return true
}

// finish waits until the hand is empty, takes the life out of the pool and
// returns why it goes.
func (h *holder[T, Q, R, C]) finish(ctx context.Context) ganger.Leaving {
	c, s := h.core, h.seat
	c.mu.Lock()
	h.serving = false
	h.unlistLocked()
	if c.isolator == h {
		c.isolator = nil
	}
	c.warm.leaveLocked(h)
	h.parted = ctx.Err() != nil
	o := c.offerLocked() // it may have been told of what others are to look for now
	c.mu.Unlock()
	o.carry()
	c.mu.Lock()
	for {
		// Only what is bound to it is left to claim; with slots its fill does that.
		if h.runner != nil {
			if e := h.claimLocked(); e != nil {
				c.mu.Unlock()
				h.perform(e)
				c.mu.Lock()
				continue
			}
		}
		if h.hand.len() == 0 && h.filling.Load() == resting && (h.bound.len() == 0 || !h.staysLocked()) {
			break
		}
		c.mu.Unlock()
		<-h.wake // every end of a call and every fill signals; every call ends
		c.mu.Lock()
	}
	h.parted = true
	c.warm.leaveLocked(h) // again: what was bound to it may have had keys
	if h.doomed && h.leaving == "" {
		// It is about to be gone by itself; its own exit says more than ours.
		c.mu.Unlock()
		expire(ctx.Done(), wall.Start{Grace: c.cfg.CancelGrace}.Patience())
		c.mu.Lock()
	}
	s.lives = slices.DeleteFunc(s.lives, func(x *holder[T, Q, R, C]) bool { return x == h })
	why, doomed := h.leaving, h.doomed
	gone := isClosed(h.Gone())
	if h.unready == nil && !h.spoke && c.unprovenLocked() && (gone && !h.Exit().Asked || doomed && !gone) {
		h.unready = errSilent
	}
	unready := h.unready
	switch {
	case unready != nil:
		s.unready = h.unreadyError()
	case h.spoke || h.blamed:
		// It came to something: what it had in hand has been judged, and a worker
		// that goes after each task is slow, not sick. Only lives that never come
		// to anything are held up.
		h.tenure.Excuse()
	}
	c.mu.Unlock()
	h.part()
	c.offer() // what it could have taken is for others
	switch {
	case unready != nil:
		return ganger.LeavingStartFailed
	case why == "":
		why = h.tenure.Why()
	}
	return why
}

// expire waits until done closes, at most for d.
func expire(done <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

var errSilent = errors.New("ended before it had answered anything")

// unreadyError says why a mute worker's start counts as failed. Its life is
// gone, or about to be.
func (h *holder[T, Q, R, C]) unreadyError() error {
	e := &wall.StartError{Worker: h.worker, Command: h.core.traits.Command, Err: errSilent}
	death, ok := errors.AsType[*ganger.Error](h.unready)
	switch {
	case ok && death.Exit != nil:
		e.Exit = death.Exit
	case isClosed(h.Gone()):
		e.Exit = new(h.Exit())
	}
	if ok && death.Outcome == ganger.TimedOut {
		e.Err = fmt.Errorf("no answer to its first request within the start time-out of %v and the task's own", h.core.cfg.StartTimeout)
	}
	return e
}

// recycle asks for a successor.
func (h *holder[T, Q, R, C]) recycle(why ganger.Leaving) { h.tenure.Recycle(why) }
