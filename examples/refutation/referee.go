package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/examples/refutation/game"
	"github.com/ganger-dev/ganger/examples/refutation/referee"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/worker"
)

// Referee names the protocol of the worker in front of the referee's process. It
// performs one request at a time, so everybody sees one order of events.
type Referee struct{}

// Hear is an event for the referee. The response is the state after it.
type Hear struct {
	worker.In[Referee, referee.State]
	Event referee.Event
}

// desk is the state of the worker's one life.
type desk struct {
	*node
	judge wall.Instance[Judge, referee.State]
	state referee.State // as the judge last told it
}

// seat launches the referee. Its process holds the only state that counts, so when
// that dies there is nothing to begin again from: the worker is temporary, and
// the run ends.
func (n *node) seat(ctx context.Context) (*worker.Table[string, struct{}, worker.Queue[Referee]], error) {
	w, err := in[Judge, referee.State](roleReferee)
	if err != nil {
		return nil, err
	}
	d := &worker.Def[Referee, string, struct{}, *desk]{
		Group: "referee",
		Launch: func(ctx context.Context, _ worker.Self[Referee], _ string, _ struct{}) (*desk, error) {
			judge, err := w.Open(ctx, wall.Start{Name: "referee", Incarnation: 1})
			if err != nil {
				return nil, err
			}
			n.lives("referee", judge.Usage().PID)
			b := &desk{node: n, judge: judge}
			b.state, err = wall.Do(ctx, judge, Judge{Rules: &referee.Rules{
				Parent: parent(n.ticks), Stake: stake, Blocks: n.blocks, Period: period,
			}}, nil)
			if err != nil {
				judge.Stop(ctx, ganger.LeavingStartFailed)
			}
			return b, err
		},
		OnError: func(ctx context.Context, b *desk, _ worker.Post[Referee], err error) worker.Verdict {
			if _, ok := errors.AsType[*native.Failure](err); ok {
				return worker.Continue // the event is refused
			}
			b.judge.Stop(ctx, ganger.LeavingProtocol) // if it is not gone already
			b.done(fmt.Errorf("the referee is gone, and with it what was agreed: %v", b.judge.Exit()))
			return worker.Stop
		},
		Close: func(ctx context.Context, b *desk, _ error) error {
			b.judge.Stop(ctx, ganger.LeavingStopped)
			return nil
		},
	}
	worker.Handle(d, hear)
	table := worker.NewQueue(d, worker.Config{Restart: life.Policy{Type: life.Temporary}})
	if n.referee, err = table.Launch(ctx, "referee", struct{}{}); err != nil {
		return nil, errors.Join(err, table.Close(ctx))
	}
	return table, nil
}

// hear puts an event before the judge, shows what came of it, and tells everybody.
func hear(ctx context.Context, b *desk, q Hear) (referee.State, error) {
	e, before := q.Event, b.state
	if e.Move != nil {
		b.strike(moment{"before", e.Move.Number})
	}
	// What was heard is judged, whoever has ceased to wait for it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	after, err := wall.Do(ctx, b.judge, Judge{Event: e}, nil)
	if err != nil {
		return before, err
	}
	b.state = after
	b.show(e, before, after)
	b.publish(after)
	switch {
	case e.Move != nil:
		b.strike(moment{"after", e.Move.Number})
	case e.Block:
		for _, g := range after.Games {
			if g.Result == nil {
				b.strike(moment{"block", g.Moves})
			}
		}
	}
	if b.decided(after) {
		b.done(errOver)
	}
	return after, nil
}

// decided tells whether nobody who is left disagrees with anybody.
func (n *node) decided(s referee.State) bool {
	claims := map[game.Claim]bool{}
	for name := range s.Stakes {
		claims[s.Claims[name].Claim] = true
	}
	return len(s.Claims) == len(n.cheat)+1 && len(claims) <= 1
}

// show tells people what an event changed.
func (b *desk) show(e referee.Event, before, after referee.State) {
	say := func(format string, args ...any) {
		b.out.Printf("block %d: "+format, append([]any{after.Level}, args...)...)
	}
	switch {
	case e.Claim != nil:
		say("%s claims that %d ticks lead from %v to %v", e.By, e.Claim.Ticks, e.Claim.Parent, e.Claim.State)
	case e.Open:
		say("%s refutes the claim of %s", e.By, e.Against)
	case e.Move != nil:
		say("%s against %s, %s", e.By, e.Against, describe(*e.Move, before.Ongoing(e.By)[e.Against]))
	case e.Timeout:
		say("%s complains that %s is late", e.By, e.Against)
	}
	for i, g := range after.Games {
		if r := g.Result; r != nil && before.Games[i].Result == nil {
			if r.Draw {
				say("%s and %s both lose: %s", g.Refuter, g.Defender, r.Why)
				continue
			}
			say("%s loses against %s: %s", r.Loser, g.Other(r.Loser), r.Why)
		}
	}
}

// describe tells a move in the game as it was before.
func describe(m game.Move, g game.Game) string {
	n := 0
	if i := slices.IndexFunc(g.Dissection, func(c game.Chunk) bool { return c.Tick == m.Choice }); i >= 0 && i+1 < len(g.Dissection) {
		n = int(g.Dissection[i+1].Tick - m.Choice)
	}
	switch {
	case m.Dissection != nil:
		return fmt.Sprintf("agrees up to tick %d and dissects the next %d into %d sections", m.Choice, n, len(m.Dissection)-1)
	case g.Final != nil:
		return fmt.Sprintf("answers with a proof of tick %d", m.Choice+1)
	}
	return fmt.Sprintf("agrees up to tick %d and proves the next", m.Choice)
}

// verdict tells how it ended.
func verdict(s referee.State) (string, error) {
	kept := slices.Sorted(maps.Keys(s.Stakes))
	if !slices.Equal(kept, names[:1]) {
		return "", fmt.Errorf("those who keep a stake are %q, and not %s alone", kept, names[0])
	}
	if s.Stakes[names[0]] < stake {
		return "", errors.New("the truth has lost stake")
	}
	return fmt.Sprintf("%s told the truth and has a stake of %d", names[0], s.Stakes[names[0]]), nil
}
