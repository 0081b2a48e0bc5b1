package pool

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/wall"
)

// core is the pool with all its types: one struct that owns the state, one
// lock that guards it.
type core[T, Q, R, C any] struct {
	kind   Kind[T, Q, R, C]
	wall   wall.Wall[wall.Instance[Q, R]]
	traits wall.Traits
	cfg    Config
	born   time.Time
	all    sync.WaitGroup // keepers, and what they started; run waits

	mu        sync.Mutex // guards what follows; held across Match only
	phase     phase
	queue     queue[*entry[T, Q, R, C]]
	suspects  queue[*entry[T, Q, R, C]]
	order     func(a, b T) int                // nil: by priority and age
	turn      uint64                          // how often a task was put behind all others
	fresh     int                             // waiting tasks that count against the limit
	newest    map[string]*entry[T, Q, R, C]   // by key, of those; for Replace only
	inner     map[*entry[T, Q, R, C]]struct{} // waiting tasks that somebody who lends a slot may wait for
	warm      warmth[T, Q, R, C]
	isolator  *holder[T, Q, R, C]      // takes no more, so that a suspect can have it alone
	seats     []*seat[T, Q, R, C]      // those of New, then additional ones
	vacant    int                      // of those of New, without a life, that wait to be wanted
	lent      int                      // slots whose tasks wait for other tasks
	extras    int                      // additional seats that are, or will be, filled
	extraHeld int                      // tasks that their lives have in hand
	deferred  list[*entry[T, Q, R, C]] // to be performed here when somebody waits for them
	clock     clock[T, Q, R, C]
	commits   commits[T, Q, R, C]
	keep      context.Context       // of the keepers; set by run
	ready     []*holder[T, Q, R, C] // lives with room that found nothing to do; the last came last
	held      int                   // tasks that lives have in hand
	open      int                   // accepted tasks whose ends are not yet told
	lastID    uint64
	answered  bool          // some life of the pool has answered once
	lastFail  error         // why the last start failed
	final     *ganger.Error // as what a task ends that would be tried again and of which nothing else can be said; nil: it is tried again
	room      []chan struct{}
	running   bool
	watchers  int           // Join and Drain that wait
	changed   chan struct{} // closed when what they wait for may have come
}

// phase of the pool.
type phase uint8

const (
	accepting phase = iota
	draining        // no new tasks
	closed          // no new tasks, and the old ones are cancelled
)

func newCore[T, Q, R, C any](k Kind[T, Q, R, C], w wall.Wall[wall.Instance[Q, R]], cfg Config) *core[T, Q, R, C] {
	c := &core[T, Q, R, C]{
		kind: k, wall: w, traits: w.Traits(), cfg: cfg,
		born: time.Now(), order: k.Order, newest: make(map[string]*entry[T, Q, R, C]),
		inner:   make(map[*entry[T, Q, R, C]]struct{}),
		changed: make(chan struct{}),
	}
	c.queue = &list[*entry[T, Q, R, C]]{before: c.before}
	c.deferred.before = c.before
	c.clock.fire = c.tick
	c.suspects = &list[*entry[T, Q, R, C]]{before: c.before}
	if c.order != nil {
		c.sortLocked()
	}
	for i := range max(cfg.Workers, 0) {
		c.seats = append(c.seats, newSeat(c, i))
	}
	return c
}

// now is the time since the pool's beginning. It costs half of time.Now.
func (c *core[T, Q, R, C]) now() time.Duration { return time.Since(c.born) }

func (c *core[T, Q, R, C]) emit(e inspect.Event) {
	e.Group = c.cfg.Name
	c.cfg.Hub.Emit(e)
}

// ask makes e end as the given error: at once if it waits, through its life if
// one has it. It does nothing if it was asked before or is over.
func (c *core[T, Q, R, C]) ask(e *entry[T, Q, R, C], as *ganger.Error) {
	c.mu.Lock()
	carry := c.askLocked(e, as)
	c.mu.Unlock()
	carry()
}

// askLocked is ask up to what must be carried out without the lock. A cancel
// reaches those that came of e too, also when e itself is over.
func (c *core[T, Q, R, C]) askLocked(e *entry[T, Q, R, C], as *ganger.Error) (carry func()) {
	own := c.askOneLocked(e, as)
	if e.ties == nil || as.Outcome != ganger.Cancelled {
		return own
	}
	kin := &e.ties.kin
	return func() {
		own()
		kin.cancel(as, nil)
	}
}

