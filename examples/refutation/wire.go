package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/ganger-dev/ganger/examples/refutation/referee"
	"github.com/ganger-dev/ganger/examples/refutation/vm"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
)

// Staker is somebody with a claim.
type Staker struct {
	Name  string `json:"name"`
	Ticks uint64 `json:"ticks"`           // of the execution
	Cheat uint64 `json:"cheat,omitempty"` // the tick from which on it lies; 0 for never
	Lie   uint64 `json:"lie,omitempty"`   // its number among those who lie, who all tell another lie
	// Silent claims, and then does nothing.
	Silent bool `json:"silent,omitempty"`
}

// believes returns the execution as the staker believes that it went, and in words.
func (s Staker) believes() (*vm.Trace, string) {
	fault, words := vm.Fault{}, "tells the truth"
	switch {
	case s.Cheat == 0:
	case s.Lie%3 == 2:
		fault, words = vm.Refuel(s.Cheat, 100), fmt.Sprintf("lies: it adds fuel at tick %d", s.Cheat)
	case s.Lie%3 == 0 && s.Cheat < s.Ticks: // the truth stops at the last one
		fault, words = vm.RunDry(s.Cheat), fmt.Sprintf("lies: it stops at tick %d", s.Cheat)
	default:
		fault, words = vm.Miscount(s.Cheat, s.Lie), fmt.Sprintf("lies: it counts %d too many from tick %d on", s.Lie, s.Cheat)
	}
	return vm.NewTrace(vm.Boot(s.Ticks), fault), words
}

// Order is the one request that a life of a coordinator has: it lasts as long as
// the life. Everything else a coordinator asks for.
type Order struct {
	Staker
	// Fail has the first launch of a player fail.
	Fail bool `json:"fail,omitempty"`
}

// Question is what a coordinator asks the program that started it. The answer is
// the referee's state.
type Question struct {
	// After waits for a head of a higher level; zero for none, it takes what is there.
	After uint64 `json:"after,omitempty"`
	// Event is for the referee, who may refuse it.
	Event *referee.Event `json:"event,omitempty"`
	// Player says that there is a new life of a player: its process.
	Player int `json:"player,omitempty"`
}

// asking is how the workers of a coordinator reach the referee.
type asking func(context.Context, Question) (referee.State, error)

// over returns how to ask over h.
func over(h wall.Host) asking {
	return func(ctx context.Context, q Question) (s referee.State, err error) {
		b, err := json.Marshal(q)
		if err == nil {
			b, err = h.Ask(ctx, b)
		}
		if err == nil {
			err = json.Unmarshal(b, &s)
		}
		return s, err
	}
}

// instances is a wall of lives that perform requests Q.
type instances[Q, R any] = wall.Wall[wall.Instance[Q, R]]

// in returns the wall of processes that are this program in another role.
func in[Q, R any](role string) (instances[Q, R], error) {
	self, err := os.Executable()
	return wall.Speak(process.Command{Path: self, Args: []string{role}}, native.Dialect[Q, R]{
		Request: native.JSON[Q](), Response: native.JSON[R](),
	}), err
}

// Roles of this program, as the first argument of what it starts.
const (
	roleReferee     = "referee"
	roleCoordinator = "coordinator"
	rolePlayer      = "player"
)

// serve performs a role. It does not return.
func serve(role string) {
	switch role {
	case roleReferee:
		native.Main(1, judge())
	case roleCoordinator:
		native.Main(1, coordinate)
	case rolePlayer:
		servePlayer()
	}
}

// patience bounds what should take no time at all, so that nobody waits for ever for
// a process that is stuck.
const patience = 10 * time.Second

// restart is the policy of everything here but the referee: again, and soon.
var restart = life.Policy{Min: 10 * time.Millisecond, Max: 200 * time.Millisecond, Retry: time.Second}

// judge returns what the referee's process performs: events, one after the other, on
// the only state that counts.
func judge() func(context.Context, Judge, wall.Host) (referee.State, error) {
	var state referee.State
	return func(_ context.Context, q Judge, _ wall.Host) (referee.State, error) {
		if q.Rules != nil {
			state = referee.New(*q.Rules)
			return state, nil
		}
		next, err := state.Apply(q.Event, vm.Verify)
		if err == nil {
			state = next
		}
		return next, err
	}
}

// Judge is a request to the referee's process.
type Judge struct {
	Rules *referee.Rules `json:"rules,omitempty"` // begin
	Event referee.Event  `json:"event"`
}
