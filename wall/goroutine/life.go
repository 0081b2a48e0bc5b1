package goroutine

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/rescue"
	"github.com/ganger-dev/ganger/wall"
)

// life is one life: a goroutine for each slot, and what they have in hand.
type life[Q, R any] struct {
	id      string
	worker  string
	grace   time.Duration
	perform Perform[Q, R]
	base    context.Context         // the values of the start
	own     context.CancelCauseFunc // ends the context of Begin
	gone    chan struct{}
	// work has room for every call in hand and for the nil that ends each
	// goroutine, so that a send never blocks.
	work chan *request[Q, R]

	mu     sync.Mutex // guards what follows; never held across a call or a channel operation
	hand   []*request[Q, R]
	free   []int // the places in hand that are empty
	ending bool
	dead   bool
	exit   ganger.Exit
	sake   bool // it ends for the sake of one call: the others are not to blame
	last   *time.Timer
}

func newLife[Q, R any](base context.Context, own context.CancelCauseFunc, st wall.Start, slots int, perform Perform[Q, R]) *life[Q, R] {
	l := &life[Q, R]{
		id: "goroutine " + strconv.FormatUint(lives.Add(1), 10), worker: st.Worker(), grace: st.Patience(),
		perform: perform, base: base, own: own, gone: make(chan struct{}),
		work: make(chan *request[Q, R], 2*slots),
		hand: make([]*request[Q, R], slots), free: make([]int, slots),
	}
	for i := range slots {
		l.free[i] = i
		go l.serve() // ends with the life, or is abandoned and counted
	}
	return l
}

func (l *life[Q, R]) ID() string            { return l.id }
func (l *life[Q, R]) Gone() <-chan struct{} { return l.gone }
func (l *life[Q, R]) Usage() wall.Usage     { return wall.Usage{} }
func (l *life[Q, R]) Slots() int            { return len(l.hand) }

func (l *life[Q, R]) Exit() ganger.Exit {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.dead {
		return ganger.Exit{}
	}
	return l.exit
}

func (l *life[Q, R]) Start(q Q, c *wall.Call[R]) {
	if !c.Begin() {
		return
	}
	r := &request[Q, R]{base: l.base, host: c.Host, call: c, q: q}
	l.mu.Lock()
	if l.ending {
		l.mu.Unlock()
		var none R
		c.Conclude(none, wall.ErrUnsent)
		return
	}
	n := len(l.free)
	if n == 0 {
		l.mu.Unlock()
		panic("goroutine: more calls started than the life has slots")
	}
	r.slot, l.free = l.free[n-1], l.free[:n-1]
	l.hand[r.slot] = r
	c.Tag = uint64(r.slot)
	l.mu.Unlock()
	l.work <- r
	if as := c.Asked(); as != nil { // since it was begun, when it was not yet in hand
		l.curb(c, as)
	}
}

func (l *life[Q, R]) Cancel(c *wall.Call[R], as *ganger.Error) {
	if c.Ask(as) {
		l.curb(c, as)
	}
}

// curb ends the context of c and starts its grace, once.
func (l *life[Q, R]) curb(c *wall.Call[R], as *ganger.Error) {
	l.mu.Lock()
	r := l.hand[c.Tag]
	if r == nil || r.call != c || r.curbed {
		l.mu.Unlock()
		return
	}
	r.curbed = true
	l.mu.Unlock()
	r.end(as)
	if l.grace <= 0 {
		go l.abandon(r) // not here: End is told on a goroutine of the life
		return
	}
	c.After(l.grace, func() { l.abandon(r) })
}

// serve performs calls until the life ends.
func (l *life[Q, R]) serve() {
	for r := range l.work {
		if r == nil {
			return
		}
		if !l.take(r) {
			continue
		}
		var v R
		var err error
		// After a panic the life is ending, and a nil waits in the channel; after
		// a Goexit guard does not return.
		if rescue.Call(
			func() { v, err = l.perform(r, r.q, r) },
			func(v any, stack string) { l.fell(r, v, stack) },
		) {
			continue
		}
		l.returned(r, v, err)
	}
}

// take claims r for the goroutine that is to perform it. It reports false if
// the life ended before; r has its end then.
func (l *life[Q, R]) take(r *request[Q, R]) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.taken = l.hand[r.slot] == r
	return r.taken
}

// releaseLocked takes r out of the hand. mine is false if it was abandoned
// before; last is true if the life only waits for it to be gone.
func (l *life[Q, R]) releaseLocked(r *request[Q, R]) (mine, last bool) {
	if l.hand[r.slot] != r {
		return false, false
	}
	l.hand[r.slot] = nil
	l.free = append(l.free, r.slot)
	return true, l.ending && len(l.free) == len(l.hand)
}

// returned takes what a call came to.
func (l *life[Q, R]) returned(r *request[Q, R], v R, err error) {
	l.mu.Lock()
	mine, last := l.releaseLocked(r)
	ending := l.ending
	l.mu.Unlock()
	if !mine {
		abandoned.Add(-1)
		return // nobody waits for it any more
	}
	r.end(context.Canceled) // for what was derived from it and is still there
	if err != nil {
		var none R
		v, err = none, l.verdict(r, err, ending)
	}
	if last {
		l.finish()
	}
	r.call.TryConclude(v, err)
}
