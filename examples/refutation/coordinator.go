package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/examples/refutation/game"
	"github.com/ganger-dev/ganger/examples/refutation/referee"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/worker"
)

// Coordinator names the protocol of the worker that follows the heads for one
// staker. It keeps nothing that the next head would not tell it again, so after a
// restart it processes the next head, and that is all.
type Coordinator struct{}

// Process looks at a head: it launches a player for everybody to be refuted and
// tells each player what its game is. A head that comes while another is processed
// replaces the one that waits: only the newest matters.
type Process struct {
	worker.In[Coordinator, struct{}]
	Level uint64 // of the head
}

// coordinator is the state of one life.
type coordinator struct {
	Order
	ask     asking
	players *worker.Table[string, Seat, worker.Latest[Player]]
	// life ends when this life is closed: turns are taken under it, because they
	// outlive the request that they began in.
	life  context.Context
	end   context.CancelFunc
	turns sync.WaitGroup

	mu     sync.Mutex // guards what follows, by opponent
	failed map[string]bool
	pids   map[string]int
	made   map[string]int // how many moves a game has with the last one made here
}

// coordinate is what a coordinator's process performs: it follows the heads until it
// is told to stop.
func coordinate(ctx context.Context, o Order, h wall.Host) (struct{}, error) {
	ask := over(h)
	table := worker.NewLatest(coordinators(o, ask), nil, worker.Config{Restart: restart})
	defer func() { // its players go before this process does
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		_ = table.Close(ctx)
	}()
	w, err := table.Launch(ctx, o.Name, struct{}{})
	for level := uint64(0); err == nil; {
		var head referee.State
		if head, err = ask(ctx, Question{After: level}); err == nil {
			level = head.Level
			err = w.Put(Process{Level: level})
		}
	}
	return struct{}{}, err
}

func coordinators(o Order, ask asking) *worker.Def[Coordinator, string, struct{}, *coordinator] {
	d := &worker.Def[Coordinator, string, struct{}, *coordinator]{
		Group: "coordinator",
		Launch: func(ctx context.Context, _ worker.Self[Coordinator], _ string, _ struct{}) (*coordinator, error) {
			config, err := playing()
			if err != nil {
				return nil, err
			}
			c := &coordinator{
				Order: o, ask: ask, players: worker.NewLatest(players(), nil, config),
				failed: map[string]bool{}, pids: map[string]int{}, made: map[string]int{},
			}
			c.life, c.end = context.WithCancel(context.WithoutCancel(ctx)) // until Close
			return c, nil
		},
		OnError: func(ctx context.Context, _ *coordinator, _ worker.Post[Coordinator], err error) worker.Verdict {
			if ctx.Err() == nil { // else it is to end
				note("%v", err)
			}
			return worker.Continue // the next head is another chance
		},
		Close: func(ctx context.Context, c *coordinator, _ error) error {
			c.end()
			err := c.players.Close(ctx)
			c.turns.Wait()
			return err
		},
	}
	worker.Handle(d, processHead)
	return d
}

func processHead(ctx context.Context, c *coordinator, _ Process) (struct{}, error) {
	head, err := c.ask(ctx, Question{}) // as it is now
	if err != nil {
		return struct{}{}, err
	}
	if _, ok := head.Claims[c.Name]; !ok {
		return struct{}{}, c.claim(ctx)
	}
	if c.Silent {
		return struct{}{}, nil
	}
	games := head.Ongoing(c.Name)
	opponents := map[string]bool{}
	for _, name := range slices.Concat(head.Conflicts(c.Name), slices.Collect(maps.Keys(games))) {
		opponents[name] = true
	}
	var all sync.WaitGroup
	errs := make(chan error, len(opponents)) // one each
	for name := range opponents {
		all.Go(func() {
			// Each for itself: an opponent whose player cannot be launched
			// keeps nobody waiting, and the next head tries again.
			g, open := games[name]
			errs <- c.against(ctx, name, g, open, head.Level)
		})
	}
	all.Wait()
	close(errs)
	var failed []error
	for err := range errs {
		failed = append(failed, err)
	}
	for name, p := range c.players.All() {
		if !opponents[name] { // the game is over
			failed = append(failed, p.Stop(ctx))
		}
	}
	return struct{}{}, errors.Join(failed...)
}

