package strategy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/ganger-dev/ganger/examples/refutation/game"
	"github.com/ganger-dev/ganger/examples/refutation/vm"
)

// mover chooses a move of the player whose turn it is; nil stays silent.
type mover func(t testing.TB, g game.Game) *game.Move

// follow is the mover that believes in tr.
func follow(tr Trace) mover {
	return func(t testing.TB, g game.Game) *game.Move {
		m, err := Next(context.Background(), g, tr)
		if errors.Is(err, ErrAgreed) {
			return nil
		}
		if err != nil {
			t.Fatal(err)
		}
		return &m
	}
}

// honest follows the truth, and fails the test if it has nothing to say.
func honest(tr Trace) mover {
	return func(t testing.TB, g game.Game) *game.Move {
		m := follow(tr)(t, g)
		if m == nil {
			t.Fatalf("the truth has nothing against %v", g.Dissection)
		}
		return m
	}
}

const blocks = 50

// referee plays a game to its end: a refused move and silence are answered by a
// complaint. The refuter a moves first.
func referee(t testing.TB, ours, theirs game.Claim, a, b mover) game.Game {
	t.Helper()
	g, err := game.Start("a", "b", ours, theirs, 0, blocks)
	if err != nil {
		t.Fatal(err)
	}
	for level := uint64(1); g.Result == nil; {
		move := a
		if g.Mover == "b" {
			move = b
		}
		m := move(t, g)
		if m != nil {
			next, err := g.Play(g.Mover, *m, level, vm.Verify)
			if err == nil {
				g = next
				level++
				continue
			}
		}
		level = g.Level + blocks + 1
		if g, err = g.Timeout(level); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// believer is somebody with a claim.
type believer struct {
	name  string
	trace Trace
	claim game.Claim
}

func believe(t testing.TB, ticks uint64, f vm.Fault) believer {
	t.Helper()
	boot := vm.Boot(ticks)
	tr := vm.NewTrace(boot, f)
	n, h, err := tr.End(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return believer{"", tr, game.Claim{Parent: boot.Hash(), State: h, Ticks: n}}
}

// shortened is the truth up to a tick, at which it says that the machine stops.
type shortened struct {
	Trace
	end uint64
}

func (s shortened) Hash(ctx context.Context, tick uint64) (game.Hash, error) {
	if tick > s.end {
		return game.Stopped, nil
	}
	return s.Trace.Hash(ctx, tick)
}

// liars lie about an execution of that many ticks, diligently, from a tick on.
func liars(t testing.TB, ticks, tick uint64) []believer {
	var all []believer
	for name, f := range map[string]vm.Fault{"miscount": vm.Miscount(tick, 1), "refuel": vm.Refuel(tick, 1+tick%70)} {
		b := believe(t, ticks, f)
		b.name = name
		all = append(all, b)
	}
	if tick < ticks {
		b := believe(t, ticks, vm.RunDry(tick))
		b.name = "run dry"
		truth := vm.NewTrace(vm.Boot(ticks), vm.Fault{})
		h, err := truth.Hash(context.Background(), tick)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b, believer{"shortened", shortened{truth, tick}, game.Claim{Parent: b.claim.Parent, State: h, Ticks: tick}})
	}
	return all
}

// against plays the truth against a liar, each opening one game.
func against(t testing.TB, truth, liar believer, moves int) {
	t.Helper()
	for _, opener := range []string{"the truth", "the liar"} {
		g, loser := game.Game{}, ""
		if opener == "the truth" {
			g, loser = referee(t, truth.claim, liar.claim, honest(truth.trace), follow(liar.trace)), "b"
		} else {
			g, loser = referee(t, liar.claim, truth.claim, follow(liar.trace), honest(truth.trace)), "a"
		}
		if g.Result.Draw || g.Result.Loser != loser || g.Moves > moves {
			t.Fatalf("%s opened against %s: %+v after %d moves; %s should lose, within %d moves", opener, liar.name, *g.Result, g.Moves, loser, moves)
		}
	}
}

// TestW39EveryTickOfASmallTrace: whatever the tick and the kind of the lie, the
// truth wins, whoever opens.
func TestW39EveryTickOfASmallTrace(t *testing.T) {
	for ticks, step := range map[uint64]uint64{1: 1, 2: 1, 3: 1, 32: 1, 33: 1, 120: 1, 1100: 53} {
		truth := believe(t, ticks, vm.Fault{})
		for tick := uint64(1); tick <= ticks; tick += step {
			for _, liar := range liars(t, ticks, tick) {
				against(t, truth, liar, 5) // 1100 < 32³: three dissections, a proof, an answer
			}
		}
	}
}

// TestW39AnyLiar plays the truth against somebody who may do at its every turn
// whatever the rules allow and much that they do not, knowing the truth.
func TestW39AnyLiar(t *testing.T) {
	longest, finals := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		ticks := rapid.OneOf(rapid.Uint64Range(1, 200), rapid.Uint64Range(50_000, 100_000)).Draw(rt, "ticks")
		truth := believe(t, ticks, vm.Fault{})
		claim := truth.claim
		claim.Ticks = rapid.Uint64Range(1, ticks+100).Draw(rt, "claimed")
		if rapid.Bool().Draw(rt, "false state") || claim == truth.claim {
			claim.State[0] ^= 1
		} else if h, err := truth.trace.Hash(t.Context(), claim.Ticks); err == nil && h != game.Stopped {
			claim.State = h
		}
		lie := anyMove(rt, truth.trace)
		g, loser := game.Game{}, ""
		if rapid.Bool().Draw(rt, "opens") {
			g, loser = referee(t, claim, truth.claim, lie, honest(truth.trace)), "a"
		} else {
			g, loser = referee(t, truth.claim, claim, honest(truth.trace), lie), "b"
		}
		if g.Result.Draw || g.Result.Loser != loser {
			rt.Fatalf("%+v, but %s should lose", *g.Result, loser)
		}
		longest = max(longest, g.Moves)
		if g.Final != nil {
			finals++
		}
	})
	if longest < 3 || finals == 0 {
		t.Errorf("the longest of the games had %d moves, %d came to a final one: too tame", longest, finals)
	}
}

