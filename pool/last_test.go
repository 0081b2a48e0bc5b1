//go:build linux

package pool_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/pool"
)

func TestLastAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var told []string // of attempts
		note := func(format string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprintf(format, args...))
		}
		k := plainKind{
			Request: func(h pool.Held[struct{}], q string) (string, error) {
				note("%s begins %d", q, h.Attempt)
				return q, nil
			},
			Again: func(q string, attempt int, err error) {
				note("%s again after %d: %v", q, attempt, ganger.OutcomeOf(err))
			},
		}
		p, stop := run(t, plain(1), k, pool.Config{Workers: 2})
		defer stop()
		waits := sub(t, p, pool.Task[string]{Value: "fail 1m", Retries: 5})
		runs := sub(t, p, pool.Task[string]{Value: "fail 2h", Retries: 5})
		synctest.Wait()
		first := sub(t, p, pool.Task[string]{Value: "sleep 1h", Priority: 10}) // goes before the second attempt at waits
		time.Sleep(90 * time.Second)
		synctest.Wait()
		fresh := sub(t, p, pool.Task[string]{Value: "fail 1s", Retries: 5})
		why := errors.New("enough")
		p.LastAttempts(why)

		begun := time.Now()
		if err := within(waits, time.Hour); ganger.OutcomeOf(err) != ganger.Failed || time.Since(begun) > 0 {
			t.Errorf("the one that waited for another attempt: %v after %v, want failed at once", err, time.Since(begun))
		}
		for _, x := range []*pool.Ticket[string]{runs, fresh} {
			if err := within(x, 3*time.Hour); ganger.OutcomeOf(err) != ganger.Failed {
				t.Errorf("one that was performed: %v, want failed", err)
			}
		}
		if err := within(first, time.Hour); err != nil {
			t.Errorf("one with success: %v", err)
		}
		want := []string{
			"fail 1m begins 1", "fail 2h begins 1", "fail 1m again after 1: failed", "sleep 1h begins 1", "fail 1s begins 1",
		}
		mu.Lock()
		defer mu.Unlock()
		count := map[string]int{}
		for _, s := range told {
			count[s]++
		}
		for _, s := range want {
			if count[s] != 1 || len(told) != len(want) {
				t.Errorf("%q was told %d times; all: %q", s, count[s], told)
			}
		}
	})
}

// TestLastAttemptsOfWhatCostNothing: nothing can be said of a task whose worker died
// before any of the pool had answered.
func TestLastAttemptsOfWhatCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := plain(1)
		w.mute = true
		p, stop := run(t, w, plainKind{}, pool.Config{Workers: 1})
		defer stop()
		x := sub(t, p, pool.Task[string]{Value: "panic 1s"})
		synctest.Wait()
		why := errors.New("enough")
		p.LastAttempts(why)
		if err := within(x, time.Hour); ganger.OutcomeOf(err) != ganger.Cancelled || !errors.Is(err, why) {
			t.Errorf("it ended: %v, want cancelled because of %q", err, why)
		}
	})
}