// against does what the game against that opponent needs: its player, its opening, a
// move, a complaint, or nothing.
func (c *coordinator) against(ctx context.Context, opponent string, g game.Game, open bool, level uint64) error {
	ctx, cancel := context.WithTimeout(ctx, patience) // the next head waits
	defer cancel()
	p, _, err := c.players.LaunchOrFind(ctx, opponent, c.seat(opponent))
	if err != nil {
		c.mu.Lock()
		c.failed[opponent] = true
		c.mu.Unlock()
		return fmt.Errorf("no player against %s, until the next block: %w", opponent, err)
	}
	if err := c.look(ctx, opponent, p.Describe()); err != nil {
		return err
	}
	switch {
	case !open:
		// The opponent may be faster, which is no failure: if there is no
		// game at the next head either, that asks for one again.
		_ = c.say(ctx, opponent, referee.Event{Open: true})
	case g.Mover == c.Name:
		c.turns.Go(func() { c.turn(opponent, p, g) })
	case g.Late(level) && g.Mover == opponent:
		return c.say(ctx, opponent, referee.Event{Timeout: true})
	}
	return nil
}

// seat returns what the player is launched with if there is none.
func (c *coordinator) seat(opponent string) Seat {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Seat{c.Staker, c.Fail && !c.failed[opponent]}
}

// look tells who watches of a new life of a player.
func (c *coordinator) look(ctx context.Context, opponent string, w inspect.Worker) error {
	c.mu.Lock()
	same := w.PID == 0 || w.PID == c.pids[opponent]
	c.pids[opponent] = w.PID
	c.mu.Unlock()
	if same {
		return nil
	}
	if w.Last != nil {
		note("the player against %s lives again; its life before: %v", opponent, facts(w.Last.Exit))
	}
	_, err := c.ask(ctx, Question{Player: w.PID})
	return err
}

// turn has the player choose a move, and makes it. If the player is busy, the next
// head's choice takes the place of this one.
func (c *coordinator) turn(opponent string, p worker.Latest[Player], g game.Game) {
	m, err := worker.CallLatest(c.life, p, Play{Game: g})
	if err == nil && c.first(opponent, g.Moves) {
		if err = c.say(c.life, opponent, referee.Event{Move: &m}); err != nil {
			c.again(opponent, g.Moves)
		}
	}
	if err != nil && c.life.Err() == nil && ganger.CauseOf(err) != ganger.CauseSuperseded {
		note("no move against %s, until the next block: %v", opponent, err)
	}
}

// first tells whether nobody has made the move yet that follows so many, and that
// it is made now. Two heads may show the same state of a game.
func (c *coordinator) first(opponent string, moves int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if moves < c.made[opponent] {
		return false
	}
	c.made[opponent] = moves + 1
	return true
}

// again says that this move was not made after all.
func (c *coordinator) again(opponent string, moves int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made[opponent] = moves
}

// say tells the referee what is done against an opponent.
func (c *coordinator) say(ctx context.Context, opponent string, e referee.Event) error {
	e.By, e.Against = c.Name, opponent
	_, err := c.ask(ctx, Question{Event: &e})
	return err
}

// claim executes what the claim is about and stakes on it.
func (c *coordinator) claim(ctx context.Context) error {
	trace, _ := c.believes()
	ticks, state, err := trace.End(ctx)
	if err != nil {
		return err
	}
	_, err = c.ask(ctx, Question{Event: &referee.Event{By: c.Name, Claim: &game.Claim{
		Parent: parent(c.Ticks), State: state, Ticks: ticks,
	}}})
	return err
}

// facts are those of an end without the last words, which were shown already.
func facts(x ganger.Exit) ganger.Exit {
	x.Stderr = ""
	return x
}

// note writes a line to the log, which the program that started this one shows.
func note(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
