package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/goroutine"
)

// State is what all goals share. A worker gets it once and keeps it.
type State struct {
	Given []string `json:"given,omitempty"` // holds for every goal
	Goals []string `json:"goals"`
}

// Request is one goal for a worker.
type Request struct {
	State  *State `json:"state,omitempty"` // only to a fresh life
	Goal   int    `json:"goal"`            // its place among the state's
	Tactic Tactic `json:"tactic"`
	Die    bool   `json:"die,omitempty"` // in the midst of it, to show what then happens
}

// Tactic says how to search.
type Tactic struct {
	Depth int `json:"depth"` // how many atoms deep; negative for all
}

// Answer is what a tactic did to a goal.
type Answer struct {
	Cases int `json:"cases"` // that were looked at, at least 1
	Left  int `json:"left"`  // that are still open
}

// instances is a wall for this work, whatever it is made of.
type instances = wall.Wall[wall.Instance[Request, Answer]]

// life returns what one life performs: the state stays with it from its first
// request on. die ends the life in the way that its wall knows.
func life(die func()) goroutine.Perform[Request, Answer] {
	var goals []*formula
	return func(ctx context.Context, q Request, _ wall.Host) (Answer, error) {
		if q.State != nil {
			var err error
			if goals, err = q.State.formulas(); err != nil {
				return Answer{}, err
			}
		}
		if q.Goal >= len(goals) {
			return Answer{}, fmt.Errorf("this life has a state of %d goals", len(goals))
		}
		s := search{known: map[string]int{}, tick: func() error {
			if q.Die {
				die()
			}
			return context.Cause(ctx) // the goal is not wanted any more: obey, and stay warm
		}}
		err := s.prove(goals[q.Goal], q.Tactic.Depth)
		return Answer{s.cases, s.left}, err
	}
}

// formulas returns what is to be proved: each goal as what follows from all that
// is given.
func (s *State) formulas() ([]*formula, error) {
	var goals []*formula
	for _, goal := range s.Goals {
		for _, given := range s.Given {
			goal = "(" + given + ") -> (" + goal + ")"
		}
		f, err := parse(goal)
		if err != nil {
			return nil, err
		}
		goals = append(goals, f)
	}
	return goals, nil
}

// trial is one invocation of par.
type trial struct {
	State
	Tactic
	workers int
	deaths  int // lives that may end under one goal
	kill    int // goal that kills the first life that has it; negative for none
}

// result is what came of a trial.
type result struct {
	solved []*Answer // for each goal; nil if it is left untouched
	sent   int       // how often the whole state was sent
}

// par applies a tactic to all goals, each on a worker of its own. The first goal
// that is not solved cancels the others, and the error says which that was and
// what came of it: never that another was cancelled, and never nothing.
func par(ctx context.Context, w instances, t trial) (result, error) {
	r := result{solved: make([]*Answer, len(t.Goals))}
	var sent atomic.Int64
	kind := pool.Kind[int, Request, Answer, struct{}]{
		Name: "goal",
		Request: func(h pool.Held[struct{}], goal int) (Request, error) {
			q := Request{Goal: goal, Tactic: t.Tactic, Die: goal == t.kill && h.Attempt == 1}
			if !h.Warm {
				q.State = &t.State
				sent.Add(1)
			}
			return q, nil
		},
		Use: func(_ pool.Held[struct{}], _ int, a Answer) (next pool.Next[int, struct{}], err error) {
			switch {
			case a.Cases == 0:
				err = errors.New("the worker answered without a result")
			case a.Left > 0: // all or nothing
				err = fmt.Errorf("%d of %d cases are left, so it stays as it was", a.Left, a.Cases)
			}
			return next, err
		},
		View: func(goal int) any { return t.Goals[goal] },
	}
	err := pool.With(ctx, kind, w, pool.Config{Name: "par", Workers: t.workers}, func(ctx context.Context, p *pool.Pool[int, Answer]) error {
		g := pool.Group{FirstFailure: true}
		var tickets []*pool.Ticket[Answer]
		for goal := range t.Goals {
			ticket, err := p.Submit(ctx, pool.Task[int]{Value: goal, Group: &g, MaxDeaths: t.deaths})
			if err != nil {
				return fmt.Errorf("goal %d: %w", goal+1, err)
			}
			tickets = append(tickets, ticket)
		}
		worst := g.Wait(ctx) // says most: the work's own words before a death, that before a cancel
		for goal, ticket := range tickets {
			a, err := ticket.Wait(ctx)
			switch {
			case err == nil:
				r.solved[goal] = &a
			case err == worst && ctx.Err() == nil: // itself: those that were cancelled for its sake wrap it
				return fmt.Errorf("goal %d: %w", goal+1, worst)
			}
		}
		return worst
	})
	r.sent = int(sent.Load())
	return r, err
}
