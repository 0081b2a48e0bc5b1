// Package compile must not compile: each line with a want comment must be
// refused by the compiler with a message that the comment's expression matches,
// and no other line. The protocols are here.
package compile

import (
	"context"

	"github.com/ganger-dev/ganger/worker"
)

// Player and Referee are two protocols.
type (
	Player  struct{}
	Referee struct{}
)

type (
	// Open is a request to a player for a move.
	Open struct {
		worker.In[Player, Move]
		Game int
	}
	// Judge is a request to a referee for a verdict.
	Judge struct {
		worker.In[Referee, bool]
		Game int
	}
	// Bare is no request.
	Bare struct{ Game int }
)

// Move is the response of Open.
type Move struct{ At int }

type (
	board  struct{}
	player = worker.Def[Player, string, int, *board]
)

var (
	ctx  context.Context
	def  *player
	list *worker.Table[string, int, worker.Queue[Player]]

	queue   worker.Queue[Player]
	bounded worker.Bounded[Player]
	latest  worker.Latest[Player]
	source  worker.Source[Player]
	self    worker.Self[Player]
	referee worker.Queue[Referee]
)
