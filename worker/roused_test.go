package worker_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/worker"
)

// TestRousedTooLate: a goroutine that was started for a worker, and begins only
// after the turn was taken from it, takes nobody else's.
func TestRousedTooLate(t *testing.T) {
	for name, stop := range map[string]func(worker.Self[Stage]){
		"crash": func(s worker.Self[Stage]) { s.Crash(errors.New("as told")) },
		"stop":  func(s worker.Self[Stage]) { s.Trigger(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &player{free: make(chan struct{})}
				var self worker.Self[Stage]
				var at, most atomic.Int32
				d := &worker.Def[Stage, string, int, int]{
					Launch: func(_ context.Context, s worker.Self[Stage], _ string, _ int) (int, error) {
						self = s
						return 0, nil
					},
				}
				worker.Handle(d, func(ctx context.Context, _ int, q Act) (string, error) {
					most.Store(max(most.Load(), at.Add(1)))
					defer at.Add(-1)
					return "", p.behave(ctx, q.Op)
				})
				table := worker.NewQueue(d, worker.Config{Restart: life.Policy{Min: -1}, Grace: -1})
				w, err := table.Launch(t.Context(), "a", 0)
				if err != nil {
					t.Fatal(err)
				}
				begin := w.Rouse()
				stop(self)
				synctest.Wait()
				state, n := w.Status()
				if name == "crash" {
					if state != ganger.Idle || n != 2 {
						t.Errorf("after the crash: %v in life %d, want idle in life 2", state, n)
					}
					for range 2 {
						if err := w.Push(Act{Op: "deaf"}); err != nil {
							t.Error(err)
						}
					}
					synctest.Wait()
				}
				before := w.Describe()
				begin()
				synctest.Wait()
				if after := w.Describe(); after.State != before.State || after.PendingLen != before.PendingLen || most.Load() > 1 {
					t.Errorf("it found the worker %v with %d waiting, and left it %v with %d, %d performed at once",
						before.State, before.PendingLen, after.State, after.PendingLen, most.Load())
				}
				for _, o := range table.Dead() {
					if o.Exit.Reason == ganger.LeavingAbandoned {
						t.Error("a goroutine that had not begun was abandoned")
					}
				}
				close(p.free)
				if err := table.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
