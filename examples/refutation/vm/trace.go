package vm

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/ganger-dev/ganger/examples/refutation/game"
)

// cached is how many states of a trace are kept. A dissection has 33 chunks, so
// the one in force and the one before it have room.
const cached = 64

// Trace is random access to the states of one execution, by re-execution from the
// nearest state before that is still known. It must not be used by several
// goroutines at once.
type Trace struct {
	boot  State
	fault Fault
	known []known // by tick
	uses  uint64  // counts At
	ran   uint64
}

// known is the state after tick ticks.
type known struct {
	tick, used uint64
	state      State
}

// Fault is a lie about an execution: what the state after the given tick is said
// to be. The execution goes on from there by the rules. The zero Fault is none.
type Fault struct {
	Tick uint64
	Do   func(*State)
}

// Miscount returns the fault of having counted so many primes too many.
func Miscount(tick, primes uint64) Fault {
	return Fault{tick, func(s *State) { s.Reg[found] += primes }}
}

// Refuel returns the fault of an execution that goes on for more ticks than it has.
func Refuel(tick, more uint64) Fault {
	return Fault{tick, func(s *State) { s.Fuel += more }}
}

// RunDry returns the fault of an execution that stops at the tick.
func RunDry(tick uint64) Fault {
	return Fault{tick, func(s *State) { s.Fuel = 0 }}
}

// NewTrace returns the trace of the execution from boot, with a fault in it.
func NewTrace(boot State, f Fault) *Trace {
	if f.Tick == 0 {
		f.Tick = math.MaxUint64 // no execution gets there
	}
	return &Trace{boot: boot, fault: f}
}

// Ran returns how many ticks were executed for all answers so far.
func (t *Trace) Ran() uint64 { return t.ran }

// At returns the state after that many ticks, and false if the machine is stopped
// before it gets there. It returns the cause of ctx when that ends first.
func (t *Trace) At(ctx context.Context, tick uint64) (State, bool, error) {
	from, s := t.nearest(tick)
	for from < tick {
		if ctx.Err() != nil {
			return State{}, false, context.Cause(ctx)
		}
		n := min(tick-from, 1<<20) // a portion, so that a cancelled execution ends soon
		if from < t.fault.Tick {
			n = min(n, t.fault.Tick-from)
		}
		ran := s.Run(n)
		from += ran
		t.ran += ran
		if ran < n {
			return State{}, false, nil
		}
		if from == t.fault.Tick {
			t.fault.Do(&s)
		}
	}
	t.keep(tick, s)
	return s, true, nil
}

// nearest returns the last known state that is not after tick.
func (t *Trace) nearest(tick uint64) (uint64, State) {
	t.uses++
	i, found := slices.BinarySearchFunc(t.known, tick, func(k known, tick uint64) int { return cmp.Compare(k.tick, tick) })
	if !found {
		i--
	}
	if i < 0 {
		return 0, t.boot
	}
	t.known[i].used = t.uses
	return t.known[i].tick, t.known[i].state
}

// keep makes the state known, in the place of the one that was longest unused.
func (t *Trace) keep(tick uint64, s State) {
	if len(t.known) == cached {
		least := slices.MinFunc(t.known, func(a, b known) int { return cmp.Compare(a.used, b.used) })
		t.known = slices.DeleteFunc(t.known, func(k known) bool { return k.tick == least.tick })
	}
	i, found := slices.BinarySearchFunc(t.known, tick, func(k known, tick uint64) int { return cmp.Compare(k.tick, tick) })
	if !found {
		t.known = slices.Insert(t.known, i, known{tick, t.uses, s})
	}
}

// Hash returns the hash of the state after that many ticks, [game.Stopped] if the
// machine is stopped before.
func (t *Trace) Hash(ctx context.Context, tick uint64) (game.Hash, error) {
	s, ok, err := t.At(ctx, tick)
	if !ok {
		return game.Stopped, err
	}
	return s.Hash(), nil
}

// Proof returns the proof of what the tick after that many does, nil if the
// machine is stopped before.
func (t *Trace) Proof(ctx context.Context, tick uint64) ([]byte, error) {
	s, ok, err := t.At(ctx, tick)
	if !ok {
		return nil, err
	}
	return s.Encode(), nil
}

// End returns how many ticks the execution has and the hash of its last state. On
// the way it makes known what the first dissection will ask for.
func (t *Trace) End(ctx context.Context) (uint64, game.Hash, error) {
	end := t.boot.Fuel
	if t.fault.Tick <= end { // it may change how far the fuel goes
		s, _, err := t.At(ctx, t.fault.Tick)
		if err != nil {
			return 0, game.Stopped, err
		}
		end = t.fault.Tick + s.Fuel
	}
	for _, tick := range game.Even(0, end) {
		if _, _, err := t.At(ctx, tick); err != nil {
			return 0, game.Stopped, err
		}
	}
	h, err := t.Hash(ctx, end)
	return end, h, err
}
