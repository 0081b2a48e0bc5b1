package game

import (
	"errors"
	"fmt"
	"slices"
)

// Claim is what a player asserts: from the state Parent, the machine performs Ticks
// ticks, is in State then, and stops.
type Claim struct {
	Parent Hash   `json:"parent"`
	State  Hash   `json:"state"`
	Ticks  uint64 `json:"ticks"`
}

// MaxTicks is the longest execution that can be claimed.
const MaxTicks = 1 << 62

// Check returns nil if the claim could be true of some machine.
func (c Claim) Check() error {
	if c.Parent == Stopped || c.State == Stopped || c.Ticks < 1 || c.Ticks > MaxTicks {
		return fmt.Errorf("game: a claim has two states and from 1 to %d ticks between them", uint64(MaxTicks))
	}
	return nil
}

// Move is what a player does at its turn.
type Move struct {
	// Number is how many moves had been made when it was chosen. A move that was
	// chosen for another state of the game is refused, so a player that was
	// killed after sending it, and starts again, does no harm.
	Number int `json:"number"`
	// Choice is the tick of the last chunk that the mover agrees with. It selects
	// the section from there to the next chunk.
	Choice uint64 `json:"choice"`
	// Dissection divides that section, or Proof shows what its only tick does.
	Dissection []Chunk `json:"dissection,omitempty"`
	Proof      []byte  `json:"proof,omitempty"`
}

// Verify checks a proof of one tick. It returns the hash before the tick and the
// hash after it, or that the proof is none.
type Verify func(proof []byte) (before, after Hash, err error)

// Section is what lies between two chunks that follow each other.
type Section struct {
	Start Chunk `json:"start"`
	Stop  Chunk `json:"stop"`
}

// Result is how a game ended.
type Result struct {
	Draw  bool   `json:"draw,omitempty"`  // both lose
	Loser string `json:"loser,omitempty"` // if it is no draw
	Why   string `json:"why"`
}

// Game is the state of one game. It is a value: no method changes it, and the
// slices in it are never written to.
type Game struct {
	Refuter  string `json:"refuter"` // who opened it, and moves first
	Defender string `json:"defender"`
	Mover    string `json:"mover"`
	// Dissection is in force: the mover disagrees with some of it.
	Dissection []Chunk `json:"dissection"`
	// Final is the section of one tick that somebody failed to refute. The mover
	// may now prove it.
	Final *Section `json:"final,omitempty"`
	// Left is how many blocks each has for all its moves to come.
	Left  map[string]uint64 `json:"left"`
	Level uint64            `json:"level"` // of the block with the last move, at first of the opening
	Moves int               `json:"moves"`
	// Result is nil while the game goes on.
	Result *Result `json:"result,omitempty"`
}

// Start opens a game at that level: refuter disagrees with the claim of defender.
// Each has so many blocks for all its moves. Both claims must be of one parent and
// differ.
func Start(refuter, defender string, ours, theirs Claim, level, blocks uint64) (Game, error) {
	if err := errors.Join(ours.Check(), theirs.Check()); err != nil {
		return Game{}, err
	}
	switch {
	case refuter == defender:
		return Game{}, fmt.Errorf("game: %s cannot play against itself", refuter)
	case ours.Parent != theirs.Parent:
		return Game{}, errors.New("game: the claims have different parents: play about those first")
	case ours == theirs:
		return Game{}, fmt.Errorf("game: %s and %s claim the same", refuter, defender)
	}
	return Game{
		Refuter: refuter, Defender: defender, Mover: refuter, Level: level,
		Left: map[string]uint64{refuter: blocks, defender: blocks},
		Dissection: []Chunk{
			{theirs.Parent, 0},
			{theirs.State, theirs.Ticks},
			{Stopped, theirs.Ticks + 1}, // the claim is also that it stops there
		},
	}, nil
}

// Other returns who plays against that player.
func (g Game) Other(player string) string {
	if player == g.Refuter {
		return g.Defender
	}
	return g.Refuter
}

// Has tells whether that player plays in the game.
func (g Game) Has(player string) bool { return player == g.Refuter || player == g.Defender }

