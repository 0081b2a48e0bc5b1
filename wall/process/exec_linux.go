package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// launcher is one life of an Exec.
type launcher struct {
	exec   Exec
	start  wall.Start
	env    environment
	number uint64 // in its ID
	gone   chan struct{}

	mu      sync.Mutex // guards what follows
	why     ganger.Leaving
	active  int // calls that have begun and not ended
	running map[*wall.Call[Result]]*child
	newest  *child // nil before the first
	name    string // a program without a slash that was looked up last,
	path    string // and where it was
}

// runner is a launcher with one slot.
type runner struct{ *launcher }

func (e Exec) open(ctx context.Context, s wall.Start) (wall.Instance[Request, Result], error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	e.Slots, e.Limit = cmp.Or(e.Slots, 1), cmp.Or(e.Limit, DefaultLimit)
	if e.Slots < 0 || e.Limit < 0 {
		return nil, fmt.Errorf("Slots is %d and Limit is %d; neither may be negative", e.Slots, e.Limit)
	}
	if err := e.Limits.possible("/proc"); err != nil {
		return nil, err
	}
	if e.Limits.MemorySoft > 0 {
		return nil, errors.New("a MemorySoft is for lives that perform many tasks, not for one process a task")
	}
	if e.Path != "" {
		if _, err := lookPath(e.Path, e.Dir); err != nil {
			return nil, err
		}
	}
	if err := house.enter(func() bool { return ctx.Err() != nil }); err != nil {
		return nil, err
	}
	l := &launcher{
		exec: e, start: s, env: inherited().with(e.Env).with(s.Env), number: house.serial.Add(1),
		gone: make(chan struct{}), running: make(map[*wall.Call[Result]]*child, 1),
	}
	if e.Slots == 1 {
		return runner{l}, nil
	}
	return l, nil
}

func (l *launcher) ID() string            { return "exec " + strconv.FormatUint(l.number, 10) }
func (l *launcher) Slots() int            { return l.exec.Slots }
func (l *launcher) Gone() <-chan struct{} { return l.gone }

// Usage tells the process that was started last.
func (l *launcher) Usage() wall.Usage {
	l.mu.Lock()
	c := l.newest
	l.mu.Unlock()
	if c == nil {
		return wall.Usage{}
	}
	return c.usage()
}

func (l *launcher) Exit() ganger.Exit {
	select {
	case <-l.gone:
		return ganger.Exit{Reason: l.why, Asked: true}
	default:
		return ganger.Exit{}
	}
}

// Start performs q on a goroutine that ends with the call, for which Gone waits.
func (l *launcher) Start(q Request, c *wall.Call[Result]) {
	if l.begin(c) {
		go l.perform(q, c)
	}
}

// Run is as wall.Runner says.
func (r runner) Run(q Request, c *wall.Call[Result]) {
	if r.begin(c) {
		r.perform(q, c)
	}
}

// begin takes c in hand. If it reports false, c has ended.
func (l *launcher) begin(c *wall.Call[Result]) bool {
	if !c.Begin() {
		return false
	}
	l.mu.Lock()
	leaving := l.why != ""
	if !leaving {
		l.active++
	}
	l.mu.Unlock()
	if leaving {
		c.Conclude(Result{}, wall.ErrUnsent)
	}
	return !leaving
}

// perform sees c through to its end.
func (l *launcher) perform(q Request, c *wall.Call[Result]) {
	var p performance
	err := l.launch(&p, q, func() bool { return c.Asked() != nil || l.leaving() })
	if err != nil {
		c.Conclude(Result{}, l.refused(c, err))
	} else {
		l.mu.Lock()
		l.running[c], l.newest = p.child, p.child
		why := l.why
		l.mu.Unlock()
		if why != "" {
			p.child.kill(why)
		}
		if c.Asked() != nil {
			l.giveUp(c)
		}
		r := p.finish()
		l.mu.Lock()
		delete(l.running, c)
		l.mu.Unlock()
		c.Conclude(r, l.verdict(c, &r, p.fault()))
	}
	l.mu.Lock()
	l.active--
	last := l.why != "" && l.active == 0
	l.mu.Unlock()
	if last {
		l.end()
	}
}

