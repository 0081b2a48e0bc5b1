//go:build linux

package pool_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/pool"
)

// TestP25WindowOfAPool: one worker with sixteen slots has sixteen tasks in hand at
// once, given to it in the order of their submission; the next waits, and takes the
// place of the first that ends, whichever that is; each gets its own answer.
func TestP25WindowOfAPool(t *testing.T) {
	const window = 16
	onEachWall(t, func(t *testing.T, w subject) {
		ran, kind := signalled(2 * window)
		var given []string
		p := start(t, w, setup{slots: window, kind: func(k *scriptKind) {
			kind(k)
			k.Request = func(_ pool.Held[string], script string) (string, error) {
				given = append(given, script) // unguarded: requests for one life are made one after the other
				return script, nil
			}
		}})
		var want []string
		var tickets []*pool.Ticket[string]
		for i := range window + 1 {
			want = append(want, fmt.Sprintf("feedback 1; sleep 1h; echo %d", i))
			tickets = append(tickets, p.submit(t, pool.Task[string]{Value: want[i]}))
		}
		for range window { // none of them ends by itself
			<-ran
		}
		if got := len(p.workers()[0].Current); got != window || !slices.Equal(p.Queued(), want[window:]) {
			t.Errorf("%d are in hand and %q wait, want %d and the last", got, p.Queued(), window)
		}
		tickets[7].Cancel(nil)
		if got := <-ran; got != want[window] {
			t.Errorf("%q came in the place of the one that ended, want %q", got, want[window])
		}
		for i, ticket := range tickets {
			select {
			case <-ticket.Done():
				if i != 7 {
					t.Errorf("task %d ended beside the one that was cancelled", i)
				}
			default:
			}
		}
		p.CancelAll(nil)
		if err := p.Join(guard(t)); err != nil {
			t.Fatal(err)
		}
		tickets = nil
		for i := range 20 * window {
			script := fmt.Sprintf("echo %d", i)
			want = append(want, script)
			tickets = append(tickets, p.submit(t, pool.Task[string]{Value: script}))
		}
		for i, ticket := range tickets {
			if got, err := wait(t, ticket); got != strconv.Itoa(i) || err != nil {
				t.Errorf("task %d was answered %q, %v", i, got, err)
			}
		}
		p.stop()
		if !slices.Equal(given, want) {
			t.Errorf("given in the order %q", given)
		}
		for len(p.ends) > 0 {
			if e := <-p.ends; e.Err != nil && ganger.OutcomeOf(e.Err) != ganger.Cancelled {
				t.Errorf("task %d ended as %v", e.Task, e.Err)
			}
		}
	})
}
