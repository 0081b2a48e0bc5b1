package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/life"
)

// ErrNameTaken is wrapped by the error of a launch under the name of a worker
// that is in the table, in whatever state.
var ErrNameTaken = errors.New("worker: the name is taken")

// ErrTableClosed is wrapped by the error of a launch in a table that was closed.
var ErrTableClosed = errors.New("worker: the table is closed")

// ward is what all workers of a table share, without their types.
type ward struct {
	name       string
	kinds      map[reflect.Type]*found
	last       atomic.Pointer[found] // the newest that was looked up
	onError    func(ctx context.Context, s, q any, err error) Verdict
	onDone     func(ctx context.Context, s, q any, pushed, started, ended time.Time)
	onIdle     func(ctx context.Context, s any)
	close      func(ctx context.Context, s any, why error) error
	next       func(ctx context.Context, s any) (any, error)
	merge      func(pending, incoming any) any
	box        bool
	room       int // of a bounded mailbox, else 0
	dropOldest bool
	policy     life.Policy
	pending    Pending
	told       func(err error) // Escalate
	idle       time.Duration
	limit      time.Duration
	grace      time.Duration
	start      time.Duration // negative: for ever
	hub        *inspect.Hub
	group      *group    // nil: one for one
	far        *far      // nil: on goroutines
	away       *resident // not nil: of a Self in a process
	jitter     func() float64
	trace      atomic.Pointer[trace] // of the last panic of any of them
	epoch      time.Time
	all        sync.WaitGroup // goroutines of the table itself
	dead       graveyard
}

// now returns the instant: nanoseconds since the table was made, never 0. It costs
// half of what a time does.
func (t *ward) now() int64 { return int64(time.Since(t.epoch)) }

// time returns the time of an instant.
func (t *ward) time(instant int64) time.Time { return t.epoch.Add(time.Duration(instant)) }

// escalate tells the table's owner that a worker's circuit is open for good. Its
// goroutine is the owner's, who may close the table in it.
func (t *ward) escalate(err error) {
	if t.told != nil {
		go t.told(err)
	}
}

// Table holds the workers of one sort that have one kind of mailbox, by name. F
// is the ref that the kind of mailbox has. It is safe for concurrent use.
type Table[N comparable, P, F any] struct {
	ward   *ward
	ref    func(*core) F
	begin  func(c *core, n N, p P, ctx context.Context) (any, error)
	remove func() // from the hub

	mu     sync.Mutex // guards what follows; taken before a worker's lock or alone
	byName map[N]*core
	closed bool
}

// NewQueue makes a table of workers whose mailbox is a queue without a bound. It
// panics when d is not complete.
func NewQueue[W any, N comparable, P, S any](d *Def[W, N, P, S], c Config) *Table[N, P, Queue[W]] {
	return newTable(d, c, &ward{}, func(c *core) Queue[W] { return Queue[W]{Ref{c}} })
}

// NewBounded makes a table of workers whose mailbox holds size requests, the one
// in hand not counted. It panics when size is less than 1 or d not complete.
func NewBounded[W any, N comparable, P, S any](d *Def[W, N, P, S], size int, c Config) *Table[N, P, Bounded[W]] {
	if size < 1 {
		panic(fmt.Sprintf("worker: a mailbox for %d requests", size))
	}
	return newTable(d, c, &ward{room: size, dropOldest: c.DropOldest}, func(c *core) Bounded[W] { return Bounded[W]{Ref{c}} })
}

// NewLatest makes a table of workers whose mailbox is a box for one request.
// merge is given what is there and what comes, and returns what is to be there: one
// of them, another request of W, or nil for none. It runs on the goroutine of
// whoever puts, one at a time for each worker, and other puts wait for it; it must
// not put into that worker itself. Nil: the newest wins. A caller
// whose request has to leave gets Cancelled (superseded).
func NewLatest[W any, N comparable, P, S any](d *Def[W, N, P, S], merge func(pending, incoming Post[W]) Post[W], c Config) *Table[N, P, Latest[W]] {
	t := &ward{box: true}
	if merge != nil {
		t.merge = func(pending, incoming any) any {
			if q := merge(pending.(Post[W]), incoming.(Post[W])); q != nil {
				return q
			}
			return nil
		}
	}
	return newTable(d, c, t, func(c *core) Latest[W] { return Latest[W]{Ref{c}} })
}