func (c *core[T, Q, R, C]) askOneLocked(e *entry[T, Q, R, C], as *ganger.Error) (carry func()) {
	switch {
	case e.place == deferred:
		c.deferred.remove(e)
		c.overLocked(e)
		return func() {
			var none R
			c.tell(e, none, as)
		}
	case e.place == local: // its own affair now
		return func() {}
	case e.place == queued:
		c.dequeueLocked(e)
		c.overLocked(e)
		next, free := c.roomLocked(), c.freeIsolatorLocked()
		return func() {
			signal(next)
			signal(free)
			var none R
			c.tell(e, none, as)
		}
	case e.place == fresh: // still waits for room: admit sees to it
		e.asked = cmp.Or(e.asked, as)
		return func() { signal(e.turn) }
	case e.place == over:
		return func() {}
	case e.asked != nil:
		// The life was asked already. But an attempt that is too long may be
		// followed by another, and what nobody wants any more must not be.
		if e.asked.Cause == ganger.CauseExec && as.Cause != ganger.CauseExec {
			e.asked = as
		}
		return func() {}
	}
	e.asked = as
	if e.place == casualty {
		return func() {}
	}
	k, i := e.call, e.holder
	return func() { i.Cancel(&k.Call, as) }
}

// tick is called by the clock.
func (c *core[T, Q, R, C]) tick() {
	c.mu.Lock()
	now := c.now()
	c.clock.fires = 0
	var due []*entry[T, Q, R, C]
	for e := c.clock.firedLocked(now); e != nil; e = c.clock.firedLocked(now) {
		due = append(due, e)
	}
	c.clock.armLocked(now)
	c.mu.Unlock()
	// The end of one, which calls the kind, must not put off the next; so they have
	// some goroutines, which the tasks' ends are owners of.
	var next atomic.Int64
	for range min(len(due), expiring) {
		go func() {
			for i := next.Add(1) - 1; i < int64(len(due)); i = next.Add(1) - 1 {
				c.expire(due[i])
			}
		}()
	}
}

// expiring bounds the goroutines that see to tasks whose clocks run out together.
const expiring = 64

// expire is called when a clock of e may have run out.
func (c *core[T, Q, R, C]) expire(e *entry[T, Q, R, C]) {
	c.mu.Lock()
	now := c.now()
	at, cause := e.due()
	if e.place == over || e.place == local || e.asked != nil || at == 0 {
		c.mu.Unlock()
		return
	}
	if now < at { // its place changed meanwhile
		e.armLocked(now)
		c.mu.Unlock()
		return
	}
	if cause == keyClock {
		e.waits = freed
		e.armLocked(now)
		c.mu.Unlock()
		c.offer()
		return
	}
	carry := c.askLocked(e, &ganger.Error{Outcome: ganger.TimedOut, Cause: cause, Err: &TimeoutError{cause, e.limit(cause)}})
	c.mu.Unlock()
	carry()
}

// limit is the length of one of the task's clocks.
func (e *entry[T, Q, R, C]) limit(cause ganger.Cause) time.Duration {
	switch cause {
	case ganger.CauseQueue:
		return e.QueueTimeout
	case ganger.CauseExec:
		return e.ExecTimeout
	}
	return e.TotalTimeout
}

// overLocked takes an entry that is in no queue out of the world.
func (c *core[T, Q, R, C]) overLocked(e *entry[T, Q, R, C]) {
	e.place, e.call, e.death, e.bound, e.local = over, nil, nil, nil, nil
	if e.queuedT == 0 && e.attempts == 0 {
		e.queuedT = c.now() - e.posted
	}
	c.clock.unsetLocked(e)
}

// tell makes the end of an entry known, once, and notes that; err is nil for Done.
func (c *core[T, Q, R, C]) tell(e *entry[T, Q, R, C], r R, err error) {
	told := c.announce(e, r, err)
	c.mu.Lock()
	c.toldLocked(told)
	c.mu.Unlock()
}

// announce makes the end of an entry known, and returns how many ends are to be
// noted as told.
func (c *core[T, Q, R, C]) announce(e *entry[T, Q, R, C], r R, err error) (told int) {
	if c.cfg.Hub.Watched() {
		detail := ganger.OutcomeOf(err).String()
		if cause := ganger.CauseOf(err); cause != "" {
			detail += " " + string(cause)
		}
		ev := inspect.Event{Name: inspect.EventEnded, Task: e.ticket.id, Attempt: int(e.attempts), Detail: detail}
		if e.holder != nil {
			e.holder.emit(ev)
		} else {
			c.emit(ev)
		}
	}
	if c.kind.Ended != nil {
		c.kind.Ended(e.Value, c.endOf(e, r, err))
	}
	e.ticket.end(r, err)
	if e.ties != nil {
		e.ties.ended()
	}
	if e.Group != nil {
		e.Group.ended(e, err)
	}
	if c.kind.Commit != nil {
		c.commitEnd(e, c.endOf(e, r, err)) // notes it itself
		return 0
	}
	return 1
}

