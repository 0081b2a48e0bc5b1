package behind_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/worker"
	"github.com/ganger-dev/ganger/worker/behind"
)

// stuck is a wall that opens one life only and takes for ever over the next.
type stuck struct {
	wall.Wall[wall.Stream]
	opened atomic.Bool
}

func (s *stuck) Open(ctx context.Context, st wall.Start) (wall.Stream, error) {
	if s.opened.Swap(true) {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	return s.Wall.Open(ctx, st)
}

// TestRestartThatHangs: nobody's context bounds the start of a next life, so it
// has a time-out of its own, and whoever waits for the worker gets an end.
func TestRestartThatHangs(t *testing.T) {
	b := inProcess(t)
	table := worker.NewQueue(tills(), worker.Config{
		Behind:  behind.Wall(&stuck{Wall: processes("till")}),
		Restart: life.Policy{Min: -1, StartFails: 1}, StartTimeout: 50 * time.Millisecond,
	})
	closed(t, table)
	w, err := table.Launch(b.ctx(), "a", opening{})
	if err != nil {
		t.Fatal(err)
	}
	kill(b, w)
	for { // the first may be sent before the death is noticed
		_, err = worker.Call(b.ctx(), w, add{N: 1})
		if ganger.CauseOf(err) != ganger.LeavingSignal(9).Cause() {
			break
		}
	}
	b.ended(err, ganger.Rejected, ganger.CauseClosed)
}
