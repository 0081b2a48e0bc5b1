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
	wake    chan struct{} // room for a token for each goroutine: there is work, or no more will come

	mu      sync.Mutex // guards what follows; never held across a call or a channel operation
	hand    []*request[Q, R]
	free    []int            // the places in hand that are empty
	todo    []*request[Q, R] // what was started and not taken, the oldest first
	resting int              // goroutines that wait for a token, and have none coming
	ending  bool
	dead    bool
	exit    ganger.Exit
	sake    bool // it ends for the sake of one call: the others are not to blame
	last    *time.Timer
}

func newLife[Q, R any](base context.Context, own context.CancelCauseFunc, st wall.Start, slots int, perform Perform[Q, R]) *life[Q, R] {
	l := &life[Q, R]{
		id: "goroutine " + strconv.FormatUint(lives.Add(1), 10), worker: st.Worker(), grace: st.Patience(),
		perform: perform, base: base, own: own, gone: make(chan struct{}),
		wake: make(chan struct{}, slots),
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
	r := &request[Q, R]{host: c.Host, call: c, q: q}
	r.Init(l.base)
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
	l.todo = append(l.todo, r)
	// A goroutine that tells an end does not rest, and will look by itself: a
	// call that is started from the end of the one before costs no switch.
	rouse := l.resting > 0
	if rouse {
		l.resting--
	}
	l.mu.Unlock()
	if rouse {
		l.wake <- struct{}{}
	}
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
	r.Cancel(as)
	if l.grace <= 0 {
		go l.abandon(r) // not here: End is told on a goroutine of the life
		return
	}
	c.After(l.grace, func() { l.abandon(r) })
}

// serve performs calls until the life ends.
func (l *life[Q, R]) serve() {
	for {
		r, over := l.take()
		switch {
		case over:
			return
		case r == nil:
			<-l.wake
			continue
		}
		var v R
		var err error
		// After a panic the life is ending; after a Goexit guard does not return.
		if rescue.Call(
			func() { v, err = l.perform(r, r.q, r) },
			func(v any, at rescue.Stack) { l.fell(r, v, at.String()) },
		) {
			continue
		}
		l.returned(r, v, err)
	}
}

// take claims the next call for the goroutine that is to perform it, nil if that
// has to rest. It passes over what the life's end has ended already, and reports
// when nothing more will come.
func (l *life[Q, R]) take() (r *request[Q, R], over bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.todo) > 0 {
		r := l.todo[0]
		last := copy(l.todo, l.todo[1:])
		l.todo[last] = nil
		l.todo = l.todo[:last]
		if l.hand[r.slot] == r {
			r.taken = true
			return r, false
		}
	}
	if !l.dead {
		l.resting++
	}
	return nil, l.dead
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
	r.Finish() // for what was derived from it and is still there
	if err != nil {
		var none R
		v, err = none, l.verdict(r, err, ending)
	}
	if last {
		l.finish()
	}
	r.call.TryConclude(v, err)
}
