// Package referee keeps what all players must believe: the level, the stakes, the
// claims and the games. It is the only authority. It executes one tick of the
// machine for each proof, and nothing else.
//
// A [State] changes by [State.Apply] alone, a pure function of the state and an
// event: whoever has the events has the state.
package referee

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ganger-dev/ganger/examples/refutation/game"
)

// MaxGames is how many games one staker may have at once.
const MaxGames = 32

// Rules do not change while a referee lives.
type Rules struct {
	Parent game.Hash `json:"parent"` // of every claim
	Stake  uint64    `json:"stake"`
	// Blocks is how many each player has for all its moves of a game.
	Blocks uint64 `json:"blocks"`
	// Period is how many blocks old a claim must be before it can be refuted.
	Period uint64 `json:"period"`
}

// State is everything that is agreed. It is a value: Apply returns another.
type State struct {
	Rules  Rules             `json:"rules"`
	Level  uint64            `json:"level"` // of the head: how many blocks there are
	Stakes map[string]uint64 `json:"stakes"`
	Claims map[string]Claim  `json:"claims"` // by staker; a claim outlives its stake
	// Games are those that go on and, before their successors, those that have
	// ended, in the order of their openings.
	Games []game.Game `json:"games,omitempty"`
}

// Claim is a claim and the level at which it was made.
type Claim struct {
	game.Claim
	Level uint64 `json:"level"`
}

// New returns the state before anybody has claimed anything.
func New(r Rules) State {
	return State{Rules: r, Stakes: map[string]uint64{}, Claims: map[string]Claim{}}
}

// Event is something that somebody does. Exactly one of the pointers and flags
// says what.
type Event struct {
	By      string      `json:"by,omitempty"`
	Against string      `json:"against,omitempty"` // of Open, Move and Timeout
	Block   bool        `json:"block,omitempty"`   // the level grows by one
	Claim   *game.Claim `json:"claim,omitempty"`   // By stakes on it
	Open    bool        `json:"open,omitempty"`    // By refutes the claim of Against
	Move    *game.Move  `json:"move,omitempty"`
	Timeout bool        `json:"timeout,omitempty"` // By complains that Against is late
}

// Apply returns the state after e, or why e is refused, which changes nothing.
func (s State) Apply(e Event, verify game.Verify) (State, error) {
	switch {
	case e.Block:
		s.Level++
		return s, nil
	case e.Claim != nil:
		return s.claim(e.By, *e.Claim)
	case e.Open:
		return s.open(e.By, e.Against)
	case e.Move != nil:
		return s.play(e.By, e.Against, func(g game.Game) (game.Game, error) {
			return g.Play(e.By, *e.Move, s.Level, verify)
		})
	case e.Timeout:
		return s.play(e.By, e.Against, func(g game.Game) (game.Game, error) {
			if g.Late(s.Level) && g.Mover == e.By {
				return g, fmt.Errorf("referee: it is %s who is late", e.By)
			}
			return g.Timeout(s.Level)
		})
	}
	return s, errors.New("referee: the event says nothing")
}

func (s State) claim(by string, c game.Claim) (State, error) {
	if err := c.Check(); err != nil {
		return s, err
	}
	_, claimed := s.Claims[by]
	switch {
	case by == "":
		return s, errors.New("referee: a claim needs a name behind it")
	case claimed:
		return s, fmt.Errorf("referee: %s has claimed already", by)
	case c.Parent != s.Rules.Parent:
		return s, fmt.Errorf("referee: the claim starts from %v, not from %v, which is agreed", c.Parent, s.Rules.Parent)
	}
	s.Claims, s.Stakes = maps.Clone(s.Claims), maps.Clone(s.Stakes)
	s.Claims[by], s.Stakes[by] = Claim{c, s.Level}, s.Rules.Stake
	return s, nil
}

func (s State) open(by, against string) (State, error) {
	for _, name := range []string{by, against} {
		switch n := len(s.Ongoing(name)); {
		case s.Stakes[name] == 0:
			return s, fmt.Errorf("referee: %s has no stake", name)
		case n >= MaxGames:
			return s, fmt.Errorf("referee: %s has %d games already", name, n)
		}
	}
	if s.between(by, against) >= 0 {
		return s, fmt.Errorf("referee: %s and %s play already", by, against)
	}
	theirs := s.Claims[against]
	if s.Level < theirs.Level+s.Rules.Period {
		return s, fmt.Errorf("referee: the claim of %s can be refuted from level %d on", against, theirs.Level+s.Rules.Period)
	}
	g, err := game.Start(by, against, s.Claims[by].Claim, theirs.Claim, s.Level, s.Rules.Blocks)
	if err != nil {
		return s, err
	}
	s.Games = append(slices.Clip(s.Games), g)
	return s, nil
}

// play performs one step of the game between the two, and settles it if it ends.
func (s State) play(by, against string, step func(game.Game) (game.Game, error)) (State, error) {
	i := s.between(by, against)
	if i < 0 {
		return s, fmt.Errorf("referee: %s and %s have no game", by, against)
	}
	g, err := s.Games[i], error(nil)
	switch {
	case s.Stakes[against] == 0:
		g = g.Forfeit(against)
	case s.Stakes[by] == 0:
		g = g.Forfeit(by)
	default:
		g, err = step(g)
	}
	if err != nil {
		return s, err
	}
	s.Games = slices.Clone(s.Games)
	s.Games[i] = g
	if r := g.Result; r != nil {
		s.Stakes = maps.Clone(s.Stakes)
		s.settle(g, *r)
	}
	return s, nil
}

// settle moves the stakes of a game that ended: half of the loser's goes to the
// winner, the rest is burnt. Stakes is a copy already.
func (s State) settle(g game.Game, r game.Result) {
	if r.Draw {
		delete(s.Stakes, g.Refuter)
		delete(s.Stakes, g.Defender)
		return
	}
	if lost, winner := s.Stakes[r.Loser], g.Other(r.Loser); lost > 0 && s.Stakes[winner] > 0 {
		s.Stakes[winner] += lost / 2
	}
	delete(s.Stakes, r.Loser)
}

// between returns the place of the game that goes on between the two, or -1.
func (s State) between(a, b string) int {
	return slices.IndexFunc(s.Games, func(g game.Game) bool {
		return g.Result == nil && a != b && g.Has(a) && g.Has(b)
	})
}

// Ongoing returns the games of that staker that go on, by opponent.
func (s State) Ongoing(name string) map[string]game.Game {
	games := map[string]game.Game{}
	for _, g := range s.Games {
		if g.Result == nil && g.Has(name) {
			games[g.Other(name)] = g
		}
	}
	return games
}

// Conflicts returns, sorted, those with a stake on another claim than that
// staker's that can be refuted at this level, whether a game with them goes on or
// not; none if it has no stake itself.
func (s State) Conflicts(name string) []string {
	ours, ok := s.Claims[name]
	if !ok || s.Stakes[name] == 0 {
		return nil
	}
	var names []string
	for other, theirs := range s.Claims {
		if s.Stakes[other] > 0 && theirs.Claim != ours.Claim && s.Level >= theirs.Level+s.Rules.Period {
			names = append(names, other)
		}
	}
	slices.Sort(names)
	return names
}