// toldLocked notes that so many ends were told.
func (c *core[T, Q, R, C]) toldLocked(n int) {
	c.open -= n
	c.changedLocked()
}

func (c *core[T, Q, R, C]) endOf(e *entry[T, Q, R, C], r R, err error) End[R] {
	end := End[R]{
		Task: e.ticket.id, Response: r, Err: err, Attempts: int(e.attempts), Deaths: int(e.deaths),
		Seat: -1, Queued: e.queuedT, Ran: e.ran,
	}
	if e.holder != nil {
		end.Worker, end.Seat, end.PID = e.holder.worker, e.holder.seat.index, e.holder.pid
	}
	return end
}

// changedLocked wakes Join and Drain, if they might find that nothing is left, or
// that what is left is stuck in the queue.
func (c *core[T, Q, R, C]) changedLocked() {
	if c.watchers > 0 && (c.open == 0 || c.open == c.waitingLocked()+c.commits.waiting) {
		close(c.changed)
		c.changed = make(chan struct{})
	}
}

// hopelessLocked returns why no task can be performed: every seat has given up
// starting lives. Nil while there is hope.
func (c *core[T, Q, R, C]) hopelessLocked() *ganger.Error {
	for _, s := range c.seats {
		if !s.hopeless && !s.extra {
			return nil
		}
	}
	if len(c.seats) == 0 {
		return nil
	}
	return &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseStart, Err: c.lastFail}
}

// despair ends every waiting task if no worker can be started, and tells that.
func (c *core[T, Q, R, C]) despair() {
	c.mu.Lock()
	err := c.hopelessLocked()
	c.mu.Unlock()
	if err == nil {
		return
	}
	c.clear(err)
	if c.cfg.Hopeless != nil {
		c.cfg.Hopeless(err)
	}
}

// clear ends every waiting task as the given error.
func (c *core[T, Q, R, C]) clear(as *ganger.Error) {
	c.mu.Lock()
	carry := c.clearLocked(as)
	c.mu.Unlock()
	carry()
}

// clearLocked is clear up to what must be carried out without the lock.
func (c *core[T, Q, R, C]) clearLocked(as *ganger.Error) (carry func()) {
	var all []*entry[T, Q, R, C]
	for _, q := range append(c.boundLocked(), c.suspects, c.queue, &c.deferred) {
		for e, ok := q.pop(nil); ok; e, ok = q.pop(nil) {
			if e.place == queued {
				c.countLocked(e, -1)
			}
			c.overLocked(e)
			all = append(all, e)
		}
	}
	wake := []chan struct{}{c.freeIsolatorLocked()}
	for next := c.roomLocked(); next != nil; next = c.roomLocked() {
		wake = append(wake, next)
		if c.phase == accepting && len(wake) >= c.cfg.QueueLimit {
			break
		}
	}
	return func() {
		for _, w := range wake {
			signal(w)
		}
		var none R
		for _, e := range all {
			c.tell(e, none, as)
		}
	}
}

// boundLocked returns the queues of what is bound to one life each.
func (c *core[T, Q, R, C]) boundLocked() (all []queue[*entry[T, Q, R, C]]) {
	for _, s := range c.seats {
		for _, h := range s.lives {
			if h.bound.len() > 0 {
				all = append(all, &h.bound)
			}
		}
	}
	return all
}

// waitingEntriesLocked yields the tasks that wait for any life.
func (c *core[T, Q, R, C]) waitingEntriesLocked(yield func(*entry[T, Q, R, C]) bool) {
	for _, q := range []queue[*entry[T, Q, R, C]]{c.suspects, c.queue} {
		for e := range q.each {
			if !yield(e) {
				return
			}
		}
	}
}

// cancelAll ends every task that was accepted so far. All are asked under one lock,
// so that none that comes back from its life meanwhile is missed.
func (c *core[T, Q, R, C]) cancelAll(as *ganger.Error) {
	c.mu.Lock()
	carry := []func(){c.clearLocked(as)}
	for _, s := range c.seats {
		for _, h := range s.lives {
			for e := range h.hand.each {
				carry = append(carry, c.askLocked(e, as))
			}
			for _, e := range h.casualties {
				carry = append(carry, c.askLocked(e, as))
			}
		}
	}
	c.mu.Unlock()
	for _, f := range carry {
		f()
	}
}
