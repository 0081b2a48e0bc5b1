package life

import (
	"cmp"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/wall"
)

// The meanings of the zero clocks of a [Keeper].
const (
	DefaultStartTimeout = 30 * time.Second
	DefaultStopGrace    = 5 * time.Second
)

// Keeper keeps one seat filled with lives of type L. Its fields are set before
// [Keeper.Run] and not changed after; Wall is required. It must not be copied.
type Keeper[L wall.Life] struct {
	Group, Name string // of the worker, for people and events
	Wall        wall.Wall[L]
	// Start is what every life is told; Name and Incarnation are filled in.
	Start wall.Start
	// StartTimeout is how long a start may take until the life is ready. Zero
	// means 30 s; negative, for ever.
	StartTimeout time.Duration
	// StopGrace is how long a life may take to leave politely. Zero means 5 s;
	// negative, no time at all.
	StopGrace time.Duration
	Policy    Policy
	// TTL is the age at which a life is replaced. Zero: never.
	TTL time.Duration
	// Spread is a share of TTL, from 0 to 1: each life draws how much earlier, at
	// most that, it is replaced, so that lives that began together do not end so.
	Spread float64
	// Overlap: a life that is to be replaced serves on until its successor is
	// ready. There are at most two lives on the seat then.
	Overlap bool
	// Vacant: Run begins with an empty seat, which Want or Nudge fills.
	Vacant bool
	// Hub is told every change of a life's state, but not those between idle and
	// busy, which serve knows. Nil discards.
	Hub *inspect.Hub
	// OnOpen is told that the circuit has opened, and why: the last error, which
	// is a [wall.StartError] if the last life never became ready. OnClose is told
	// that a life became ready after that. Both may be nil and must not block.
	OnOpen  func(err error)
	OnClose func()
	// OnEnd is told the end of each life, and of each start that came to nothing.
	// It may be nil and must not block.
	OnEnd func(inspect.Obituary)
	// Jitter draws a number in [0, 1). Nil means math/rand.
	Jitter func() float64

	mu     sync.Mutex // guards what follows; never held across a call
	wake   chan struct{}
	wanted bool
	nudged bool
	number uint64 // of the newest incarnation
	view   view[L]
}

// view is what is to be seen from outside.
type view[L wall.Life] struct {
	worker inspect.Worker
	life   L
	alive  bool // life is set
}

// Run keeps the seat until ctx ends, or until the policy says that the worker
// does not live again, and returns when every life is gone and every serve has
// returned: context.Cause(ctx), or nil.
//
// It calls serve for each life that became ready, on a goroutine of its own,
// with a context that ends with the life (its cause is a [*ganger.Error] with
// the exit then) or with ctx. Serve returns why it lets a living life go; the
// life is then stopped. For a life that died by itself that makes no
// difference, but for two reasons: [ganger.LeavingStartFailed] says that the
// life, dead or alive, never became ready after all, and counts as a start that
// came to nothing; [ganger.LeavingIdle] leaves the seat vacant. "" means
// [ganger.LeavingStopped].
//
// While a life leaves, serve may already have been called for its successor.
// Run may be called again after it has returned, but not twice at once.
func (k *Keeper[L]) Run(ctx context.Context, serve func(ctx context.Context, t *Tenure[L]) ganger.Leaving) error {
	s := &seat[L]{
		k: k, ctx: ctx, serve: serve,
		wake: k.waker(), news: make(chan func()),
		startTimeout: cmp.Or(k.StartTimeout, DefaultStartTimeout),
		stopGrace:    max(cmp.Or(k.StopGrace, DefaultStopGrace), 0),
		jitter:       k.Jitter,
	}
	if s.jitter == nil {
		s.jitter = rand.Float64
	}
	s.run()
	s.all.Wait()
	return context.Cause(ctx)
}

// Want fills the seat if it is vacant. If it is filled the call is remembered
// until the next life, so that it is not lost between an idle serve's decision
// to return and its return; call it only for a seat that was let go.
func (k *Keeper[L]) Want() {
	k.mu.Lock()
	k.wanted = true
	k.mu.Unlock()
	k.signal()
}

// Nudge ends whatever keeps an empty seat empty: a delay, an open circuit, or
// vacancy. It does nothing while the seat is filled or a start is under way.
func (k *Keeper[L]) Nudge() {
	k.mu.Lock()
	k.nudged = true
	k.mu.Unlock()
	k.signal()
}

// View fills in what the keeper knows of a worker: all but its requests, its
// competence and its counts of them. A life that may be busy is called idle. It
// never waits for the worker.
func (k *Keeper[L]) View(w *inspect.Worker) {
	k.mu.Lock()
	v := k.view
	k.mu.Unlock()
	w.Group, w.Name, w.Wall = k.Group, k.Name, k.Wall.Traits().Name
	w.Incarnation, w.Restarts = v.worker.Incarnation, v.worker.Restarts
	w.State, w.Detail = v.worker.State, v.worker.Detail
	w.Since, w.Born, w.Retry, w.Last = v.worker.Since, v.worker.Born, v.worker.Retry, v.worker.Last
	w.PID, w.Memory = 0, 0
	if w.State == 0 { // Run was not called yet
		w.State, w.Detail = ganger.Dead, "vacant"
	}
	if v.alive {
		u := v.life.Usage()
		w.PID, w.Memory = u.PID, u.Memory
	}
}

// waker returns the channel by which the seat's goroutine is woken.
func (k *Keeper[L]) waker() chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.wake == nil {
		k.wake = make(chan struct{}, 1) // a signal, not a queue
	}
	return k.wake
}

func (k *Keeper[L]) signal() {
	select {
	case k.waker() <- struct{}{}:
	default: // it is awake already
	}
}

// take returns what was asked since the last time. A want stays until a life is
// there; a nudge does not.
func (k *Keeper[L]) take() (wanted, nudged bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	wanted, nudged = k.wanted, k.nudged
	k.nudged = false
	return wanted, nudged
}

// incarnate returns the number of a new incarnation.
func (k *Keeper[L]) incarnate() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.number++
	return k.number
}