// Play returns the game after a move at that level, or why the move is refused, which
// changes nothing. Clocks are obeyed by [Game.Timeout] alone: a late move counts
// if nobody has complained.
//
// Two moves are refused because nobody could answer them, and a liar would get a
// draw: a choice of a chunk at which the machine is stopped, and a proof of a
// section that is longer than the one tick that a proof can show.
func (g Game) Play(player string, m Move, level uint64, verify Verify) (Game, error) {
	switch {
	case g.Result != nil:
		return g, errors.New("game: it is over")
	case player != g.Mover:
		return g, fmt.Errorf("game: it is not the turn of %s", player)
	case m.Number != g.Moves:
		return g, fmt.Errorf("game: the move was chosen after %d moves, and %d have been made", m.Number, g.Moves)
	case (m.Dissection == nil) == (m.Proof == nil):
		return g, errors.New("game: a move is either a dissection or a proof")
	case level < g.Level:
		return g, fmt.Errorf("game: the last move was at level %d, after %d", g.Level, level)
	}
	s, err := g.choose(m)
	if err != nil {
		return g, err
	}
	next := g
	switch {
	case m.Dissection != nil:
		if err := CheckDissection(s.Start, s.Stop, m.Dissection); err != nil {
			return g, err
		}
		next.Dissection = slices.Clone(m.Dissection)
	case g.Final != nil:
		next.Result = final(player, g.Other(player), s, m.Proof, verify)
	default:
		next.Final, next.Result = first(g.Other(player), s, m.Proof, verify)
	}
	// A player that has used more than it has left was lucky: no block comes back.
	spent := min(level-g.Level, g.Left[player])
	other := g.Other(player)
	next.Left = map[string]uint64{player: g.Left[player] - spent, other: g.Left[other]}
	next.Level, next.Moves, next.Mover = level, g.Moves+1, other
	return next, nil
}

// choose returns the section that a move is about.
func (g Game) choose(m Move) (Section, error) {
	if g.Final != nil {
		return *g.Final, nil // one tick, so it cannot be dissected
	}
	i := slices.IndexFunc(g.Dissection, func(c Chunk) bool { return c.Tick == m.Choice })
	if i < 0 || i == len(g.Dissection)-1 {
		return Section{}, fmt.Errorf("game: no section starts at tick %d", m.Choice)
	}
	s := Section{g.Dissection[i], g.Dissection[i+1]}
	switch length := s.Stop.Tick - s.Start.Tick; {
	case s.Start.State == Stopped:
		return s, fmt.Errorf("game: the machine is stopped before tick %d, so nothing follows to disagree about", m.Choice)
	case m.Proof != nil && length > 1:
		return s, fmt.Errorf("game: a proof shows one tick, and the section from tick %d has %d", m.Choice, length)
	}
	return s, nil
}

// first judges a proof that s.Stop is wrong.
func first(opponent string, s Section, proof []byte, verify Verify) (*Section, *Result) {
	before, after, err := verify(proof)
	if err != nil || before != s.Start.State || after == s.Stop.State {
		return &s, nil
	}
	return nil, &Result{Loser: opponent, Why: fmt.Sprintf("tick %d leads to %v, not to %v", s.Stop.Tick, after, s.Stop.State)}
}

// final judges the answer, a proof that s.Stop is right.
func final(player, opponent string, s Section, proof []byte, verify Verify) *Result {
	before, after, err := verify(proof)
	if err != nil || before != s.Start.State || after != s.Stop.State {
		return &Result{Draw: true, Why: fmt.Sprintf("neither %s nor %s can prove what tick %d does", opponent, player, s.Stop.Tick)}
	}
	return &Result{Loser: opponent, Why: fmt.Sprintf("tick %d leads to %v indeed", s.Stop.Tick, after)}
}

// Late tells whether the mover has used up its blocks at that level.
func (g Game) Late(level uint64) bool {
	return g.Result == nil && level > g.Level+g.Left[g.Mover]
}

// Timeout ends the game if the mover is late, or says that it is not. Anybody may
// ask for it.
func (g Game) Timeout(level uint64) (Game, error) {
	if !g.Late(level) {
		return g, errors.New("game: nobody is late")
	}
	if g.Final != nil {
		g.Result = &Result{Draw: true, Why: fmt.Sprintf("%s failed to refute tick %d, and %s to prove it in time", g.Other(g.Mover), g.Final.Stop.Tick, g.Mover)}
		return g, nil
	}
	g.Result = &Result{Loser: g.Mover, Why: "its time is up"}
	return g, nil
}

// Forfeit ends the game against a player that has lost its stake elsewhere.
func (g Game) Forfeit(player string) Game {
	g.Result = &Result{Loser: player, Why: "it has lost its stake elsewhere"}
	return g
}
