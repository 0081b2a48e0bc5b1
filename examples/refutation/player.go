package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/ganger-dev/ganger/examples/refutation/game"
	"github.com/ganger-dev/ganger/examples/refutation/strategy"
	"github.com/ganger-dev/ganger/examples/refutation/vm"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
	"github.com/ganger-dev/ganger/worker"
	"github.com/ganger-dev/ganger/worker/behind"
)

// Player names the protocol of the workers that choose moves, one for each opponent
// and named by it. What they do may take long, so each is a process: see
// [playing]. They tell the referee nothing, their coordinator does.
type Player struct{}

// Play asks for the move in a game in which it is the player's turn.
type Play struct {
	worker.In[Player, game.Move]
	Game game.Game
}

// Seat is what a player is launched with.
type Seat struct {
	Staker
	Fail bool
}

// player is the state of one life. The states of the execution that it has come by
// stay with it.
type player struct{ trace *vm.Trace }

// errToldToFail is what a launch fails with that is told to.
var errToldToFail = errors.New("this launch was told to fail")

// players defines what a player does, on whatever side of the wall.
func players() *worker.Def[Player, string, Seat, *player] {
	d := &worker.Def[Player, string, Seat, *player]{
		Group: "player",
		Launch: func(_ context.Context, _ worker.Self[Player], _ string, s Seat) (*player, error) {
			if s.Fail {
				return nil, errToldToFail
			}
			trace, _ := s.believes()
			return &player{trace}, nil
		},
	}
	worker.Handle(d, func(ctx context.Context, p *player, q Play) (game.Move, error) {
		return strategy.Next(ctx, q.Game, p.trace)
	})
	return d
}

// playing says how players live: each life in a process of its own. Without Behind
// they would be goroutines of the coordinator's process, and all else the same.
func playing() (worker.Config, error) {
	self, err := os.Executable()
	return worker.Config{
		Restart: restart,
		Behind:  behind.Wall(process.Command{Path: self, Args: []string{rolePlayer}}),
	}, err
}

// servePlayer is a player's process. It does not return.
func servePlayer() {
	s, err := native.Stream()
	if err == nil {
		err = behind.Serve(players(), s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "refutation:", err)
		os.Exit(1)
	}
	os.Exit(0)
}
