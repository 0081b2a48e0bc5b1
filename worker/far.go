package worker

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// far is what a table knows of the wall that its workers live behind.
type far struct {
	wall  Behind
	name  string // of the wall
	codec codec
	kinds map[string]*found // by word
	words map[*found]string
}

// newFar checks that everything can cross the wall that the configuration names.
func newFar(c Config, kinds map[reflect.Type]*found, name, params reflect.Type) *far {
	w, ok := c.Behind.(Behind)
	if !ok {
		panic(fmt.Sprintf("worker: Config.Behind is a %T, which is no worker.Coder: make it with worker/behind.Wall", c.Behind))
	}
	f := &far{wall: w, name: w.Traits().Name, codec: codec{w}, kinds: map[string]*found{}, words: map[*found]string{}}
	check := func(what string, t reflect.Type) {
		if err := w.Check(t); err != nil {
			panic(fmt.Sprintf("worker: %s %v cannot cross the wall of Config.Behind: %v", what, t, err))
		}
	}
	check("the name", name)
	check("the parameter", params)
	for _, k := range slices.SortedFunc(maps.Values(kinds), func(a, b *found) int { return strings.Compare(a.t.String(), b.t.String()) }) {
		q, r := k.types()
		check("the request", q)
		check(fmt.Sprintf("the response to %v,", q), r)
		word := wordOf(q)
		if f.kinds[word] != nil {
			panic(fmt.Sprintf("worker: two types of requests have the name %s, by which a process knows them", word))
		}
		f.kinds[word], f.words[k] = k, word
	}
	return f
}

// remote is one life of a worker behind a wall, as the coordinator sees it.
// Whoever has the worker's turn has one call of it in hand.
type remote struct {
	far    *far
	core   *core
	worker string // for people
	number uint64 // of the life

	rouse chan struct{} // the worker has something to do; room for the one signal

	// Of whoever has the turn.
	unsent bool // the last call never reached the process

	mu     sync.Mutex // guards what follows; taken after the worker's lock, never held across a call
	inst   wall.Instance[Envelope, Envelope]
	why    ganger.Leaving // of a kill that came before there was anything to kill
	within *scope         // the context of the call in hand
	call   *wall.Call[Envelope]
}

// open starts a process for the present life of c, and watches it.
func (f *far) open(ctx *scope, c *core) (*remote, error) {
	c.mu.Lock()
	st := wall.Start{Name: c.seat.name(), Incarnation: uint64(c.incarnation), Grace: c.table.grace}
	if st.Grace == 0 {
		st.Grace = -1 // none; zero would be the default
	}
	l := &remote{far: f, core: c, worker: st.Worker(), number: st.Incarnation, rouse: make(chan struct{}, 1)}
	c.extraLocked().life = l
	c.mu.Unlock()
	inst, err := f.wall.Open(ctx, st)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.inst = inst
	why := l.why
	l.mu.Unlock()
	if why != "" {
		inst.Kill(why)
	}
	c.table.all.Go(l.watch)
	return l, nil
}

// kill ends the process. What it has in hand ends then.
func (l *remote) kill(why ganger.Leaving) {
	l.mu.Lock()
	inst := l.inst
	if inst == nil && l.why == "" {
		l.why = why
	}
	l.mu.Unlock()
	if inst != nil {
		inst.Kill(why)
	}
}

// usage is what the process uses.
func (l *remote) usage() (u wall.Usage) {
	l.mu.Lock()
	inst := l.inst
	l.mu.Unlock()
	if inst != nil {
		u = inst.Usage()
	}
	return u
}

// over reports whether the process has ended.
func (l *remote) over() bool {
	select {
	case <-l.inst.Gone():
		return true
	default:
		return false
	}
}

// watch is the goroutine of the life: it has the worker do what there is to do
// when it is roused, and ends its life when the process ends with nothing in hand.
// With something in hand that call tells of it. A goroutine for each occasion
// would grow its stack each time for what calls of a process take.
func (l *remote) watch() {
	c := l.core
	for {
		select {
		case <-l.rouse:
			c.loop(nil)
			continue
		case <-l.inst.Gone():
		}
		break
	}
	c.mu.Lock()
	if c.data != l || c.ending != nil || !c.mineLocked() {
		c.mu.Unlock()
		return
	}
	crash := l.died(nil)
	c.condemnLocked(crash, words(crash.Err))
	turn := c.turn
	c.mu.Unlock()
	c.conclude(turn)
}

// goOn has a goroutine do what the worker was just roused for: that of its
// present life l, if it is behind a wall.
func (c *core) goOn(l *remote) {
	if l != nil {
		l.rouse <- struct{}{}
		return
	}
	go c.work()
}

// launch makes the state of a new life in a process of its own. A process that
// ends meanwhile was not started.
func (f *far) launch(ctx *scope, c *core) (l *remote, crash *ganger.Error, err error) {
	if l, err = f.open(ctx, c); err != nil {
		return nil, nil, err
	}
	body, err := f.codec.Encode(c.seat.launched(l.number))
	if err != nil {
		return nil, nil, &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseEncode, Worker: l.worker, Err: err}
	}
	_, crash, err = l.do(ctx, Envelope{wordLaunch, body})
	if crash != nil && crash.Exit.Reason != ganger.LeavingPanic {
		return nil, nil, &wall.StartError{
			Worker: l.worker, Command: f.wall.Traits().Command, Exit: crash.Exit, Err: errUnlaunched,
		}
	}
	return l, crash, err
}

var errUnlaunched = errors.New("ended while it was launched")
