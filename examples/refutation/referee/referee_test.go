package referee

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/ganger-dev/ganger/examples/refutation/game"
	"github.com/ganger-dev/ganger/examples/refutation/strategy"
	"github.com/ganger-dev/ganger/examples/refutation/vm"
)

const ticks = 500

var boot = vm.Boot(ticks)

func rules() Rules { return Rules{Parent: boot.Hash(), Stake: 100, Blocks: 20, Period: 2} }

// claim returns what an execution with that fault ends with, and the execution.
func claim(t testing.TB, f vm.Fault) (game.Claim, *vm.Trace) {
	t.Helper()
	tr := vm.NewTrace(boot, f)
	n, h, err := tr.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return game.Claim{Parent: boot.Hash(), State: h, Ticks: n}, tr
}

// must applies events that the rules allow. The states before them stay what they are.
func must(t testing.TB, s State, events ...Event) State {
	t.Helper()
	for _, e := range events {
		before := text(t, s)
		next, err := s.Apply(e, vm.Verify)
		if err != nil {
			t.Fatal(err)
		}
		if after := text(t, s); after != before || text(t, next) == before {
			t.Fatalf("%s\nbecame %s\nthen %s", before, after, text(t, next))
		}
		s = next
	}
	return s
}

func text(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// begun has the claims of ann, who tells the truth, and of bob and cid, who do not,
// at the level where they can be refuted.
func begun(t testing.TB) (State, map[string]*vm.Trace) {
	t.Helper()
	s, traces := New(rules()), map[string]*vm.Trace{}
	for name, f := range map[string]vm.Fault{"ann": {}, "bob": vm.Miscount(77, 1), "cid": vm.RunDry(300)} {
		c, tr := claim(t, f)
		traces[name] = tr
		s = must(t, s, Event{By: name, Claim: &c})
	}
	return must(t, s, Event{Block: true}, Event{Block: true}), traces
}

// TestRefusals: what is refused says why and changes nothing.
func TestRefusals(t *testing.T) {
	c, _ := claim(t, vm.Fault{})
	elsewhere := c
	elsewhere.Parent = c.State
	tests := []struct {
		name  string
		event Event
		want  string
	}{
		{"nothing", Event{By: "ann"}, "says nothing"},
		{"a second claim", Event{By: "ann", Claim: &c}, "has claimed already"},
		{"a claim of nobody", Event{Claim: &c}, "needs a name"},
		{"a claim of no ticks", Event{By: "eve", Claim: &game.Claim{Parent: c.Parent, State: c.State}}, "from 1 to"},
		{"another parent", Event{By: "eve", Claim: &elsewhere}, "which is agreed"},
		{"a game of a stranger", Event{By: "eve", Against: "ann", Open: true}, "eve has no stake"},
		{"a game against a stranger", Event{By: "ann", Against: "eve", Open: true}, "eve has no stake"},
		{"a game against oneself", Event{By: "ann", Against: "ann", Open: true}, "itself"},
		{"a second game", Event{By: "ann", Against: "bob", Open: true}, "play already"},
		{"a second game, the other way", Event{By: "bob", Against: "ann", Open: true}, "play already"},
		{"a game against the same claim", Event{By: "ann", Against: "amy", Open: true}, "claim the same"},
		{"a game too soon", Event{By: "bob", Against: "dan", Open: true}, "from level 4 on"},
		{"a move in no game", Event{By: "ann", Against: "cid", Move: &game.Move{}}, "have no game"},
		{"a move out of turn", Event{By: "bob", Against: "ann", Move: &game.Move{Proof: []byte{}}}, "not the turn"},
		{"a complaint too soon", Event{By: "bob", Against: "ann", Timeout: true}, "nobody is late"},
		{"a complaint in no game", Event{By: "cid", Against: "ann", Timeout: true}, "have no game"},
	}
	s, _ := begun(t)
	s = must(t, s, Event{By: "amy", Claim: &c})
	late, _ := claim(t, vm.Miscount(5, 1))
	s.Level -= 2 // amy has claimed at level 0, as it were
	amy := s.Claims["amy"]
	amy.Level = 0
	s.Claims["amy"] = amy
	s = must(t, s, Event{Block: true}, Event{Block: true}, Event{By: "dan", Claim: &late}, Event{By: "ann", Against: "bob", Open: true})
	before := text(t, s)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			after, err := s.Apply(tt.event, vm.Verify)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if text(t, s) != before || text(t, after) != before {
				t.Errorf("the state became %s", text(t, after))
			}
		})
	}
}

