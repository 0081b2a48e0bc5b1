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

// inProcess prints what a small task costs on two goroutines, in nanoseconds.
func inProcess(n int) error {
	w := goroutine.Wall[[]byte, []byte]{Begin: func(context.Context) (goroutine.Perform[[]byte, []byte], error) {
		return func(_ context.Context, q []byte, _ wall.Host) ([]byte, error) { return q, nil }, nil
	}}
	took, err := flood(w, 2, n)
	if err != nil {
		return err
	}
	load.Figure(os.Stdout, "ganger/goroutine/ns", float64(took.Nanoseconds())/float64(n))
	return nil
}

// flood returns how long n small tasks take on so many workers of w. One
// goroutine submits them as fast as the queue takes them; what became of each is
// told by the kind. A tenth of n is performed first and not counted.
func flood(w wall.Wall[wall.Instance[[]byte, []byte]], many, n int) (took time.Duration, err error) {
	var ended sync.WaitGroup
	var failed atomic.Int64
	k := kind{Request: asIs, Ended: func(_ []byte, e pool.End[[]byte]) {
		if e.Err != nil || len(e.Response) != load.Size {
			failed.Add(1)
		}
		ended.Done()
	}}
	err = beside(pool.New(k, w, pool.Config{Workers: many}), func(p *echoes) error {
		body := make([]byte, load.Size)
		through := func(n int) error {
			ended.Add(n)
			for range n {
				if _, err := p.Submit(context.Background(), task(body)); err != nil {
					return err
				}
			}
			ended.Wait()
			return nil
		}
		if err := through(n / 10); err != nil {
			return err
		}
		start := time.Now()
		if err := through(n); err != nil {
			return err
		}
		took = time.Since(start)
		if f := failed.Load(); f > 0 {
			return fmt.Errorf("%d of %d tasks had no answer", f, n)
		}
		return nil
	})
	return took, err
}
