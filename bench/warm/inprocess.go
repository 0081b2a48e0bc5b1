package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ganger-dev/ganger/bench/load"
	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/goroutine"
)

// inProcess prints what a small task costs on one goroutine and on two, in
// nanoseconds.
func inProcess(n int) error {
	w := goroutine.Wall[[]byte, []byte]{Begin: func(context.Context) (goroutine.Perform[[]byte, []byte], error) {
		return func(_ context.Context, q []byte, _ wall.Host) ([]byte, error) { return q, nil }, nil
	}}
	for many := 1; many <= 2; many++ {
		took, err := keep(16, w, many, n)
		if err != nil {
			return err
		}
		load.Figure(os.Stdout, fmt.Sprintf("ganger/goroutine/%d/ns", many), float64(took.Nanoseconds())/float64(n))
	}
	return nil
}

// keep returns how long n small tasks take on so many workers of w while a number
// of them is open: the end of each submits the next. A tenth of n is performed
// first and not counted.
func keep(open int, w wall.Wall[wall.Instance[[]byte, []byte]], many, n int) (took time.Duration, err error) {
	var (
		p     *echoes
		body  = make([]byte, load.Size)
		left  atomic.Int64 // to be submitted
		ended sync.WaitGroup
		once  sync.Once
		bad   error
	)
	submit := func() {
		if left.Add(-1) < 0 {
			return
		}
		ended.Add(1)
		if _, err := p.Submit(context.Background(), task(body)); err != nil {
			once.Do(func() { bad = err })
			ended.Done()
		}
	}
	p = pool.New(kind{Request: asIs, Ended: func(_ []byte, e pool.End[[]byte]) {
		if e.Err != nil || len(e.Response) != load.Size {
			once.Do(func() { bad = fmt.Errorf("task %d came back with %d bytes: %w", e.Task, len(e.Response), e.Err) })
		}
		submit()
		ended.Done()
	}}, w, pool.Config{Workers: many})
	through := func(n int) error {
		left.Store(int64(n))
		for range open {
			submit()
		}
		ended.Wait()
		return bad
	}
	err = beside(p, func(*echoes) error {
		if err := through(n / 10); err != nil {
			return err
		}
		start := time.Now()
		err := through(n)
		took = time.Since(start)
		return err
	})
	return took, err
}