// anyMove draws moves: true and false hashes, halts, proofs that are right,
// misplaced or none, sections of any lengths, and silence.
func anyMove(rt *rapid.T, truth Trace) mover {
	return func(t testing.TB, g game.Game) *game.Move {
		m := game.Move{Number: g.Moves}
		i := rapid.OneOf(rapid.Just(len(g.Dissection)-2), rapid.IntRange(0, len(g.Dissection)-1), rapid.IntRange(0, 2)).Draw(rt, "choice")
		chosen := g.Dissection[i]
		m.Choice = chosen.Tick
		kinds := append(slices.Repeat([]string{"dissection"}, 20), "proof", "proof", "junk", "silence")
		if i+1 < len(g.Dissection) && g.Dissection[i+1].Tick == m.Choice+1 {
			kinds = kinds[19:] // of one tick
		}
		switch rapid.SampledFrom(kinds).Draw(rt, "kind") {
		case "silence":
			return nil
		case "junk":
			m.Proof = []byte("trust me")
		case "proof":
			p, err := truth.Proof(context.Background(), rapid.OneOf(rapid.Just(m.Choice), rapid.Uint64Range(0, 100_000)).Draw(rt, "of"))
			if err != nil {
				t.Fatal(err)
			}
			m.Proof = p
			if p == nil {
				m.Proof = []byte{}
			}
		default:
			if i+1 == len(g.Dissection) {
				return nil
			}
			m.Dissection = anyDissection(rt, truth, chosen, g.Dissection[i+1])
		}
		return &m
	}
}

// anyDissection is one that is legal but, perhaps, for a section that is too long
// and for its start.
func anyDissection(rt *rapid.T, truth Trace, start, stop game.Chunk) []game.Chunk {
	ds := []game.Chunk{}
	even := game.Even(start.Tick, stop.Tick)
	halt := rapid.OneOf(rapid.Just(len(even)), rapid.IntRange(1, len(even))).Draw(rt, "halt")
	for i, tick := range even {
		if 0 < i && i < len(even)-1 && rapid.Bool().Draw(rt, "uneven") {
			tick = rapid.Uint64Range(even[i-1]+1, even[i]).Draw(rt, "tick")
		}
		c := game.Chunk{Tick: tick}
		h, err := truth.Hash(context.Background(), tick)
		if err != nil {
			rt.Fatal(err)
		}
		if c.State = h; rapid.IntRange(0, 3).Draw(rt, "lie") == 0 || h == game.Stopped {
			c.State = game.Hash{1, byte(rapid.IntRange(0, 255).Draw(rt, "hash"))}
		}
		if i >= halt {
			c.State = game.Stopped
		}
		ds = append(ds, c)
	}
	ds[0] = start
	if last := &ds[len(ds)-1]; last.State == stop.State {
		last.State = game.Hash{2}
	}
	return ds
}

