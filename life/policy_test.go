package life_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/life"
)

// drawEnd draws the next end of one worker, of every sort.
func drawEnd(t *rapid.T, now *time.Time) life.End {
	born := now.Add(time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "delay")))
	died := born.Add(time.Duration(rapid.Int64Range(0, int64(90*time.Second)).Draw(t, "age")))
	*now = died
	return life.End{
		Born: born, Died: died,
		Ready:   rapid.Bool().Draw(t, "ready"),
		Excused: rapid.IntRange(0, 4).Draw(t, "excused") == 0,
		Exit: ganger.Exit{Reason: rapid.SampledFrom([]ganger.Leaving{
			ganger.LeavingSignal(9), ganger.LeavingExit(1), ganger.LeavingExit(0), ganger.LeavingEnded, ganger.LeavingPanic,
			ganger.LeavingTTL, ganger.LeavingMaxTasks, ganger.LeavingCancelled, ganger.LeavingExecTimeout, ganger.LeavingProtocol,
		}).Draw(t, "reason")},
	}
}

// ownReasons are the coordinator's.
var ownReasons = map[ganger.Leaving]bool{
	ganger.LeavingTTL: true, ganger.LeavingMaxTasks: true, ganger.LeavingCancelled: true, ganger.LeavingExecTimeout: true,
}

// TestPolicyAgainstModel replays random histories of a permanent worker
// against the words of the documentation: when the circuit opens, which ends
// are free, and between which bounds every delay lies.
func TestPolicyAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := life.Policy{
			Min:   time.Duration(rapid.Int64Range(1, int64(time.Second)).Draw(t, "min")),
			Max:   time.Duration(rapid.Int64Range(int64(time.Second), int64(time.Minute)).Draw(t, "max")),
			Burst: rapid.IntRange(1, 16).Draw(t, "burst"), Window: time.Duration(rapid.Int64Range(1, int64(5*time.Minute)).Draw(t, "window")),
			StartFails: rapid.IntRange(1, 8).Draw(t, "fails"),
			Retry:      time.Duration(rapid.Int64Range(0, 2).Draw(t, "retry")),
		}
		var past life.Past
		var bad []time.Time // the model: all bad ends since the worker was healthy
		starts := 0
		now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
		for range rapid.IntRange(1, 60).Draw(t, "n") {
			e := drawEnd(t, &now)
			jitter := rapid.Float64Range(0, 0.999999).Draw(t, "jitter")
			next, got := p.Next(past, e, jitter)
			again, twice := p.Next(past, e, jitter)
			if next != again || got != twice {
				t.Fatalf("Next is not pure: %+v and %+v", got, twice)
			}
			past = next
			if e.Ready {
				starts = 0
				if e.Died.Sub(e.Born) >= life.DefaultHealthy {
					bad = nil
				}
			}
			if e.Ready && (e.Excused || ownReasons[e.Exit.Reason]) {
				if want := (life.Verdict{Again: true}); got != want {
					t.Fatalf("after %q, excused %v: %+v, want %+v", e.Exit.Reason, e.Excused, got, want)
				}
				continue
			}
			bad = append(bad, e.Died)
			if !e.Ready {
				starts++
			}
			within := 0
			for _, b := range bad {
				if e.Died.Sub(b) < p.Window {
					within++
				}
			}
			if want := within >= p.Burst || starts >= p.StartFails; got.Open != want || !got.Again {
				t.Fatalf("%d bad ends within %v of %d, %d failed starts of %d: %+v, want open %v",
					within, p.Window, p.Burst, starts, p.StartFails, got, want)
			}
			if got.Open {
				if got.After != p.Retry {
					t.Fatalf("an open circuit is retried after %v, want %v", got.After, p.Retry)
				}
				continue
			}
			n := len(bad)
			if e.Ready {
				n--
			}
			top := time.Duration(0)
			if n > 0 {
				top = p.Max
				if grown := float64(p.Min) * math.Pow(2, float64(n-1)); grown < float64(p.Max) {
					top = time.Duration(grown)
				}
			}
			if got.After < 0 || got.After > top || top > 0 && got.After == top {
				t.Fatalf("delay %d is %v, want within [0, %v)", n, got.After, top)
			}
		}
	})
}

func TestPolicyTypes(t *testing.T) {
	at := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	all := func(permanent, transient bool) map[life.Type]bool {
		return map[life.Type]bool{life.Permanent: permanent, life.Transient: transient, life.Temporary: false}
	}
	for reason, want := range map[ganger.Leaving]map[life.Type]bool{
		ganger.LeavingSignal(11):  all(true, true),
		ganger.LeavingExit(1):     all(true, true),
		ganger.LeavingPanic:       all(true, true),
		ganger.LeavingMemoryHard:  all(true, true),
		ganger.LeavingMaxTasks:    all(true, true),
		ganger.LeavingTTL:         all(true, true),
		ganger.LeavingExecTimeout: all(true, true),
		ganger.LeavingExit(0):     all(true, false),
		ganger.LeavingEnded:       all(true, false),
		ganger.LeavingStopped:     all(true, false),
	} {
		for kind, again := range want {
			e := life.End{Born: at, Died: at, Ready: true, Exit: ganger.Exit{Reason: reason}}
			if _, v := (life.Policy{Type: kind}).Next(life.Past{}, e, 0); v.Again != again {
				t.Errorf("type %d after %q: again %v, want %v", kind, reason, v.Again, again)
			}
		}
	}
}

// TestPolicyDelaysDouble: with the highest jitter the delays are the bounds.
func TestPolicyDelaysDouble(t *testing.T) {
	p := life.Policy{Burst: -1, StartFails: -1, Max: time.Second}
	at := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	var past life.Past
	for i, want := range []time.Duration{100, 200, 400, 800, 1000, 1000, 1000} {
		next, v := p.Next(past, life.End{Born: at, Died: at}, 1-1e-9)
		past = next
		if got := v.After.Round(time.Millisecond); got != want*time.Millisecond {
			t.Errorf("delay %d: %v, want %v", i+1, got, want*time.Millisecond)
		}
	}
	if _, v := (life.Policy{Min: -1}).Next(past, life.End{Born: at, Died: at}, 0.5); v.After != 0 {
		t.Errorf("delay with a negative Min: %v, want none", v.After)
	}
}
