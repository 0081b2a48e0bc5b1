package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"sync"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/life"
)

// core is one worker, from its launch to its end for good, without its types.
//
// Whoever has the turn acts for the worker: a goroutine of its own while there
// is something to do, and nobody while it is idle. A goroutine that is abandoned
// finds, when it comes back, that the turn is another's, and leaves. So the
// state needs no owner beyond the lock, and code of the user is never called
// under it.
type core struct {
	table *ward
	seat  seat
	work  func()     // c.loop: bound once, so that starting it allocates nothing
	puts  *sync.Cond // of a box that merges, nil elsewhere: puts wait here, see merged

	mu          sync.Mutex // guards what follows
	state       ganger.State
	detail      string
	running     bool  // somebody has the turn
	roused      bool  // it is a goroutine that has not begun yet
	live        bool  // the present life was launched and not yet closed
	final       bool  // there is no next life, and the mailbox takes nothing more
	gone        bool  // dead for good
	idleDue     bool  // OnIdle is to be called
	owed        bool  // its group launches it again; guarded by the group's lock
	merged      *item // merge is called for it, without the lock: what comes later is merged later
	incarnation uint32
	turn        uint64
	ids         uint64
	since       int64 // instants: of the state, of the present life, of its readiness
	started     int64
	birth       int64
	scope       *scope // of the present life
	data        any    // its state, a holder[S]
	waiting     list   // pending requests
	spare       *item  // some that were used, for pushes
	spares      int
	current     *item
	taken       int64   // instant at which it was
	request     *scope  // its own, nil if it has none
	ending      *ending // the present life is ending
	err         error   // why it is dead for good
	done        chan struct{}
	succeeded   uint64
	failed      uint64
	first       chan error // told how the first launch went, nil once it was
	x           *extra
}

// extra is what few workers ever need.
type extra struct {
	blocked   list // those that wait for room
	grace     *time.Timer
	start     alarm
	limit     alarm
	idle      alarm
	retry     *time.Timer
	retryAt   time.Time
	past      *life.Past
	life      *remote // the present life, if it is behind a wall
	last      *inspect.Obituary
	abandoned uint64
}

// ending is why the present life ends and what follows. What is in hand then
// ends Cancelled with the cause.
type ending struct {
	why   error
	said  string // of why, which is not asked under the lock
	exit  ganger.Exit
	cause ganger.Cause
	next  life.Verdict
	group bool    // the group launches it again
	last  *sketch // what was in hand
}

// seat is a worker's place in its table, with the types.
type seat interface {
	name() string
	launch(ctx context.Context, c *core) (any, error)
	launched(incarnation uint64) any // what a process is told to launch
	leave(c *core)
}

// extraLocked returns the extra, which is made now if it was never needed.
func (c *core) extraLocked() *extra {
	if c.x == nil {
		c.x = &extra{}
	}
	return c.x
}

// The details of the state of a worker that waits for its next life.
const (
	backOff     = "back-off"
	circuitOpen = "circuit open"
)

// idLocked names the present life for people.
func (c *core) idLocked() string { return fmt.Sprintf("%s#%d", c.seat.name(), c.incarnation) }

// kindOf returns the handler for requests of type t.
func (c *core) kindOf(t reflect.Type) (*found, error) {
	// Most workers get many of one type in a row; to remember the last costs less
	// than to look into the map.
	w := c.table
	if last := w.last.Load(); last != nil && last.t == t {
		return last, nil
	}
	if k := w.kinds[t]; k != nil {
		w.last.Store(k)
		return k, nil
	}
	return nil, unhandled(c.seat.name(), t)
}

// refusalLocked is the end of a request that came too late.
func (c *core) refusalLocked() error {
	e := &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseClosed, Worker: c.seat.name(), Err: c.err}
	if e.Err == nil {
		e.Err = errStopped
	}
	return e
}

var (
	errStopped     = errors.New("the worker was stopped")
	errFull        = errors.New("the mailbox has no room")
	errSourceEnded = fmt.Errorf("its source has ended: %w", io.EOF)
)

