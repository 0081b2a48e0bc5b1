package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/bench/turns"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/worker"
)

// waiters is how many callers a crash must tell.
const waiters = 100

// lives prints what it costs to launch a worker, to have it restarted, and to
// tell callers that it has crashed.
func lives(t turns.Turns) error {
	again, w, err := queue(worker.Config{Restart: life.Policy{Min: -1, Burst: -1, StartFails: -1}})
	if err != nil {
		return err
	}
	err = t.Run(
		os.Stdout, "worker", turns.Channel(),
		turns.Whole("restart", func(n int) error {
			for i := range n {
				if _, err := worker.Call(context.Background(), w, die{}); ganger.OutcomeOf(err) != ganger.Crashed {
					return fmt.Errorf("a panic was told as %v: %w", ganger.OutcomeOf(err), err)
				}
				if err := answered(context.Background(), w, i); err != nil {
					return err
				}
			}
			return nil
		}),
		turns.Op{Name: "launch", Do: launch},
	)
	return errors.Join(err, again.Close(context.Background()), t.Run(
		os.Stdout, "worker",
		turns.Op{Name: "close", Do: closing},
		turns.Op{Name: "crash", Do: crash},
	))
}

// launch counts the launches, and not the end of what was launched.
func launch(n int) (time.Duration, error) {
	t := worker.NewQueue(def(), worker.Config{})
	start := time.Now()
	for i := range n {
		if _, err := t.Launch(context.Background(), i, struct{}{}); err != nil {
			return 0, err
		}
	}
	took := time.Since(start)
	return took, t.Close(context.Background())
}

// last tells when the last of those who wait has been told.
type last struct {
	left atomic.Int64
	at   time.Time // of the last; read after over
	over chan struct{}
}

func expect(n int64) *last {
	l := &last{over: make(chan struct{})}
	l.left.Store(n)
	return l
}

func (l *last) told() {
	if l.left.Add(-1) == 0 {
		l.at = time.Now()
		close(l.over)
	}
}

// closing is the least that it can cost: a channel is closed that goroutines wait for.
func closing(n int) (took time.Duration, err error) {
	for range n {
		l, gate := expect(waiters), make(chan struct{})
		var about atomic.Int64
		for range waiters {
			go func() { // ends when told, for which closing waits
				about.Add(1)
				<-gate
				l.told()
			}()
		}
		for about.Load() < waiters {
			runtime.Gosched()
		}
		start := time.Now()
		close(gate)
		<-l.over
		took += l.at.Sub(start)
	}
	return took, nil
}

// crash has one caller in hand and the others behind it when the handler panics.
func crash(n int) (took time.Duration, err error) {
	type shot struct {
		worker.In[echo, struct{}]
		until <-chan struct{}
		begun chan<- struct{}
		at    *time.Time
	}
	d := def()
	worker.Handle(d, func(_ context.Context, _ struct{}, q shot) (struct{}, error) {
		close(q.begun)
		<-q.until
		*q.at = time.Now()
		panic("as asked")
	})
	t := worker.NewQueue(d, worker.Config{Restart: life.Policy{Type: life.Temporary}})
	for i := range n {
		w, err := t.Launch(context.Background(), i, struct{}{})
		if err != nil {
			return 0, err
		}
		var start time.Time
		var well atomic.Int64
		l, until, begun := expect(waiters), make(chan struct{}), make(chan struct{})
		go func() { // as closing's, and so are those below
			if _, err := worker.Call(context.Background(), w, shot{until: until, begun: begun, at: &start}); err == nil {
				well.Add(1)
			}
			l.told()
		}()
		<-begun
		for range waiters - 1 {
			go func() {
				if _, err := worker.Call(context.Background(), w, tell{}); err == nil {
					well.Add(1)
				}
				l.told()
			}()
		}
		for w.Describe().PendingLen < waiters-1 {
			runtime.Gosched()
		}
		close(until)
		<-l.over
		took += l.at.Sub(start)
		if well.Load() > 0 {
			return 0, fmt.Errorf("%d callers were not told of the crash", well.Load())
		}
		<-w.Done()
	}
	return took, t.Close(context.Background())
}