// TestStakes: the winner has half of the loser's, and a draw costs both.
func TestStakes(t *testing.T) {
	s, _ := begun(t)
	s = must(t, s, Event{By: "ann", Against: "bob", Open: true}, Event{By: "cid", Against: "bob", Open: true})
	for range 21 {
		s = must(t, s, Event{Block: true})
	}
	if _, err := s.Apply(Event{By: "ann", Against: "bob", Timeout: true}, vm.Verify); err == nil {
		t.Error("ann, who is late, complained")
	}
	won := must(t, s, Event{By: "bob", Against: "ann", Timeout: true})
	if want := map[string]uint64{"bob": 150, "cid": 100}; !maps.Equal(won.Stakes, want) {
		t.Errorf("stakes are %v, want %v", won.Stakes, want)
	}
	if _, err := won.Apply(Event{By: "bob", Against: "ann", Timeout: true}, vm.Verify); err == nil || len(won.Ongoing("ann")) > 0 {
		t.Errorf("ann still plays: %v", err)
	}
	g := s.Games[0]
	g.Final = &game.Section{}
	s.Games = []game.Game{g, s.Games[1]}
	drawn := must(t, s, Event{By: "bob", Against: "ann", Timeout: true})
	if want := map[string]uint64{"cid": 100}; !maps.Equal(drawn.Stakes, want) {
		t.Errorf("after a draw stakes are %v, want %v", drawn.Stakes, want)
	}
	// The other game of bob goes on, and the next that is heard of it ends it,
	// without a prize.
	if n := len(drawn.Ongoing("cid")); n != 1 {
		t.Fatalf("cid has %d games", n)
	}
	end := must(t, drawn, Event{By: "cid", Against: "bob", Move: &game.Move{}})
	if r := end.Games[1].Result; r == nil || r.Loser != "bob" || end.Stakes["cid"] != 100 {
		t.Errorf("the game of who has lost its stake ended %+v, stakes are %v", r, end.Stakes)
	}
	end = must(t, drawn, Event{By: "bob", Against: "cid", Move: &game.Move{}})
	if r := end.Games[1].Result; r == nil || r.Loser != "bob" {
		t.Errorf("a move of who has lost its stake ended the game %+v", r)
	}
}

// TestConflicts: those with another claim that is old enough, while they have a stake.
func TestConflicts(t *testing.T) {
	s, _ := begun(t)
	young, _ := claim(t, vm.Refuel(3, 1))
	same, _ := claim(t, vm.Fault{})
	s = must(t, s, Event{By: "dan", Claim: &young}, Event{By: "amy", Claim: &same})
	want := func(s State, name string, want ...string) {
		t.Helper()
		if got := s.Conflicts(name); !slices.Equal(got, want) {
			t.Errorf("%s has conflicts with %q, want %q", name, got, want)
		}
	}
	want(s, "ann", "bob", "cid")
	want(s, "eve")
	s = must(t, s, Event{Block: true}, Event{Block: true})
	want(s, "ann", "bob", "cid", "dan")
	want(s, "bob", "amy", "ann", "cid", "dan")
	delete(s.Stakes, "cid")
	want(s, "ann", "bob", "dan")
	want(s, "cid")
}

// TestGamesAreLimited: a staker has at most 32 games at once.
func TestGamesAreLimited(t *testing.T) {
	s := New(rules())
	for i := range MaxGames + 3 {
		c := game.Claim{Parent: boot.Hash(), State: game.Hash{byte(i + 1)}, Ticks: ticks}
		s = must(t, s, Event{By: fmt.Sprint("p", i), Claim: &c})
	}
	s = must(t, s, Event{Block: true}, Event{Block: true})
	for i := range MaxGames {
		s = must(t, s, Event{By: "p0", Against: fmt.Sprint("p", i+1), Open: true})
	}
	for _, e := range []Event{{By: "p0", Against: "p33", Open: true}, {By: "p33", Against: "p0", Open: true}} {
		if _, err := s.Apply(e, vm.Verify); err == nil || !strings.Contains(err.Error(), "p0 has 32 games") {
			t.Errorf("%s against %s: %v", e.By, e.Against, err)
		}
	}
	must(t, s, Event{By: "p33", Against: "p34", Open: true})
}

// TestW39HonestRemains: whatever the order of events, and whoever plays whom, who
// tells the truth keeps the stake, and of those who lie none does.
func TestW39HonestRemains(t *testing.T) {
	begun, traces := begun(t)
	begun.Rules.Blocks = 1 << 30 // nobody is late
	rapid.Check(t, func(rt *rapid.T) {
		s := begun
		apply := func(e Event) {
			var err error
			if s, err = s.Apply(e, vm.Verify); err != nil {
				rt.Fatal(err)
			}
		}
		lie, tr := claim(t, vm.Refuel(rapid.Uint64Range(1, ticks).Draw(rt, "lie"), 7))
		traces["dan"] = tr
		apply(Event{By: "dan", Claim: &lie})
		apply(Event{Block: true})
		apply(Event{Block: true})
		for step := 0; len(s.Stakes) > 1; step++ {
			if step == 2000 {
				rt.Fatalf("no end: %s", text(t, s))
			}
			names := slices.Sorted(maps.Keys(s.Stakes))
			by := rapid.SampledFrom(names).Draw(rt, "by")
			against := rapid.SampledFrom(s.Conflicts(by)).Draw(rt, "against")
			switch g, ok := s.Ongoing(by)[against]; {
			case !ok:
				apply(Event{By: by, Against: against, Open: true})
			case g.Mover == by:
				m, err := strategy.Next(t.Context(), g, traces[by])
				if err != nil {
					rt.Fatalf("%s against %s: %v", by, against, err)
				}
				apply(Event{By: by, Against: against, Move: &m})
			}
		}
		if s.Stakes["ann"] < 100 {
			rt.Fatalf("ann has lost: %s", text(t, s))
		}
	})
}
