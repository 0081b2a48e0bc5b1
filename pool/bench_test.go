package pool_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/goroutine"
)

// BenchmarkTask tells what a task costs of which nothing is asked: performed on
// goroutines, with clocks for the attempt and for all, while 16 are open and the
// end of each submits the next.
func BenchmarkTask(b *testing.B) {
	w := goroutine.Wall[int, int]{Begin: func(context.Context) (goroutine.Perform[int, int], error) {
		return func(_ context.Context, q int, _ wall.Host) (int, error) { return q, nil }, nil
	}}
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprint("workers=", workers), func(b *testing.B) {
			b.ReportAllocs()
			var left atomic.Int64
			var ended sync.WaitGroup
			left.Store(int64(b.N))
			var p *pool.Pool[int, int]
			submit := func() {
				if left.Add(-1) < 0 {
					return
				}
				ended.Add(1)
				if _, err := p.Submit(context.Background(), pool.Task[int]{ExecTimeout: 10 * time.Second, TotalTimeout: time.Minute}); err != nil {
					b.Error(err)
				}
			}
			p = pool.New(pool.Kind[int, int, int, struct{}]{
				Request: func(_ pool.Held[struct{}], n int) (int, error) { return n, nil },
				Ended: func(int, pool.End[int]) {
					submit()
					ended.Done()
				},
			}, w, pool.Config{Workers: workers})
			ctx, cancel := context.WithCancel(b.Context())
			var ran sync.WaitGroup
			ran.Go(func() { _ = p.Run(ctx) })
			b.ResetTimer()
			for range 16 {
				submit()
			}
			ended.Wait()
			cancel()
			ran.Wait()
		})
	}
}
