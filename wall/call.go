package wall

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/ganger-dev/ganger"
)

// Ender is told once that its call has ended. It is an interface because a
// method value would cost two allocations a call.
type Ender[R any] interface{ EndCall(*Call[R]) }

// Call is one request in an instance's hands. It is embedded in the caller's
// own record, so that a call allocates nothing; it is used once and must not be
// copied. The caller sets Host (may be nil) and End before Start, and reads
// Response and Err after End was told.
type Call[R any] struct {
	Host     Host
	End      Ender[R]
	Response R
	Err      error // nil, ErrUnsent or a *ganger.Error
	// Tag is for whoever performs the call, such as a session's id on the wire.
	Tag uint64

	// What follows is read and written by whoever starts, cancels and ends the
	// call, mostly one after the other, so that a lock for each step would cost
	// more than the steps. Ask sets as before it looks at phase, and leaves its
	// mark on a fresh one: so either begin finds the mark and ends the call, or
	// Ask finds it begun, never both.
	phase atomic.Uint32
	as    atomic.Pointer[ganger.Error] // what it was asked to end as; nil: not asked
	via   finisher[R]                  // translates what a session says; nil: Finish concludes; set by begin

	timerMu sync.Mutex  // guards timer; never held across a call of ours
	timer   *time.Timer // the grace, while it runs; only of a call that was asked
}

// The phases of a call.
const (
	fresh uint32 = iota
	asked        // to end, while fresh
	begun
	ended
)

// finisher is an instance that stands between a session and a call's end.
type finisher[R any] interface {
	finish(c *Call[R], r R, err error)
}

// Finish is how a session, or whatever performs the call, says what became of
// it: the response, or one of this package's errors, a [*ganger.Error], or any
// other error for the worker's own words. It must be called exactly once for
// each begun call, also when the life dies, and may block until the exit of a
// dying life is known. Then it tells End.
func (c *Call[R]) Finish(r R, err error) {
	if c.via != nil {
		c.via.finish(c, r, err)
		return
	}
	c.Conclude(r, err)
}

// Begin is for authors of instances: it takes the call in hand. It reports
// false if the call was asked to end before it was started; it has then ended,
// its End was told, and there is nothing to perform.
func (c *Call[R]) Begin() bool { return c.begin(nil) }

func (c *Call[R]) begin(via finisher[R]) bool {
	if c.phase.Load() < begun {
		c.via = via // before others may see that it has begun
	}
	if c.phase.CompareAndSwap(fresh, begun) {
		return true
	}
	if !c.phase.CompareAndSwap(asked, begun) {
		panic("wall: a call was started twice")
	}
	var none R
	c.Conclude(none, c.as.Load())
	return false
}

// Ask is for authors of instances: it records that the call is to end as the
// given error, and reports whether the instance must now see to it: the call is
// in hand and had not been asked before.
func (c *Call[R]) Ask(as *ganger.Error) bool {
	if c.phase.Load() == ended || !c.as.CompareAndSwap(nil, as) {
		return false
	}
	return !c.phase.CompareAndSwap(fresh, asked) && c.phase.Load() == begun
}

// Asked returns what the call was asked to end as, nil if it was not.
func (c *Call[R]) Asked() *ganger.Error { return c.as.Load() }

// After is for authors of instances: it runs f on its own goroutine after d
// unless the call, which was asked to end, ends first. At most one f is pending;
// f may run just as the call ends and must check for itself.
func (c *Call[R]) After(d time.Duration, f func()) {
	c.timerMu.Lock()
	defer c.timerMu.Unlock()
	if c.phase.Load() == begun { // who ends it now waits for the lock, and finds the timer
		c.timer = time.AfterFunc(d, f)
	}
}

// Ended reports whether the call has ended.
func (c *Call[R]) Ended() bool { return c.phase.Load() == ended }

// Conclude is for authors of instances: it ends a begun call with exactly this
// response or error, which must be nil, ErrUnsent or a *ganger.Error, and tells
// End. To conclude a call twice is a bug and panics.
func (c *Call[R]) Conclude(r R, err error) {
	if !c.TryConclude(r, err) {
		panic("wall: a call ended twice")
	}
}

// TryConclude is Conclude for instances in which two parties may race to end a
// call, such as the work and the grace that abandons it. It reports whether this
// one ended it.
func (c *Call[R]) TryConclude(r R, err error) bool {
	if c.phase.Swap(ended) == ended {
		return false
	}
	if c.as.Load() != nil {
		c.stopTimer()
	}
	c.Response, c.Err = r, err
	c.End.EndCall(c)
	return true
}

func (c *Call[R]) stopTimer() {
	c.timerMu.Lock()
	timer := c.timer
	c.timer = nil
	c.timerMu.Unlock()
	if timer != nil {
		timer.Stop()
	}
}
