package life_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// actor is a life whose end the test decides.
type actor struct {
	id   string
	deaf time.Duration // how long it takes to leave politely
	pid  int
	left func() // told at its death

	mu   sync.Mutex // guards what follows
	exit ganger.Exit
	dead bool
	gone chan struct{}
}

func (a *actor) ID() string            { return a.id }
func (a *actor) Gone() <-chan struct{} { return a.gone }
func (a *actor) Usage() wall.Usage     { return wall.Usage{PID: a.pid, Memory: int64(a.pid) << 20} }

func (a *actor) Exit() ganger.Exit {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.exit
}

func (a *actor) die(x ganger.Exit) {
	a.mu.Lock()
	first := !a.dead
	if first {
		a.dead, a.exit = true, x
	}
	a.mu.Unlock()
	if first {
		a.left()
		close(a.gone)
	}
}

func (a *actor) Kill(why ganger.Leaving) { a.die(ganger.Exit{Reason: why, Asked: true}) }

func (a *actor) Stop(ctx context.Context, why ganger.Leaving) {
	if a.deaf > 0 {
		patience, cancel := context.WithTimeout(ctx, a.deaf)
		defer cancel()
		select {
		case <-a.gone:
		case <-patience.Done():
		}
	}
	a.Kill(why)
	<-a.gone
}

// stage is a wall of actors; plans say what becomes of the starts, in order,
// and the last one of every further start.
type stage struct {
	mu    sync.Mutex // guards what follows
	plans []plan
	lives []*actor
	most  int // lives and starts at once
	now   int
}

// errReady ends the time that a start takes.
var errReady = errors.New("ready")

// plan is what becomes of one start.
type plan struct {
	after time.Duration // until it is ready, or has failed
	fail  int           // exit status of a start that fails; 0: it is ready
	deaf  time.Duration
}

func (s *stage) Traits() wall.Traits {
	return wall.Traits{Name: "stage", Command: "./actor --warm", CanKill: true}
}

func (s *stage) Open(ctx context.Context, st wall.Start) (*actor, error) {
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	p := s.plans[0]
	if len(s.plans) > 1 {
		s.plans = s.plans[1:]
	}
	s.mu.Unlock()
	done := func() {
		s.mu.Lock()
		s.now--
		s.mu.Unlock()
	}
	err := context.Cause(ctx)
	if p.after > 0 && err == nil {
		patience, cancel := context.WithTimeoutCause(ctx, p.after, errReady)
		defer cancel()
		<-patience.Done()
		if err = context.Cause(patience); err == errReady {
			err = nil
		}
	}
	if p.fail != 0 && err == nil {
		err = errors.New("ended before it was ready")
	}
	if err != nil {
		done()
		x := ganger.Exit{Reason: ganger.LeavingStartFailed, Asked: true}
		if p.fail != 0 {
			x = ganger.Exit{Reason: ganger.LeavingExit(p.fail), Code: p.fail, Stderr: "no such module: warp\n"}
		}
		return nil, &wall.StartError{Worker: st.Worker(), Command: "./actor --warm", Exit: &x, Err: err}
	}
	a := &actor{id: fmt.Sprint("actor ", st.Incarnation), deaf: p.deaf, pid: 1000 + int(st.Incarnation), left: done, gone: make(chan struct{})}
	s.mu.Lock()
	s.lives = append(s.lives, a)
	s.mu.Unlock()
	return a, nil
}

// life returns the life of an incarnation.
func (s *stage) life(incarnation int) *actor {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.lives {
		if strings.HasSuffix(a.id, fmt.Sprint(" ", incarnation)) {
			return a
		}
	}
	return nil
}
