package game

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// h returns a hash that is told apart by its number; h(0) is Stopped.
func h(n byte) Hash { return Hash{n} }

// legal returns an even dissection by somebody who disagrees with stop.
func legal(start, stop Chunk) []Chunk {
	var ds []Chunk
	for _, tick := range Even(start.Tick, stop.Tick) {
		ds = append(ds, Chunk{h(99), tick})
	}
	ds[0] = start
	return ds
}

// TestEven: an even dissection is always a legal one.
func TestEven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Uint64Range(0, MaxTicks).Draw(t, "from")
		length := rapid.OneOf(rapid.Uint64Range(2, 70), rapid.Uint64Range(2, MaxTicks)).Draw(t, "length")
		start, stop := Chunk{h(1), from}, Chunk{h(2), from + length}
		ds := legal(start, stop)
		if err := CheckDissection(start, stop, ds); err != nil {
			t.Fatal(err)
		}
		least, most := uint64(MaxTicks), uint64(0)
		for i := range ds[1:] {
			d := ds[i+1].Tick - ds[i].Tick
			least, most = min(least, d), max(most, d)
		}
		if most-least > 1 {
			t.Fatalf("sections have from %d to %d ticks", least, most)
		}
	})
}

// TestDissections has each rule broken alone.
func TestDissections(t *testing.T) {
	start, stop := Chunk{h(1), 10}, Chunk{h(2), 110} // 32 sections; the first four have 4 ticks
	tests := []struct {
		name   string
		change func(ds []Chunk) []Chunk
		want   string // "" is legal
	}{
		{"even", func(ds []Chunk) []Chunk { return ds }, ""},
		{"a halt at the end", func(ds []Chunk) []Chunk { ds[32].State = Stopped; return ds }, ""},
		{"a halt soon", func(ds []Chunk) []Chunk {
			for i := range ds[1:] {
				ds[i+1].State = Stopped
			}
			return ds
		}, ""},
		{"uneven", func(ds []Chunk) []Chunk {
			for i := range 32 {
				ds[i].Tick = 10 + uint64(i)
			}
			ds[31].Tick = 60 // 50 of 100 ticks are half
			return ds
		}, ""},
		{"more than half", func(ds []Chunk) []Chunk {
			for i := range 32 {
				ds[i].Tick = 10 + uint64(i)
			}
			ds[31].Tick = 59
			return ds
		}, "longer than half"},
		{"nothing", func([]Chunk) []Chunk { return nil }, "has 33 chunks, not 0"},
		{"one chunk less", func(ds []Chunk) []Chunk { return slices.Delete(ds, 7, 8) }, "has 33 chunks, not 32"},
		{"one chunk more", func(ds []Chunk) []Chunk { return append(ds, Chunk{h(3), 111}) }, "has 33 chunks, not 34"},
		{"another start", func(ds []Chunk) []Chunk { ds[0].State = h(5); return ds }, "starts at tick 10"},
		{"an earlier start", func(ds []Chunk) []Chunk { ds[0].Tick--; return ds }, "starts at tick 9"},
		{"an earlier end", func(ds []Chunk) []Chunk { ds[32].Tick--; return ds }, "ends at tick 109"},
		{"the end that it refutes", func(ds []Chunk) []Chunk { ds[32].State = h(2); return ds }, "which it should refute"},
		{"the same tick twice", func(ds []Chunk) []Chunk { ds[9].Tick = ds[8].Tick; return ds }, "comes after"},
		{"backwards", func(ds []Chunk) []Chunk { ds[9].Tick = ds[7].Tick; return ds }, "comes after"},
		{"goes on after a halt", func(ds []Chunk) []Chunk { ds[9].State = Stopped; return ds }, "goes on at"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckDissection(start, stop, tt.change(legal(start, stop)))
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if err := CheckDissection(start, Chunk{h(2), 11}, []Chunk{start, {h(3), 11}}); err == nil {
		t.Error("one tick was dissected")
	}
	halted := Chunk{Stopped, 10}
	if err := CheckDissection(halted, stop, legal(halted, stop)); err == nil || !strings.Contains(err.Error(), "is stopped before tick 10") {
		t.Errorf("a dissection that starts stopped: %v", err)
	}
}

// one is a proof that leads from h(proof[0]) to h(proof[1]).
func one(proof []byte) (before, after Hash, err error) {
	if len(proof) != 2 {
		return Stopped, Stopped, errors.New("no proof")
	}
	return h(proof[0]), h(proof[1]), nil
}

// begun is a game of a and b about 100 ticks from h(1) to h(2), with 10 blocks each.
func begun(t *testing.T, ticks uint64) Game {
	t.Helper()
	g, err := Start("a", "b", Claim{h(1), h(9), 100}, Claim{h(1), h(2), ticks}, 5, 10)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestStart(t *testing.T) {
	g := begun(t, 100)
	if want := []Chunk{{h(1), 0}, {h(2), 100}, {Stopped, 101}}; !slices.Equal(g.Dissection, want) || g.Mover != "a" {
		t.Errorf("%s moves at %v, want a at %v", g.Mover, g.Dissection, want)
	}
	c := Claim{h(1), h(2), 100}
	tests := []struct {
		name, refuter string
		ours, theirs  Claim
		want          string
	}{
		{"oneself", "b", c, Claim{h(1), h(3), 100}, "itself"},
		{"the same", "a", c, c, "claim the same"},
		{"other parents", "a", c, Claim{h(4), h(2), 100}, "different parents"},
		{"no ticks", "a", c, Claim{h(1), h(2), 0}, "from 1 to"},
		{"too many ticks", "a", c, Claim{h(1), h(2), MaxTicks + 1}, "from 1 to"},
		{"no state", "a", Claim{h(1), Stopped, 100}, c, "two states"},
		{"only the ticks differ", "a", c, Claim{h(1), h(2), 101}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Start(tt.refuter, "b", tt.ours, tt.theirs, 0, 1)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestMoves plays moves that the rules allow and refuse; a refused one changes
// nothing.
func TestMoves(t *testing.T) {
	whole := legal(Chunk{h(1), 0}, Chunk{h(2), 100})
	proof := []byte{2, 7} // of the tick from h(2)
	tests := []struct {
		name, by string
		move     Move
		level    uint64
		want     string
	}{
		{"a dissection", "a", Move{Dissection: whole}, 6, ""},
		{"the other's turn", "b", Move{Dissection: whole}, 6, "not the turn of b"},
		{"a stranger's", "c", Move{Dissection: whole}, 6, "not the turn of c"},
		{"a stale move", "a", Move{Number: 1, Dissection: whole}, 6, "after 1 moves, and 0 have"},
		{"neither", "a", Move{}, 6, "either"},
		{"both", "a", Move{Dissection: whole, Proof: proof}, 6, "either"},
		{"the past", "a", Move{Dissection: whole}, 4, "level 5, after 4"},
		{"no such chunk", "a", Move{Choice: 1, Dissection: whole}, 6, "no section starts at tick 1"},
		{"the last chunk", "a", Move{Choice: 101, Proof: proof}, 6, "no section starts at tick 101"},
		{"a proof of many ticks", "a", Move{Proof: proof}, 6, "the section from tick 0 has 100"},
		{"a dissection of one tick", "a", Move{Choice: 100, Dissection: []Chunk{{h(2), 100}, {h(3), 101}}}, 6, "not dissected but proved"},
		{"a proof that it does not stop", "a", Move{Choice: 100, Proof: proof}, 6, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := begun(t, 100)
			before, _ := json.Marshal(g)
			next, err := g.Play(tt.by, tt.move, tt.level, one)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if after, _ := json.Marshal(g); string(after) != string(before) {
				t.Errorf("the game was changed to %s", after)
			}
			if after, _ := json.Marshal(next); (string(after) == string(before)) != (err != nil) {
				t.Errorf("%v, and the next state is %s", err, after)
			}
		})
	}
}

// TestHaltedSectionsAreNotChosen: nobody can answer for a section that starts after
// the halt, so nobody may choose one, and no draw comes of it.
func TestHaltedSectionsAreNotChosen(t *testing.T) {
	g := begun(t, 100)
	ds := legal(Chunk{h(1), 0}, Chunk{h(2), 100})
	for i := range ds[20:] {
		ds[20+i].State = Stopped
	}
	g, err := g.Play("a", Move{Dissection: ds}, 6, one)
	if err != nil {
		t.Fatal(err)
	}
	_, err = g.Play("b", Move{Number: 1, Choice: ds[25].Tick, Proof: []byte{1, 2}}, 7, one)
	if err == nil || !strings.Contains(err.Error(), "so nothing follows") {
		t.Errorf("got %v", err)
	}
}

// TestProofs: the one tick from h(2) at 100, which b says is the last.
func TestProofs(t *testing.T) {
	tests := []struct {
		name          string
		proof, answer []byte
		want          Result
	}{
		{"convinces", []byte{2, 7}, nil, Result{Loser: "b", Why: "tick 101 leads to 07000000, not to stopped"}},
		{"shows what it should refute", []byte{2, 0}, []byte{2, 0}, Result{Loser: "a", Why: "tick 101 leads to stopped indeed"}},
		{"from elsewhere", []byte{3, 7}, []byte{2, 0}, Result{Loser: "a", Why: "tick 101 leads to stopped indeed"}},
		{"none", []byte{}, []byte{2, 0}, Result{Loser: "a", Why: "tick 101 leads to stopped indeed"}},
		{"neither", []byte{3, 7}, []byte{2, 7}, Result{Draw: true, Why: "neither a nor b can prove what tick 101 does"}},
		{"the answer from elsewhere", []byte{3, 7}, []byte{3, 0}, Result{Draw: true, Why: "neither a nor b can prove what tick 101 does"}},
		{"the answer is none", []byte{3, 7}, []byte{1}, Result{Draw: true, Why: "neither a nor b can prove what tick 101 does"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := begun(t, 100)
			g, err := g.Play("a", Move{Choice: 100, Proof: tt.proof}, 6, one)
			if err != nil {
				t.Fatal(err)
			}
			if tt.answer != nil {
				if g.Result != nil || g.Final == nil {
					t.Fatalf("it is over: %+v", g.Result)
				}
				if _, err := g.Play("b", Move{Number: 1, Choice: 100, Dissection: []Chunk{{h(2), 100}, {h(8), 101}}}, 7, one); err == nil {
					t.Fatal("a dissection in the final move was allowed")
				}
				if g, err = g.Play("b", Move{Number: 1, Choice: 100, Proof: tt.answer}, 7, one); err != nil {
					t.Fatal(err)
				}
			}
			if g.Result == nil || *g.Result != tt.want {
				t.Fatalf("got %+v, want %+v", g.Result, tt.want)
			}
			if _, err := g.Play(g.Mover, Move{Number: g.Moves, Choice: 100, Proof: tt.proof}, 8, one); err == nil {
				t.Error("a move after the end was allowed")
			}
		})
	}
}

// TestW39Timeout: each has 10 blocks for all its moves; only the mover's clock runs.
// Who is late while dissecting loses, in the final move it is a draw, and no
// complaint comes too soon.
func TestW39Timeout(t *testing.T) {
	g := begun(t, 100)
	ends := func(g Game, level uint64, want Result) {
		t.Helper()
		if _, err := g.Timeout(level - 1); err == nil || g.Late(level-1) {
			t.Errorf("%s was late already at level %d", g.Mover, level-1)
		}
		if over, err := g.Timeout(level); err != nil || *over.Result != want {
			t.Errorf("at level %d: %+v, %v; want %+v", level, over.Result, err, want)
		}
	}
	play := func(g Game, m Move, level uint64) Game {
		t.Helper()
		next, err := g.Play(g.Mover, m, level, one)
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	ends(g, 16, Result{Loser: "a", Why: "its time is up"}) // 5 + 10 is still in time
	whole := legal(Chunk{h(1), 0}, Chunk{h(2), 100})
	g = play(g, Move{Dissection: whole}, 9) // 4 blocks
	ends(g, 20, Result{Loser: "b", Why: "its time is up"})
	g = play(g, Move{Number: 1, Choice: 0, Dissection: []Chunk{{h(1), 0}, {h(3), 1}, {h(4), 2}, {h(5), 3}, {h(6), 4}}}, 19) // all of its blocks
	ends(g, 26, Result{Loser: "a", Why: "its time is up"})                                                                  // 6 are left
	late := play(g, Move{Number: 2, Choice: 0, Proof: []byte{9, 9}}, 100)
	if left := late.Left; left["a"] != 0 || left["b"] != 0 {
		t.Errorf("left is %v, want nothing", left)
	}
	ends(late, 101, Result{Draw: true, Why: "a failed to refute tick 1, and b to prove it in time"})
	if over := late.Forfeit("b"); over.Result.Loser != "b" {
		t.Errorf("forfeited: %+v", over.Result)
	}
}

func TestHashText(t *testing.T) {
	for _, want := range []Hash{Stopped, h(1), {31: 255}} {
		var got Hash
		b, err := json.Marshal(want)
		if err := errors.Join(err, json.Unmarshal(b, &got)); err != nil || got != want {
			t.Errorf("%s is %v, %v; want %v", b, got, err, want)
		}
	}
	for _, text := range []string{`"12"`, `"zz"`, `7`} {
		if err := json.Unmarshal([]byte(text), new(Hash)); err == nil {
			t.Errorf("%s was taken for a hash", text)
		}
	}
}
