package vm

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/ganger-dev/ganger/examples/refutation/game"
)

// TestCountsPrimes: the machine computes something, and it is right.
func TestCountsPrimes(t *testing.T) {
	s := Boot(1_000_000)
	s.Run(1_000_000)
	if s.Fuel != 0 {
		t.Fatalf("%d ticks are left", s.Fuel)
	}
	primes, filed := uint64(0), [words]uint64{}
	for n := uint64(3); n < s.Reg[candidate]; n += 2 { // the candidate itself may be unfinished
		prime := true
		for d := uint64(3); d*d <= n; d += 2 {
			prime = prime && n%d != 0
		}
		if prime {
			primes++
			filed[n%words]++
		}
	}
	if s.Reg[found] != primes || primes < 1000 || s.Mem != filed {
		t.Errorf("found %d odd primes below %d, filed %v; want %d and %v", s.Reg[found], s.Reg[candidate], s.Mem, primes, filed)
	}
}

// TestRunsInAnyPortions: how a run is cut into portions changes nothing.
func TestRunsInAnyPortions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ticks := rapid.Uint64Range(1, 3000).Draw(t, "ticks")
		whole, parts := Boot(ticks), Boot(ticks)
		if n := whole.Run(ticks + 7); n != ticks {
			t.Fatalf("%d ticks of %d were performed", n, ticks)
		}
		for parts.Fuel > 0 {
			n := rapid.Uint64Range(1, 500).Draw(t, "portion")
			before := parts.Fuel
			if ran := parts.Run(n); ran != min(n, before) || parts.Fuel != before-ran {
				t.Fatalf("Run(%d) of %d performed %d and left %d", n, before, ran, parts.Fuel)
			}
		}
		if whole != parts || whole.Hash() != parts.Hash() {
			t.Fatalf("%+v in one, %+v in portions", whole, parts)
		}
	})
}

// TestVerifyIsTotal: whatever is given for a state has an encoding, and one tick of
// it can be verified, or it is no state.
func TestVerifyIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		proof := rapid.SliceOfN(rapid.Byte(), encodedSize-1, encodedSize+1).Draw(t, "proof")
		before, after, err := Verify(proof)
		s, decodes := Decode(proof)
		switch {
		case (err == nil) != (len(proof) == encodedSize), (decodes == nil) != (err == nil):
			t.Fatalf("%d bytes: %v and %v", len(proof), err, decodes)
		case err != nil:
			return
		case !bytes.Equal(s.Encode(), proof):
			t.Fatal("the state encodes otherwise than it was")
		case before != s.Hash():
			t.Fatalf("before the tick is %v, want %v", before, s.Hash())
		}
		stopped := s.Fuel == 0 || s.PC >= uint64(len(program))
		s.Run(1)
		if want := s.Hash(); stopped != (after == game.Stopped) || !stopped && after != want {
			t.Fatalf("after the tick is %v, want %v, stopped %t", after, want, stopped)
		}
	})
}

// TestHashTellsStatesApart: every word of the state is in its hash.
func TestHashTellsStatesApart(t *testing.T) {
	s := Boot(1000)
	s.Run(700)
	enc := s.Encode()
	seen := map[game.Hash]int{s.Hash(): -1}
	for i := range enc {
		enc[i] ^= 1
		other, err := Decode(enc)
		if err != nil {
			t.Fatal(err)
		}
		if before, dup := seen[other.Hash()]; dup {
			t.Errorf("bytes %d and %d have one hash", before, i)
		}
		seen[other.Hash()] = i
		enc[i] ^= 1
	}
}

// TestTrace: in whatever order ticks are asked for, and with whatever fault, the
// answers are those of an execution from the beginning, and the end is known.
func TestTrace(t *testing.T) {
	faults := map[string]func(tick uint64) Fault{
		"none": func(uint64) Fault { return Fault{} }, "run dry": RunDry,
		"miscount": func(tick uint64) Fault { return Miscount(tick, 3) },
		"refuel":   func(tick uint64) Fault { return Refuel(tick, 11) },
	}
	for name, make := range faults {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				ticks := rapid.Uint64Range(1, 600).Draw(t, "ticks")
				f := make(rapid.Uint64Range(1, ticks).Draw(t, "fault"))
				states := []State{Boot(ticks)}
				for s := states[0]; s.Run(1) == 1; {
					if uint64(len(states)) == f.Tick {
						f.Do(&s)
					}
					states = append(states, s)
				}
				tr := NewTrace(Boot(ticks), f)
				for _, tick := range rapid.SliceOfN(rapid.Uint64Range(0, ticks+20), 1, 100).Draw(t, "asked") {
					s, ok, err := tr.At(t.Context(), tick)
					if err != nil || ok != (tick < uint64(len(states))) || ok && s != states[tick] {
						t.Fatalf("tick %d is %v, %t, %v", tick, s, ok, err)
					}
				}
				last := states[len(states)-1]
				if end, h, err := tr.End(t.Context()); err != nil || end != uint64(len(states)-1) || h != last.Hash() {
					t.Fatalf("it ends at %d with %v, %v; want %d and %v", end, h, err, len(states)-1, last.Hash())
				}
			})
		})
	}
}

// TestTraceRemembers: the first dissection costs nothing after the search for the
// end, a dissection of what was dissected is not executed from the beginning, and
// few states are kept for that.
func TestTraceRemembers(t *testing.T) {
	const ticks = 1 << 20
	tr := NewTrace(Boot(ticks), Fault{})
	if _, _, err := tr.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	from, to := uint64(0), uint64(ticks)
	for to-from > 1 {
		for _, tick := range game.Even(from, to) {
			if _, ok, err := tr.At(t.Context(), tick); !ok || err != nil {
				t.Fatal(tick, ok, err)
			}
		}
		if len(tr.known) > cached {
			t.Errorf("%d states are kept", len(tr.known))
		}
		part := game.Even(from, to)
		i := rand.IntN(len(part) - 1)
		from, to = part[i], part[i+1]
	}
	if limit := uint64(ticks + ticks/8); tr.Ran() > limit {
		t.Errorf("%d ticks were executed for the end and four dissections; at most %d are needed", tr.Ran(), limit)
	}
}

// TestTraceIsCancelled: a long execution obeys its context.
func TestTraceIsCancelled(t *testing.T) {
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	tr := NewTrace(Boot(1<<60), Fault{})
	if _, ok, err := tr.At(ctx, 1<<60); ok || !errors.Is(err, why) {
		t.Errorf("got %t, %v; want the cause", ok, err)
	}
	if _, _, err := tr.End(ctx); !errors.Is(err, why) {
		t.Errorf("the end: %v; want the cause", err)
	}
}

func FuzzVerify(f *testing.F) {
	s := Boot(10)
	f.Add(s.Encode())
	f.Fuzz(func(t *testing.T, proof []byte) {
		before, after, err := Verify(proof)
		if err == nil && (before == game.Stopped || before == after) {
			t.Errorf("a tick leads from %v to %v: it uses fuel", before, after)
		}
	})
}

func BenchmarkTick(b *testing.B) {
	for b.Loop() {
		s := Boot(1_000_000)
		s.Run(1_000_000)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ns/tick")
}
