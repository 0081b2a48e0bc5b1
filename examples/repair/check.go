package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/goroutine"
)

// Request is steps for a worker, as many as it does not hold yet.
type Request struct {
	Good  int      `json:"good"` // steps that the life holds already; 0: it is to begin afresh
	Steps []string `json:"steps"`
	Die   bool     `json:"die,omitempty"` // in the midst of it, to show what then happens
}

// Answer is how far the worker came.
type Answer struct {
	Good  int    `json:"good"`            // steps that hold, from the first; the life keeps what they came to
	From  int    `json:"from"`            // number of the first step that was performed for this answer
	Ran   int    `json:"ran"`             // steps that were performed for this answer
	Wrong string `json:"wrong,omitempty"` // with the step after those
}

// instances is a wall for this work, whatever it is made of.
type instances = wall.Wall[wall.Instance[Request, Answer]]

// life returns what one life performs. What the good steps came to stays with it.
// die ends the life in the way that its wall knows.
func life(die func()) goroutine.Perform[Request, Answer] {
	held, good := ledger{}, 0
	return func(_ context.Context, q Request, _ wall.Host) (Answer, error) {
		if q.Good == 0 {
			held, good = ledger{}, 0
		}
		if q.Good != good {
			return Answer{}, fmt.Errorf("this life holds %d steps, not %d", good, q.Good)
		}
		a := Answer{From: good + 1}
		for _, text := range q.Steps {
			if q.Die {
				die()
			}
			a.Ran++
			if err := held.step(text); err != nil {
				a.Wrong = err.Error()
				break
			}
			good++
		}
		a.Good = good
		return a, nil
	}
}

// job is one task: to check a script from its start or, as a repair, from the last
// good step of the life that found the error. Its own callbacks write it, one
// after the other; it is read when the pool has been joined.
type job struct {
	steps  []string
	repair bool
	end    pool.End[Answer]
	next   *job // the repair that followed
}

// trial is one script to check.
type trial struct {
	steps []string
	fixes map[int]string // what a step becomes if it is found to be wrong, by its place
	kill  string         // "", or when the life that found the first error dies: "before" or "during" the repair
}

// check checks a script on one worker and repairs what it can. It tells say of
// each job, and returns how many steps were performed, and nil if all hold in the end.
func check(ctx context.Context, w instances, t trial, say func(*job)) (ran int, err error) {
	var p *pool.Pool[*job, Answer]
	kill := t.kill
	kind := pool.Kind[*job, Request, Answer, int]{ // the competence is the number of good steps
		Name: "script",
		Request: func(h pool.Held[int], j *job) (Request, error) {
			if !j.repair {
				return Request{Steps: j.steps}, nil
			}
			die := kill == "during"
			kill = ""
			return Request{Good: h.Value, Steps: j.steps[h.Value:], Die: die}, nil
		},
		Use: func(_ pool.Held[int], j *job, a Answer) (next pool.Next[*job, int], err error) {
			next.Held = a.Good
			if a.Wrong == "" {
				return next, nil
			}
			err = fmt.Errorf("step %d, %q: %s", a.Good+1, j.steps[a.Good], a.Wrong)
			fix, ok := t.fixes[a.Good]
			if !ok || fix == j.steps[a.Good] {
				return next, err
			}
			// The task fails, but its life stays, and what follows is bound to it:
			// nobody else holds the steps before the error.
			steps := slices.Clone(j.steps)
			steps[a.Good] = fix
			j.next = &job{steps: steps, repair: true}
			next.Follow, next.Bound = []pool.Task[*job]{{Value: j.next, MaxDeaths: 1}}, true
			return next, err
		},
		Ended: func(j *job, e pool.End[Answer]) {
			j.end = e
			if kill == "before" && j.next != nil {
				kill = ""
				name, _, _ := strings.Cut(e.Worker, "#")
				_ = p.StopWorker(name, true) // the life is not given the repair before this returns
			}
		},
		View: func(j *job) any { return map[string]any{"steps": len(j.steps), "repair": j.repair} },
	}
	err = pool.With(ctx, kind, w, pool.Config{Name: "repair", Workers: 1}, func(ctx context.Context, running *pool.Pool[*job, Answer]) error {
		p = running
		for steps := t.steps; ; {
			j := &job{steps: steps}
			if _, err := p.Submit(ctx, pool.Task[*job]{Value: j}); err != nil {
				return err
			}
			if err := p.Join(ctx); err != nil { // also for what followed, of which there is no ticket
				return err
			}
			for ; ; j = j.next {
				ran += j.end.Response.Ran
				say(j)
				if j.next == nil {
					break
				}
			}
			if !j.repair || !lost(j.end.Err) {
				return j.end.Err
			}
			steps = j.steps // from the start, but with all that was repaired
		}
	})
	return ran, err
}

// lost reports whether a repair ended because its life did: before, or under it.
func lost(err error) bool {
	switch ganger.OutcomeOf(err) {
	case ganger.Cancelled:
		return ganger.CauseOf(err) == ganger.CauseHolder
	case ganger.Crashed, ganger.Poisoned:
		return true
	}
	return false
}