// NewSource makes a table of workers that call next for each request, on their
// own goroutine; next waits until there is one, or ctx ends. io.EOF ends the life
// in order: a worker that is Permanent is launched again, any other is not. Any
// other error is a crash.
func NewSource[W any, N comparable, P, S any](d *Def[W, N, P, S], next func(context.Context, S) (Post[W], error), c Config) *Table[N, P, Source[W]] {
	if next == nil {
		panic("worker: a source needs a function to pull from")
	}
	t := &ward{next: func(ctx context.Context, s any) (any, error) {
		q, err := next(ctx, s.(holder[S]).s)
		if q == nil {
			return nil, err
		}
		return q, err
	}}
	return newTable(d, c, t, func(c *core) Source[W] { return Source[W]{Ref{c}} })
}

// newTable makes a table of what the definition, the configuration and the kind
// of mailbox say.
func newTable[W any, N comparable, P, S, F any](d *Def[W, N, P, S], c Config, t *ward, ref func(*core) F) *Table[N, P, F] {
	if d.Launch == nil {
		panic("worker: a definition needs Launch")
	}
	t.name = cmp.Or(d.Group, reflect.TypeFor[W]().Name(), "worker")
	t.kinds = d.kinds
	if f := d.OnError; f != nil {
		t.onError = func(ctx context.Context, s, q any, err error) Verdict {
			return f(ctx, s.(holder[S]).s, q.(Post[W]), err)
		}
	}
	if f := d.OnDone; f != nil {
		t.onDone = func(ctx context.Context, s, q any, pushed, started, ended time.Time) {
			f(ctx, s.(holder[S]).s, q.(Post[W]), pushed, started, ended)
		}
	}
	if f := d.OnIdle; f != nil {
		t.onIdle, t.idle = func(ctx context.Context, s any) { f(ctx, s.(holder[S]).s) }, c.Idle
	}
	if f := d.Close; f != nil {
		t.close = func(ctx context.Context, s any, why error) error { return f(ctx, s.(holder[S]).s, why) }
	}
	t.policy, t.pending, t.told = c.Restart, c.Pending, c.Escalate
	t.limit = c.Limit
	t.grace = max(cmp.Or(c.Grace, DefaultGrace), 0)
	t.start = cmp.Or(c.StartTimeout, life.DefaultStartTimeout)
	t.hub = c.Hub
	t.dead.room = max(cmp.Or(c.Obituaries, DefaultObituaries), 0)
	t.epoch = time.Now().Add(-1) // so that no instant is 0, which means none
	t.jitter = rand.Float64
	if c.Behind != nil {
		t.far = newFar(c, t.kinds, reflect.TypeFor[N](), reflect.TypeFor[P]())
	}
	if c.Strategy != OneForOne {
		t.group = newGroup(t, c.Strategy == RestForOne)
	}
	table := &Table[N, P, F]{ward: t, ref: ref, byName: map[N]*core{}}
	table.begin = func(c *core, n N, p P, ctx context.Context) (any, error) {
		s, err := d.Launch(ctx, Self[W]{Ref{c}}, n, p)
		return holder[S]{s}, err
	}
	table.remove = c.Hub.Add(table)
	return table
}

// placed is a worker's seat in its table.
type placed[N comparable, P, F any] struct {
	table *Table[N, P, F]
	n     N
	p     P
	text  string // of n, which is not asked under a lock
}

func (s *placed[N, P, F]) name() string { return s.text }

func (s *placed[N, P, F]) launch(ctx context.Context, c *core) (any, error) {
	return s.table.begin(c, s.n, s.p, ctx)
}

func (s *placed[N, P, F]) launched(incarnation uint64) any {
	return launched[N, P]{s.n, s.p, incarnation}
}

func (s *placed[N, P, F]) leave(c *core) {
	t := s.table
	t.mu.Lock()
	if t.byName[s.n] == c {
		delete(t.byName, s.n)
	}
	t.mu.Unlock()
	if g := t.ward.group; g != nil {
		g.remove(c)
	}
}

// Launch launches a worker and returns once it is ready. The error wraps
// [ErrNameTaken] when the name is in use, [ErrTableClosed] after Close, and is
// Rejected (start) with Launch's own error when that failed, or Cancelled when ctx
// ended or the worker was stopped first; the name is free again then, for which Launch has
// [Config].Grace after ctx has ended.
func (t *Table[N, P, F]) Launch(ctx context.Context, name N, p P) (F, error) {
	c, goOn, err := t.add(name, p)
	if err != nil {
		var none F
		return none, err
	}
	return t.launch(ctx, c, goOn)
}

