package pool

import (
	"context"
	"testing"

	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/goroutine"
)

// TestKeysOfLivesThatWentAreForgotten: also those of tasks that were bound to them.
func TestKeysOfLivesThatWentAreForgotten(t *testing.T) {
	w := goroutine.Wall[string, string]{Begin: func(context.Context) (goroutine.Perform[string, string], error) {
		return func(_ context.Context, q string, _ wall.Host) (string, error) { return q, nil }, nil
	}}
	k := Kind[string, string, string, struct{}]{
		Request: func(_ Held[struct{}], s string) (string, error) { return s, nil },
		Use: func(_ Held[struct{}], s, _ string) (n Next[string, struct{}], err error) {
			if s == "root" {
				n.Bound, n.Follow = true, []Task[string]{{Value: "x", Key: "k"}}
			}
			return n, nil
		},
	}
	p := New(k, w, Config{Workers: 1, MaxTasks: 1})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = p.Run(ctx) }()
	for range 500 {
		if _, err := p.Do(ctx, Task[string]{Value: "root"}); err != nil {
			t.Fatal(err)
		}
		if err := p.Join(ctx); err != nil {
			t.Fatal(err)
		}
	}
	c := p.core.(*core[string, string, string, struct{}])
	cancel()
	<-done
	if n := len(c.warm.lives["k"]); n != 0 {
		t.Errorf("%d lives that have gone are still held as warm for the key", n)
	}
}
