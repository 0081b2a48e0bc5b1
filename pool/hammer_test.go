//go:build linux

package pool_test

import (
	"context"
	"testing"
	"time"

	"github.com/ganger-dev/ganger/pool"
)

// TestHammerGroupCancelBesideFollows: a cancel that comes while follow-ups join is not lost.
func TestHammerGroupCancelBesideFollows(t *testing.T) {
	for i := range full(300, 20) {
		g := &pool.Group{}
		k := plainKind{Use: func(_ pool.Held[struct{}], s, _ string) (n pool.Next[string, struct{}], err error) {
			if s == "root" {
				for range 2000 {
					n.Follow = append(n.Follow, pool.Task[string]{Value: "sleep 1h"})
				}
				go func() { time.Sleep(time.Duration(i) * time.Microsecond); g.Cancel(nil) }()
			}
			return n, nil
		}}
		p, stop := run(t, plain(1), k, pool.Config{Workers: 1})
		sub(t, p, pool.Task[string]{Value: "root", Group: g})
		endsWith(t, i, p, stop)
	}
}

// TestHammerCancelBesideSubmitInMidTask: a cancel that comes while a child is submitted is not lost.
func TestHammerCancelBesideSubmitInMidTask(t *testing.T) {
	for i := range full(300, 20) {
		var p *pool.Pool[string, string]
		began := make(chan struct{})
		k := plainKind{Ask: func(ctx context.Context, _ string, q []byte) ([]byte, error) {
			close(began)
			for ctx.Err() == nil {
				if _, err := p.Submit(ctx, pool.Task[string]{Value: "sleep 1h"}); err != nil {
					return nil, err
				}
			}
			return nil, nil
		}}
		var stop func()
		p, stop = run(t, asking(1), k, pool.Config{Workers: 1})
		x := sub(t, p, pool.Task[string]{Value: "ask x"})
		<-began
		time.Sleep(time.Duration(i) * time.Microsecond)
		x.Cancel(nil)
		endsWith(t, i, p, stop)
	}
}

// endsWith stops the pool of a round, in which everything was cancelled.
func endsWith(t *testing.T, round int, p *pool.Pool[string, string], stop func()) {
	t.Helper()
	ctx, c := context.WithTimeout(t.Context(), time.Minute)
	err := p.Join(ctx)
	c()
	stop()
	if err != nil {
		t.Fatalf("round %d: cancelled, yet: %.200v", round, err)
	}
}
