package pool

import (
	"context"
	"errors"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/wall"
)

// perform hands e, which was just claimed, to the life. With a runner it
// returns when the call has ended.
func (h *holder[T, Q, R, C]) perform(e *entry[T, Q, R, C]) {
	c, k := h.core, e.call
	if c.cfg.Hub.Watched() {
		now := time.Now()
		h.emit(inspect.Event{Name: inspect.EventStarted, Task: e.ticket.id, Attempt: int(e.attempts), At: now})
		h.emit(inspect.Event{Name: inspect.StateEvent(ganger.Busy), Task: e.ticket.id, At: now})
	}
	k.End = k
	if c.kind.Feedback != nil || c.kind.Ask != nil {
		k.Host = host[T, Q, R, C]{k}
	}
	q, err := c.kind.Request(e.heldAs(), e.Value)
	switch {
	case err != nil:
		unbuilt(&k.Call, err)
	case h.runner != nil:
		h.runner.Run(q, &k.Call)
	default:
		h.Start(q, &k.Call)
	}
}

// unbuilt ends a call whose request could not be made.
func unbuilt[R any](k *wall.Call[R], err error) {
	if !k.Begin() { // a cancel came first and has ended it
		return
	}
	out := &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseEncode, Err: err}
	if errors.Is(err, ErrExpired) {
		out = &ganger.Error{Outcome: ganger.Expired, Err: err}
	}
	// Not one that is wrapped: that tells the fate of something else, such as a
	// task of another pool.
	if own, ok := err.(*ganger.Error); ok && (own.Outcome == ganger.Rejected || own.Outcome == ganger.Cancelled) {
		out = own
	}
	var none R
	k.Conclude(none, out)
}

// host is what a worker reaches during one attempt at a request.
type host[T, Q, R, C any] struct{ k *call[T, Q, R, C] }

func (x host[T, Q, R, C]) Feedback(body []byte) {
	if e := x.k.entry; e.core.kind.Feedback != nil {
		e.core.kind.Feedback(e.Value, body)
	}
}

func (x host[T, Q, R, C]) Ask(ctx context.Context, question []byte) ([]byte, error) {
	e := x.k.entry
	c := e.core
	if c.kind.Ask == nil {
		return nil, errors.New("this pool answers no questions")
	}
	c.mu.Lock()
	if e.call != x.k {
		c.mu.Unlock()
		return nil, errElder
	}
	by := asker{e.tiesLocked(), x.k}
	c.mu.Unlock()
	return c.kind.Ask(context.WithValue(ctx, askerKey{}, by), e.Value, question)
}

// sentence is what must be told about a task once the lock is free.
type sentence[T, Q, R, C any] struct {
	e   *entry[T, Q, R, C]
	r   R
	err error // nil for Done
}

// aftermath is what the end of a call leads to once the lock is free.
type aftermath[T, Q, R, C any] struct {
	end     sentence[T, Q, R, C] // the first of the ends, mostly the only one; without an entry: none
	ends    []sentence[T, Q, R, C]
	orphans []orphans
	again   []retry[T, Q, R, C]
}

func (out *aftermath[T, Q, R, C]) add(e *entry[T, Q, R, C], r R, err error) {
	if s := (sentence[T, Q, R, C]{e, r, err}); out.end.e == nil {
		out.end = s
	} else {
		out.ends = append(out.ends, s)
	}
}

// orphans are tasks whose elder's attempt came to nothing.
type orphans struct {
	all []member
	as  *ganger.Error
}

// carry returns how many ends are to be noted as told.
func (c *core[T, Q, R, C]) carry(out *aftermath[T, Q, R, C]) (told int) {
	for _, x := range out.orphans {
		for _, m := range x.all {
			m.cancelAs(x.as)
		}
	}
	for _, x := range out.again {
		c.kind.Again(x.e.Value, x.attempt, x.err)
	}
	if x := &out.end; x.e != nil {
		told = c.announce(x.e, x.r, x.err)
	}
	for _, x := range out.ends {
		told += c.announce(x.e, x.r, x.err)
	}
	return told
}

// ended takes the end of a call: it judges the task, gives the life its next
// state, and lets the pool go on.
func (h *holder[T, Q, R, C]) ended(k *call[T, Q, R, C]) {
	c, e, err := h.core, k.entry, k.Err
	unsent := err == wall.ErrUnsent // not one that is wrapped: it tells of something else, such as a task of another pool
	spoke := err == nil || !unsent && ganger.OutcomeOf(err) == ganger.Failed
	var next *Next[T, C]
	var follows []*entry[T, Q, R, C]
	if err == nil && c.kind.Use != nil {
		n, bad := c.kind.Use(e.heldAs(), e.Value, k.Response)
		next = &n
		if bad != nil {
			err = &ganger.Error{Outcome: ganger.Failed, Err: bad}
		}
		follows = c.follows(e, n.Follow)
	}
	local := c.unsent(e, err)

	c.mu.Lock()
	asked := e.asked
	h.dropLocked(e)
	if spoke {
		c.answered, h.spoke, h.warm = true, true, true
	}
	if next != nil {
		h.value = next.Held
		if next.End && h.leaving == "" {
			h.leaving = ganger.LeavingStopped
		}
	}
	waiting := c.waitingLocked()
	var out aftermath[T, Q, R, C]
	h.followLocked(&out, e, follows, next != nil && next.Bound)
	if local != nil && asked == nil {
		if c.deferLocked(e, local) {
			c.forceLocked(e)
		}
		h.buryLocked(&out)
	} else {
		h.settleLocked(&out, e, k.Response, err, spoke, unsent)
	}
	// Others must look if a task came back, or if this life may now take, or
	// leave to others, what it could not before.
	offer := c.waitingLocked() > waiting || h.doomed || h.leaving != "" || next != nil && c.kind.Match != nil
	idle := h.hand.len() == 0 && !h.doomed && h.leaving == ""
	going := !h.serving || h.doomed || h.leaving != ""
	h.telling++
	c.changedLocked()
	c.mu.Unlock()

	told := c.carry(&out)
	if idle && c.cfg.Hub.Watched() {
		h.emit(inspect.Event{Name: inspect.StateEvent(ganger.Idle)})
	}
	c.mu.Lock()
	c.toldLocked(told)
	h.telling--
	if h.runner == nil {
		h.fillLocked()
	} else {
		c.mu.Unlock()
	}
	if going {
		signal(h.wake) // its serve waits for an empty hand
	}
	if offer {
		c.offer()
	}
}