// unproved is a trace whose owner cannot prove anything.
type unproved struct{ Trace }

func (unproved) Proof(context.Context, uint64) ([]byte, error) { return []byte("trust me"), nil }

// TestW39TwoLiars: one of them loses, or both do. A draw comes only of somebody who
// fails to prove a tick that it has found.
func TestW39TwoLiars(t *testing.T) {
	draws := map[string]int{}
	for one := uint64(1); one <= 40; one += 3 {
		for other := uint64(1); other <= 40; other += 13 {
			for _, a := range liars(t, 40, one) {
				for _, b := range liars(t, 40, other) {
					if a.claim == b.claim {
						continue
					}
					for who, movers := range map[string][2]Trace{
						"both": {a.trace, b.trace}, "a": {a.trace, unproved{b.trace}},
						"b": {unproved{a.trace}, b.trace}, "neither": {unproved{a.trace}, unproved{b.trace}},
					} {
						r := referee(t, a.claim, b.claim, follow(movers[0]), follow(movers[1])).Result
						if r.Draw == (r.Loser == "a" || r.Loser == "b") {
							t.Fatalf("%s at %d and %s at %d, %s able to prove: %+v", a.name, one, b.name, other, who, *r)
						} else if r.Draw {
							draws[who]++
						}
					}
				}
			}
		}
	}
	if draws["both"] != 0 || draws["neither"] == 0 {
		t.Errorf("draws by who was able to prove: %v; want none of both and some of neither", draws)
	}
}

// TestW39LongTrace: lies at random ticks of an execution of 10⁸ ticks.
func TestW39LongTrace(t *testing.T) {
	const ticks = 100_000_000
	truth := believe(t, ticks, vm.Fault{})
	rng := long(t)
	for i := range games {
		tick := 1 + rng.Uint64N(ticks)
		f := []vm.Fault{vm.Miscount(tick, 1), vm.RunDry(tick), vm.Refuel(tick, 12345)}[i%3]
		liar := believe(t, ticks, f)
		liar.name = fmt.Sprintf("a lie of kind %d at tick %d", i%3, tick)
		if liar.claim == truth.claim {
			continue // it ran dry where it ends
		}
		against(t, truth, liar, 8) // 10⁸ < 32⁶: six dissections, a proof, an answer
	}
}

// TestAgreed: who is shown its own execution has nothing to say.
func TestAgreed(t *testing.T) {
	b := believe(t, 100, vm.Fault{})
	g := game.Game{Dissection: []game.Chunk{{State: b.claim.Parent}, {State: b.claim.State, Tick: 100}, {Tick: 101}}}
	if _, err := Next(t.Context(), g, b.trace); !errors.Is(err, ErrAgreed) {
		t.Errorf("got %v, want ErrAgreed", err)
	}
	g.Dissection[0].State[0] ^= 1
	if _, err := Next(t.Context(), g, b.trace); err == nil || errors.Is(err, ErrAgreed) {
		t.Errorf("got %v for another parent", err)
	}
}

// TestCancelled: the search for a move ends with its context.
func TestCancelled(t *testing.T) {
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	b := believe(t, 100, vm.Fault{})
	fresh := vm.NewTrace(vm.Boot(100), vm.Fault{})
	g, err := game.Start("a", "b", game.Claim{Parent: b.claim.Parent, State: game.Hash{1}, Ticks: 100}, b.claim, 0, 1)
	_, err2 := Next(ctx, g, fresh)
	if err := cmp.Or(err, err2); !errors.Is(err, why) {
		t.Errorf("got %v, want the cause", err)
	}
}