// end is called once, when no more calls can begin and none is in hand.
func (l *launcher) end() {
	house.leave()
	close(l.gone)
}

// Cancel ends c's process by TERM and, after the grace, KILL.
func (l *launcher) Cancel(c *wall.Call[Result], as *ganger.Error) {
	if c.Ask(as) {
		l.giveUp(c)
	}
}

// giveUp ends the process of a call that was asked to end. Without a process
// there is nothing to do: perform asks again when it has one.
func (l *launcher) giveUp(c *wall.Call[Result]) {
	l.mu.Lock()
	child := l.running[c]
	l.mu.Unlock()
	if child == nil {
		return
	}
	why := ganger.LeavingCancelled
	if c.Asked().Outcome == ganger.TimedOut {
		why = ganger.LeavingExecTimeout
	}
	grace := l.start.Patience()
	if grace <= 0 {
		child.kill(why)
		return
	}
	child.ask(why)
	_ = child.signal(syscall.SIGTERM)
	c.After(grace, func() { child.kill(why) })
}

// Stop sends TERM to what runs, and KILL after the grace of the start.
func (l *launcher) Stop(ctx context.Context, why ganger.Leaving) {
	grace := l.start.Patience()
	for _, c := range l.leave(why) {
		c.ask(why)
		if grace > 0 && ctx.Err() == nil {
			_ = c.signal(syscall.SIGTERM)
		}
	}
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-l.gone:
		return
	case <-ctx.Done():
	case <-t.C:
	}
	l.Kill(why)
	<-l.gone
}

// Kill sends KILL to what runs.
func (l *launcher) Kill(why ganger.Leaving) {
	for _, c := range l.leave(why) {
		c.kill(why)
	}
}

// leaving reports whether the life was asked to end.
func (l *launcher) leaving() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.why != ""
}

// leave lets no more calls begin and returns the processes that run.
func (l *launcher) leave(why ganger.Leaving) []*child {
	l.mu.Lock()
	first := l.why == ""
	if first {
		l.why = why
	}
	var left []*child
	for _, c := range l.running {
		left = append(left, c)
	}
	last := first && l.active == 0
	l.mu.Unlock()
	if last {
		l.end()
	}
	return left
}

// refused is what a call ends with whose process could not be started.
func (l *launcher) refused(c *wall.Call[Result], err error) error {
	e := &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseStart, Worker: l.start.Worker(), Err: err}
	switch as := c.Asked(); {
	case as != nil:
		e.Outcome, e.Cause, e.Err = as.Outcome, as.Cause, as.Err
	case errors.Is(err, syscall.EINVAL):
		e.Cause, e.Err = ganger.CauseInput, errors.New("an argument or a variable holds a NUL byte, which no program can be given")
	case errors.Is(err, syscall.E2BIG):
		e.Cause, e.Err = ganger.CauseInput, errors.New("the arguments are longer than the system allows; give the task on the standard input")
	}
	return e
}

// verdict is what a call ends with whose process has ended.
func (l *launcher) verdict(c *wall.Call[Result], r *Result, fault error) error {
	e := &ganger.Error{Outcome: ganger.Failed, Worker: l.start.Worker(), Exit: &r.Exit}
	switch as := c.Asked(); {
	case as != nil && (r.Exit.Asked || r.Exit.Code != 0):
		e.Outcome, e.Cause, e.Err = as.Outcome, as.Cause, as.Err
	case r.Exit.Asked || r.Exit.Signal != "" && fault == nil:
		e.Outcome, e.Cause = ganger.Crashed, r.Exit.Reason.Cause()
	case fault != nil:
		e.Err = fault
	case r.Exit.Code != 0:
		e.Err = errors.New("exit status " + strconv.Itoa(r.Exit.Code))
	default:
		return nil
	}
	return e
}
