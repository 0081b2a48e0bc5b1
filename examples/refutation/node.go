package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"sync"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/examples/refutation/game"
	"github.com/ganger-dev/ganger/examples/refutation/referee"
	"github.com/ganger-dev/ganger/examples/refutation/vm"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/worker"
)

// trial is one run of the program.
type trial struct {
	ticks  uint64
	cheat  []uint64 // one for each cheater
	block  time.Duration
	blocks uint64 // of the chess clock
	fail   bool
	silent bool // the cheaters
	// kill names whom to kill at a moment of a game; nil for nobody.
	kill func(moment) []string
}

// moment is a moment at which somebody may be killed: a player's move has reached
// the referee and is not judged yet ("before"), was judged and its player does not
// know yet ("after"), or there is a new block and the player that is to move has it
// ("block"). Moves is how many the game had.
type moment struct {
	when  string
	moves int
}

const (
	stake  = 100
	period = 2
)

// names of the stakers; the first is honest.
var names = []string{"ann", "bob", "cid", "dan", "eve"}

func parent(ticks uint64) game.Hash {
	s := vm.Boot(ticks)
	return s.Hash()
}

// node is the program that the user started: it keeps the referee, the coordinators
// and the time, and hands on what a coordinator has to say to the referee.
type node struct {
	trial
	out     *log.Logger
	referee worker.Queue[Referee]
	done    context.CancelCauseFunc // of everything, with errOver or what went wrong

	mu     sync.Mutex // guards what follows
	head   referee.State
	next   chan struct{}  // closed when there is another head
	pids   map[string]int // of the present lives: "referee", "coordinator of NAME", "player of NAME"
	doomed map[string]bool
	kills  int
}

// errOver ends the run: everything is decided.
var errOver = errors.New("everything is decided")

// play runs everything until the games are decided, and returns the referee's last
// state, and why it could not be reached if it could not.
func (t trial) play(ctx context.Context, out *log.Logger) (referee.State, int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	n := &node{trial: t, out: out, done: cancel, next: make(chan struct{}), pids: map[string]int{}, doomed: map[string]bool{}}
	table, err := n.seat(ctx)
	if err != nil {
		return n.head, 0, err
	}
	var all sync.WaitGroup
	for i := range len(t.cheat) + 1 {
		s := Staker{Name: names[i], Ticks: t.ticks}
		if i > 0 {
			s.Cheat, s.Lie, s.Silent = t.cheat[i-1], uint64(i), t.silent
		}
		_, words := s.believes()
		n.out.Printf("%s %s", s.Name, words)
		keeper, err := n.keeper(ctx, s)
		if err != nil {
			cancel(err)
			break
		}
		all.Go(func() {
			err := keeper.Run(ctx, n.serve(Order{s, t.fail}))
			cancel(fmt.Errorf("the coordinator of %s does not live again: %w", s.Name, err))
		})
	}
	all.Go(func() { n.tick(ctx) })
	all.Wait()
	err = context.Cause(ctx)
	if errors.Is(err, errOver) {
		err = nil
	}
	// The referee goes last: nobody asks it any more.
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer stop()
	if e := table.Close(ctx); err == nil {
		err = e
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.head, n.kills, err
}

// keeper keeps the seat of a coordinator filled. Nothing is carried from one life to
// the next.
func (n *node) keeper(ctx context.Context, s Staker) (*life.Keeper[wall.Instance[Order, struct{}]], error) {
	w, err := in[Order, struct{}](roleCoordinator)
	return &life.Keeper[wall.Instance[Order, struct{}]]{
		Group: "coordinator", Name: s.Name, Wall: w, Policy: restart,
		Start: wall.Start{Line: func(_ bool, line []byte) {
			if ctx.Err() == nil { // what fails for that reason is of no interest
				n.out.Printf("  (%s: %s)", s.Name, line)
			}
		}},
		OnEnd: func(o inspect.Obituary) {
			if !o.Exit.Asked {
				n.out.Printf("  the coordinator of %s has ended: %v", s.Name, facts(o.Exit))
			}
		},
	}, err
}

// serve gives each life of a coordinator its order, and answers what it asks.
func (n *node) serve(o Order) func(context.Context, *life.Tenure[wall.Instance[Order, struct{}]]) ganger.Leaving {
	return func(ctx context.Context, t *life.Tenure[wall.Instance[Order, struct{}]]) ganger.Leaving {
		n.lives("coordinator of "+o.Name, t.Life.Usage().PID)
		if t.Incarnation > 1 {
			n.out.Printf("  the coordinator of %s lives again (%s)", o.Name, t.Life.ID())
		}
		_, err := wall.Do(ctx, t.Life, o, host{n, o.Name})
		if err != nil && ctx.Err() == nil {
			n.out.Printf("  the coordinator of %s: %v", o.Name, err)
		}
		return ganger.LeavingStopped
	}
}

// host is where the coordinator of a staker reaches the referee.
type host struct {
	*node
	staker string
}

func (host) Feedback([]byte) {}

func (h host) Ask(ctx context.Context, question []byte) ([]byte, error) {
	var q Question
	if err := json.Unmarshal(question, &q); err != nil {
		return nil, err
	}
	var s referee.State
	var err error
	switch {
	case q.Player != 0:
		h.lives("player of "+h.staker, q.Player)
	case q.Event == nil:
		s, err = h.after(ctx, q.After)
	case q.Event.By != h.staker:
		err = fmt.Errorf("%s speaks for itself only", h.staker)
	default:
		// What was said is heard, also if its speaker is killed now.
		s, err = worker.Call(context.WithoutCancel(ctx), h.referee, Hear{Event: *q.Event})
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(s)
}

// after returns the head when its level is higher, at once after 0.
func (n *node) after(ctx context.Context, level uint64) (referee.State, error) {
	for {
		n.mu.Lock()
		head, next := n.head, n.next
		n.mu.Unlock()
		if head.Level > level || level == 0 {
			return head, nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return head, context.Cause(ctx)
		}
	}
}

// tick makes the blocks.
func (n *node) tick(ctx context.Context) {
	blocks := time.NewTicker(n.block)
	defer blocks.Stop()
	for {
		select {
		case <-blocks.C:
			if _, err := worker.Call(ctx, n.referee, Hear{Event: referee.Event{Block: true}}); err != nil {
				n.done(err) // the first cause counts
			}
		case <-ctx.Done():
			return
		}
	}
}

// publish makes s the head that is asked for.
func (n *node) publish(s referee.State) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.head = s
	close(n.next)
	n.next = make(chan struct{})
}

// lives notes the process of a new life.
func (n *node) lives(who string, pid int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.pids[who] = pid
}

// strike kills whoever is to be killed at that moment, as kill -9 does. Who has no
// process then, being between two lives, is killed at the next moment.
func (n *node) strike(m moment) {
	if n.kill == nil {
		return
	}
	victims := n.kill(m)
	n.mu.Lock()
	for _, who := range victims {
		n.doomed[who] = true
	}
	hit := map[string]int{}
	for who := range n.doomed {
		if pid := n.pids[who]; pid != 0 {
			hit[who] = pid
			n.kills++
			delete(n.pids, who) // until there is another
			delete(n.doomed, who)
		}
	}
	n.mu.Unlock()
	for who, pid := range hit {
		n.out.Printf("  kill -9 %d, the %s", pid, who)
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill() // it may have ended by itself
		}
	}
}
