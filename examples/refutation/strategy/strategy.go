// Package strategy decides moves of the refutation game. Whoever follows a true
// execution wins; a cheater is somebody who follows one with a fault in it, just as
// diligently. Liars who follow nothing are in the tests.
package strategy

import (
	"context"
	"errors"

	"github.com/ganger-dev/ganger/examples/refutation/game"
)

// Trace is an execution, as somebody believes that it went.
type Trace interface {
	// Hash returns the hash of the state after that many ticks, [game.Stopped]
	// if the machine is stopped before.
	Hash(ctx context.Context, tick uint64) (game.Hash, error)
	// Proof returns the proof of what the tick after that many does.
	Proof(ctx context.Context, tick uint64) ([]byte, error)
}

// ErrAgreed says that there is nothing to refute. It never comes to somebody who
// follows a true execution.
var ErrAgreed = errors.New("strategy: there is no chunk to disagree with")

// Next returns the move of the player whose turn it is in g and who believes in t:
// the first chunk that differs tells the section; one tick is proved, a longer
// section is dissected evenly.
func Next(ctx context.Context, g game.Game, t Trace) (game.Move, error) {
	m := game.Move{Number: g.Moves}
	if g.Final != nil {
		var err error
		m.Choice = g.Final.Start.Tick
		m.Proof, err = proof(ctx, t, m.Choice)
		return m, err
	}
	s, err := differs(ctx, g.Dissection, t)
	if err != nil {
		return m, err
	}
	m.Choice = s.Start.Tick
	if s.Stop.Tick-s.Start.Tick == 1 {
		m.Proof, err = proof(ctx, t, m.Choice)
		return m, err
	}
	for _, tick := range game.Even(s.Start.Tick, s.Stop.Tick) {
		h, err := t.Hash(ctx, tick)
		if err != nil {
			return m, err
		}
		m.Dissection = append(m.Dissection, game.Chunk{State: h, Tick: tick})
	}
	return m, nil
}

// differs returns the section before the first chunk that t does not have.
func differs(ctx context.Context, ds []game.Chunk, t Trace) (game.Section, error) {
	for i, c := range ds {
		h, err := t.Hash(ctx, c.Tick)
		switch {
		case err != nil:
			return game.Section{}, err
		case h == c.State:
		case i == 0:
			return game.Section{}, errors.New("strategy: not even the first chunk is agreed upon")
		default:
			return game.Section{Start: ds[i-1], Stop: c}, nil
		}
	}
	return game.Section{}, ErrAgreed
}

// proof never returns nil without an error: a cheater has to say something.
func proof(ctx context.Context, t Trace, tick uint64) ([]byte, error) {
	p, err := t.Proof(ctx, tick)
	if p == nil {
		p = []byte("none")
	}
	return p, err
}
