package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/examples/refutation/game"
	"github.com/ganger-dev/ganger/examples/refutation/referee"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/worker"
)

// Player names the protocol of the workers that play, one for each opponent and
// named by it. The choice of a move may take long and is made by a process; the
// worker lives and dies with that.
type Player struct{}

// Play has the player look at its game as it stands at a level. A newer Play
// replaces one that waits.
type Play struct {
	worker.In[Player, struct{}]
	Game  game.Game
	Level uint64
}

// Begin has it open the game.
type Begin struct {
	worker.In[Player, struct{}]
}

// player is the state of one life.
type player struct {
	name, opponent string
	ask            asking
	life           wall.Instance[game.Game, game.Move] // of its process
	moves          int                                 // a game with fewer is seen from before the last move made here

	closing  chan struct{}
	watching sync.WaitGroup
}

// errNoPlayer is what a player's first launch fails with when it is told to.
var errNoPlayer = errors.New("the first launch was told to fail")

func players(o Order, ask asking) (*worker.Def[Player, string, struct{}, *player], error) {
	staker, err := json.Marshal(o.Staker)
	if err != nil {
		return nil, err
	}
	w, err := behind[game.Game, game.Move](rolePlayer, string(staker))
	var failed atomic.Bool
	d := &worker.Def[Player, string, struct{}, *player]{
		Group: "player",
		Launch: func(ctx context.Context, self worker.Self[Player], opponent string, _ struct{}) (*player, error) {
			if o.Fail && !failed.Swap(true) {
				return nil, errNoPlayer
			}
			_, incarnation := self.Status()
			it, err := w.Open(ctx, wall.Start{Name: "player", Incarnation: incarnation})
			if err != nil {
				return nil, err
			}
			p := &player{name: o.Name, opponent: opponent, ask: ask, life: it, closing: make(chan struct{})}
			p.watching.Go(func() { p.watch(self) })
			if _, err := ask(ctx, Question{Player: it.ID()}); err != nil {
				return nil, errors.Join(err, p.close(ctx))
			}
			return p, nil
		},
		OnError: func(ctx context.Context, p *player, _ worker.Post[Player], err error) worker.Verdict {
			switch {
			case ganger.OutcomeOf(err) == ganger.Crashed, errors.Is(err, wall.ErrUnsent):
				return worker.Crash // the next life has another process
			case ctx.Err() != nil: // it is to end
				return worker.Continue
			}
			note("the player against %s: %v", p.opponent, err)
			return worker.Continue
		},
		Close: func(ctx context.Context, p *player, _ error) error { return p.close(ctx) },
	}
	worker.Handle(d, play)
	worker.Handle(d, begin)
	return d, err
}

// watch ends the life of the worker when its process dies, in the midst of a move or
// between two.
func (p *player) watch(self worker.Self[Player]) {
	select {
	case <-p.closing:
	case <-p.life.Gone():
		self.Crash(fmt.Errorf("its process has ended: %v", facts(p.life.Exit())))
	}
}

func (p *player) close(ctx context.Context) error {
	select {
	case <-p.life.Gone():
		note("the player against %s has ended: %v", p.opponent, facts(p.life.Exit()))
	default:
	}
	close(p.closing)
	p.life.Stop(ctx, ganger.LeavingStopped)
	p.watching.Wait()
	return nil
}

func begin(ctx context.Context, p *player, _ Begin) (struct{}, error) {
	// The opponent may have been faster, which is no failure: if there is no game
	// at the next head either, that asks for one again.
	_, _ = p.say(ctx, referee.Event{Open: true})
	return struct{}{}, nil
}

func play(ctx context.Context, p *player, q Play) (struct{}, error) {
	g := q.Game
	switch {
	case g.Moves < p.moves: // the head was made before that move
		return struct{}{}, nil
	case g.Mover == p.opponent && g.Late(q.Level):
		return p.say(ctx, referee.Event{Timeout: true})
	case g.Mover == p.opponent:
		return struct{}{}, nil
	}
	m, err := wall.Do(ctx, p.life, g, nil)
	if err == nil {
		if _, err = p.say(ctx, referee.Event{Move: &m}); err == nil {
			p.moves = g.Moves + 1
		}
	}
	return struct{}{}, err
}

// say tells the referee what the player does.
func (p *player) say(ctx context.Context, e referee.Event) (struct{}, error) {
	e.By, e.Against = p.name, p.opponent
	_, err := p.ask(ctx, Question{Event: &e})
	return struct{}{}, err
}
