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
	players *worker.Table[string, struct{}, worker.Latest[Player]]
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
		Launch: func(context.Context, worker.Self[Coordinator], string, struct{}) (*coordinator, error) {
			c := &coordinator{Order: o, ask: ask}
			d, err := players(o, ask)
			if err == nil {
				c.players = worker.NewLatest(d, nil, worker.Config{Restart: restart})
			}
			return c, err
		},
		OnError: func(ctx context.Context, _ *coordinator, _ worker.Post[Coordinator], err error) worker.Verdict {
			if ctx.Err() == nil { // else it is to end
				note("%v", err)
			}
			return worker.Continue // the next head is another chance
		},
		Close: func(ctx context.Context, c *coordinator, _ error) error { return c.players.Close(ctx) },
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
			g, playing := games[name]
			errs <- c.tell(ctx, name, g, playing, head.Level)
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

// tell has the player against that opponent, launched if need be, look at its game.
func (c *coordinator) tell(ctx context.Context, opponent string, g game.Game, playing bool, level uint64) error {
	ctx, cancel := context.WithTimeout(ctx, patience) // the next head waits
	defer cancel()
	p, _, err := c.players.LaunchOrFind(ctx, opponent, struct{}{})
	switch {
	case err != nil:
		return fmt.Errorf("no player against %s, until the next block: %w", opponent, err)
	case playing:
		return p.Put(Play{Game: g, Level: level})
	}
	return p.Put(Begin{})
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
