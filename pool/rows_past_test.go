//go:build linux

package pool_test

import (
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/pool"
)

// TestP3DeathsOfThePast: deaths that a coordinator of the past counted count on,
// are known to who makes the request, and their task runs alone from the start.
func TestP3DeathsOfThePast(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		known := make(chan int, 10)
		p := start(t, w, setup{slots: 4, kind: func(k *pool.Kind[string, string, string, string]) {
			k.Request = func(h pool.Held[string], script string) (string, error) {
				if script == "die" {
					known <- h.Deaths
				}
				return script, nil
			}
		}})
		neighbours := []*pool.Ticket[string]{p.submit(t, pool.Task[string]{Value: "sleep 50ms"})}
		killer := p.submit(t, pool.Task[string]{Value: "die", MaxDeaths: 4, Deaths: 2})
		for range 6 {
			neighbours = append(neighbours, p.submit(t, pool.Task[string]{Value: "sleep 1ms"}))
		}
		_, err := wait(t, killer)
		wantEnd(t, err, ganger.Poisoned, w.death)
		for _, n := range neighbours {
			if _, err := wait(t, n); err != nil {
				t.Errorf("a neighbour: %v", err)
			}
		}
		p.stop()
		for range 8 {
			e := <-p.ends
			want := [2]int{1, 0}
			if e.Err != nil {
				want = [2]int{2, 4}
			}
			if got := [2]int{e.Attempts, e.Deaths}; got != want {
				t.Errorf("task %d: %v attempts and deaths, want %v", e.Task, got, want)
			}
		}
		if a, b := <-known, <-known; a != 2 || b != 3 {
			t.Errorf("the requests knew of %d and %d deaths, want 2 and 3", a, b)
		}
	})
}