// settleLocked judges e, unless it died: then, with the last of the life's hand,
// all that died are judged, because only then is it known how many that were.
func (h *holder[T, Q, R, C]) settleLocked(out *aftermath[T, Q, R, C], e *entry[T, Q, R, C], r R, err error, spoke, unsent bool) {
	death, _ := errors.AsType[*ganger.Error](err)
	dead := !unsent && death != nil && !spoke && death.Outcome == ganger.Crashed && !h.core.traits.OneShot
	if dead || unsent {
		h.doomed = true
	}
	if e.asked != nil && death != nil && death.Exit != nil && !death.Exit.Asked {
		h.fallen++ // it ends as it was asked to, but it died, and maybe did it
	}
	if dead {
		e.place, e.death = casualty, death
		h.casualties = append(h.casualties, e)
	} else {
		h.judgeLocked(out, e, r, err, false)
	}
	h.buryLocked(out)
}

// buryLocked judges all that died with the life once its hand is empty.
func (h *holder[T, Q, R, C]) buryLocked(out *aftermath[T, Q, R, C]) {
	if h.hand.len() > 0 {
		return
	}
	several := len(h.casualties)+h.fallen > 1
	for _, x := range h.casualties {
		var none R
		h.judgeLocked(out, x, none, x.death, several)
	}
	h.casualties = nil
}

// judgeLocked carries out the judgement of one attempt, and adds to out what
// must be told of it.
func (h *holder[T, Q, R, C]) judgeLocked(out *aftermath[T, Q, R, C], e *entry[T, Q, R, C], r R, err error, neighbour bool) {
	c := h.core
	j := judge(facts{
		err: err, asked: e.asked, failures: int(e.failures), retries: e.Retries,
		deaths: int(e.deaths), maxDeaths: e.maxDeaths(), neighbour: neighbour,
		unproven: c.unprovenLocked(), final: c.final,
	})
	if j.unready {
		h.unready = err
	}
	if j.failed {
		e.failures++
	}
	if j.died {
		e.deaths++
	}
	h.blamed = h.blamed || j.died || j.suspect
	if err != nil && e.ties != nil { // what it submitted was for an attempt that came to nothing
		as := &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseGroup, Err: err}
		if e.asked != nil && e.asked.Outcome == ganger.Cancelled {
			as = e.asked // theirs too, whoever is first to tell them
		}
		out.orphans = append(out.orphans, orphans{e.ties.kin.attempted(), as})
	}
	if e.bound != nil && j.again && !h.staysLocked() { // nobody else may have it
		j.again, j.end = false, h.bereftLocked(err)
	}
	if j.again && c.phase == closed { // it would never run again
		j.again, j.end = false, &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseShutdown, Worker: h.worker, Err: ErrClosed}
	}
	if j.again {
		if hopeless := c.hopelessLocked(); hopeless != nil {
			j.again, j.end = false, hopeless // nobody is left to run it
		}
	}
	if j.again {
		e.suspect = e.suspect || j.suspect
		if c.cfg.Hub.Watched() {
			h.emit(inspect.Event{Name: inspect.EventRetry, Task: e.ticket.id, Attempt: int(e.attempts), Detail: err.Error()})
		}
		if j.tried != nil {
			e.tried = h.namedLocked(j.tried)
		}
		if c.kind.Again != nil {
			out.again = append(out.again, retry[T, Q, R, C]{e, int(e.attempts), err})
		}
		c.againLocked(e, j.unready)
		return
	}
	c.overLocked(e)
	if j.end == nil {
		h.seat.done++
		out.add(e, r, nil)
		return
	}
	h.seat.failed++
	out.add(e, r, h.namedLocked(j.end))
}

// namedLocked is the end of an attempt with the name of the worker that had it.
func (h *holder[T, Q, R, C]) namedLocked(end *ganger.Error) *ganger.Error {
	if end.Worker != "" || end.Outcome == ganger.Rejected || end.Outcome == ganger.Expired {
		return end
	}
	with := *end
	with.Worker = h.worker
	return &with
}

// emit tells the hub what happened to the life.
func (h *holder[T, Q, R, C]) emit(e inspect.Event) {
	e.Worker, e.Incarnation, e.PID = h.seat.name, h.incarnation, h.pid
	h.core.emit(e)
}