// push posts q, which nobody waits for. A full mailbox refuses it.
func (c *core) push(q any) error {
	k, err := c.kindOf(reflect.TypeOf(q))
	if err != nil {
		return err
	}
	now := c.table.now()
	c.mu.Lock()
	it := c.itemLocked(k, q)
	return c.addLocked(it, now, false)
}

// itemLocked returns a request that nobody waits for.
func (c *core) itemLocked(k *found, q any) *item {
	it := c.spare
	if it == nil {
		it = &item{}
	}
	c.spare, it.next = it.next, nil
	c.spares = max(c.spares-1, 0)
	it.kind, it.what = k, q
	return it
}

// spareLocked keeps it, which nobody else knows any more, for another push.
func (c *core) spareLocked(it *item) {
	if c.spares < maxSpares {
		*it = item{next: c.spare}
		c.spare = it
		c.spares++
	}
}

// maxSpares is how many used requests a busy worker keeps; an idle one keeps one.
const maxSpares = 128

// post posts it, which waits for room if there is none.
func (c *core) post(_ context.Context, it *item) error {
	now := c.table.now()
	c.mu.Lock()
	return c.addLocked(it, now, true)
}

// refuseLocked returns the end of a request that came too late, and unlocks.
func (c *core) refuseLocked() error {
	defer c.mu.Unlock()
	return c.refusalLocked()
}

// addLocked puts it into the mailbox and unlocks.
func (c *core) addLocked(it *item, now int64, wait bool) error {
	if c.final {
		return c.refuseLocked()
	}
	c.ids++
	it.id, it.pushed = c.ids, now
	var displaced caller
	if t := c.table; t.room > 0 && c.waiting.n >= t.room {
		switch {
		case t.dropOldest:
			displaced = c.settleLocked(c.waiting.pop(), superseded(c.seat.name()))
		case wait:
			it.at = blocked
			c.extraLocked().blocked.push(it)
			c.mu.Unlock()
			return nil
		default:
			c.mu.Unlock()
			return &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseFull, Worker: c.seat.name(), Err: errFull}
		}
	}
	it.at = pending
	c.waiting.push(it)
	c.acceptedLocked(it)
	start, here, l := c.rouseLocked(now), it.here, c.remoteLocked()
	c.mu.Unlock()
	wake(displaced)
	switch {
	case start && here:
		c.loop(it)
	case start:
		c.goOn(l)
	}
	return nil
}

// rouseLocked gives the turn to the goroutine that the caller starts, if the
// worker is idle.
func (c *core) rouseLocked(now int64) bool {
	if c.running || c.state != ganger.Idle {
		return false
	}
	c.running, c.roused = true, true
	c.state, c.since = ganger.Busy, max(now, c.since) // now was read before the lock was had
	return true
}

// takeLocked takes the next request in hand. Whoever waited longest for room
// gets it.
func (c *core) takeLocked(now int64) *item {
	it := c.waiting.pop()
	if it == nil {
		return nil
	}
	it.at = inHand
	c.current, c.taken = it, max(now, it.pushed)
	c.admitLocked()
	return it
}

// admitLocked gives the room that there is now to those who waited longest for it.
func (c *core) admitLocked() {
	for x := c.x; x != nil && x.blocked.n > 0 && c.waiting.n < c.table.room; {
		it := x.blocked.pop()
		it.at = pending
		c.waiting.push(it)
		c.acceptedLocked(it)
	}
}

// acceptedLocked wakes a caller that waits for no more than room.
func (c *core) acceptedLocked(it *item) {
	if g, ok := it.what.(*gate); ok {
		it.what, it.waited, g.q = g.q, false, nil
		g.wake()
	}
}

// settleLocked gives it its end and returns whoever is to be woken. The first
// end counts.
func (c *core) settleLocked(it *item, err error) caller {
	if it.at == settled {
		return nil
	}
	it.shared = it.at == inHand || it.at == merging
	switch {
	case it.at == blocked: // never accepted
	case err == nil:
		c.succeeded++
	default:
		c.failed++
	}
	it.at = settled
	w := it.caller()
	if w != nil {
		w.settle(err)
	}
	return w
}

func wake(w caller) {
	if w != nil {
		w.wake()
	}
}
