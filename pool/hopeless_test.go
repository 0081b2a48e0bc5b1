//go:build linux

package pool_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
)

// TestHopelessIsTold: also to who has submitted nothing, after what waited has ended.
func TestHopelessIsTold(t *testing.T) {
	for name, tasks := range map[string]int{"nothing waits": 0, "two tasks wait": 2} {
		synctest.Test(t, func(t *testing.T) {
			w := plain(1)
			w.fail = func(wall.Start) error { return errors.New("no such program") }
			told := make(chan error, 8)
			ended := 0
			k := plainKind{Ended: func(string, pool.End[string]) { ended++ }}
			p, stop := run(t, w, k, pool.Config{Workers: 1, Hopeless: func(err error) { told <- err }})
			defer stop()
			for range tasks {
				sub(t, p, pool.Task[string]{Value: "echo"})
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if len(told) == 0 {
				t.Fatalf("%s: nobody was told after a minute", name)
			}
			if err := <-told; ganger.OutcomeOf(err) != ganger.Rejected || ganger.CauseOf(err) != ganger.CauseStart {
				t.Errorf("%s: told %v, want rejected (start)", name, err)
			}
			if ended != tasks {
				t.Errorf("%s: %d tasks had ended, want %d", name, ended, tasks)
			}
		})
	}
}