// launch has a worker that was added begin its first life.
func (t *Table[N, P, F]) launch(ctx context.Context, c *core, goOn func() <-chan error) (F, error) {
	var none F
	first := goOn()
	select {
	case err := <-first:
		if err != nil {
			<-c.over()
			return none, err
		}
		return t.ref(c), nil
	case <-ctx.Done():
	}
	c.stop(context.Cause(ctx))
	<-c.over()
	return none, withdrawn(c, ctx)
}

// LaunchOrFind finds the worker of that name, or launches it. One that is
// stopping is waited for and launched anew. The ref of one that another call
// launches at this moment is returned at once, as from Find. A handler of the one
// that is stopping gets [ErrSelf].
func (t *Table[N, P, F]) LaunchOrFind(ctx context.Context, name N, p P) (f F, launched bool, err error) {
	for {
		c, goOn, err := t.add(name, p)
		if err == nil {
			f, err := t.launch(ctx, c, goOn)
			return f, err == nil, err
		}
		if !errors.Is(err, ErrNameTaken) {
			return f, false, err
		}
		t.mu.Lock()
		c = t.byName[name]
		t.mu.Unlock()
		if c == nil {
			continue // it has just gone
		}
		c.mu.Lock()
		leaving := c.final
		c.mu.Unlock()
		if !leaving {
			return t.ref(c), false, nil
		}
		if of(ctx) == c {
			return f, false, fmt.Errorf("launch %s: %w", c.seat.name(), ErrSelf)
		}
		select {
		case <-c.over():
		case <-ctx.Done():
			return f, false, withdrawn(c, ctx)
		}
	}
}

// add takes the name for a worker, which is starting then.
func (t *Table[N, P, F]) add(name N, p P) (c *core, goOn func() <-chan error, err error) {
	s := &placed[N, P, F]{t, name, p, fmt.Sprint(name)}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, nil, fmt.Errorf("launch %s: %w", s.text, ErrTableClosed)
	}
	if name != name {
		return nil, nil, fmt.Errorf("launch %s: a name that is not equal to itself could never be found", s.text)
	}
	if t.byName[name] != nil {
		return nil, nil, fmt.Errorf("launch %s: %w", s.text, ErrNameTaken)
	}
	first := make(chan error, 1)
	c = &core{table: t.ward, seat: s, first: first}
	c.work = func() { c.loop(nil) }
	if t.ward.merge != nil {
		c.puts = sync.NewCond(&c.mu)
	}
	t.byName[name] = c
	if g := t.ward.group; g != nil {
		g.add(c)
	}
	begun, _ := c.begin()
	return c, func() <-chan error {
		go begun() // ends with the worker's life, or its abandonment
		return first
	}, nil
}

// Find returns the worker of that name: starting, living, between two lives or
// stopping, but not dead for good.
func (t *Table[N, P, F]) Find(name N) (f F, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.byName[name]
	if c == nil {
		return f, false
	}
	return t.ref(c), true
}

// All yields the workers that Find would find at the time of the call, in no
// order.
func (t *Table[N, P, F]) All() iter.Seq2[N, F] {
	return func(yield func(N, F) bool) {
		for _, c := range t.cores() {
			if !yield(c.seat.(*placed[N, P, F]).n, t.ref(c)) {
				return
			}
		}
	}
}

func (t *Table[N, P, F]) cores() []*core {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]*core, 0, len(t.byName))
	for _, c := range t.byName {
		all = append(all, c)
	}
	return all
}

// Dead returns the newest obituaries, oldest first: one for each life that ended,
// and for each start that came to nothing.
func (t *Table[N, P, F]) Dead() []inspect.Obituary { return t.ward.dead.all() }

// Close stops every worker and returns when they are dead and every goroutine has
// ended but those that were abandoned, or context.Cause(ctx) if ctx ends first.
// Nothing can be launched once it was called, but with the context of a handler of
// one of its workers it does nothing and returns [ErrSelf]. Workers that crash together are stopped one after
// the other, the last launched first; others all at once.
func (t *Table[N, P, F]) Close(ctx context.Context) error {
	if self := of(ctx); self != nil && self.table == t.ward {
		return ErrSelf
	}
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	all := t.cores()
	if g := t.ward.group; g != nil {
		g.close()
	} else {
		for _, c := range all {
			c.stop(nil)
		}
	}
	for _, c := range all {
		select {
		case <-c.over():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	t.ward.all.Wait()
	t.remove()
	return nil
}
