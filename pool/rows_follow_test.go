//go:build linux

package pool_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/pool"
)

// following makes a script "A > B | C" perform A, from which B and C follow, and
// "A >> B" the same bound to the life.
func following(k *scriptKind) {
	k.Request = func(_ pool.Held[string], script string) (string, error) {
		script, _, _ = strings.Cut(script, " >")
		return script, nil
	}
	k.Use = func(_ pool.Held[string], script, _ string) (n pool.Next[string, string], err error) {
		_, rest, ok := strings.Cut(script, " >")
		if !ok {
			return n, nil
		}
		rest, n.Bound = strings.CutPrefix(rest, ">")
		for f := range strings.SplitSeq(rest, "|") {
			n.Follow = append(n.Follow, pool.Task[string]{Value: strings.TrimSpace(f)})
		}
		return n, nil
	}
}

// collect waits for so many ends, by the script's response or, without success,
// by what they are.
func (r *running) collect(t *testing.T, n int) []string {
	t.Helper()
	var all []string
	for range n {
		e := <-r.ends
		if e.Err != nil {
			all = append(all, strings.TrimSpace(ganger.OutcomeOf(e.Err).String()+" "+string(ganger.CauseOf(e.Err))))
		} else {
			all = append(all, e.Response)
		}
	}
	return all
}

func TestT11FollowUpsGoToTheHolder(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		ran, compete := make(chan struct{}), make(chan struct{})
		var once sync.Once
		q := start(t, w, setup{Config: pool.Config{Workers: 2}, kind: func(k *scriptKind) {
			following(k)
			use := k.Use
			k.Use = func(h pool.Held[string], script, r string) (pool.Next[string, string], error) {
				<-compete // what competes waits already when the followers come
				return use(h, script, r)
			}
			k.Feedback = func(string, []byte) { once.Do(func() { close(ran) }) }
		}})
		busy := q.submit(t, pool.Task[string]{Value: "feedback 1; sleep 1h"})
		<-ran
		// One life is busy for ever: the other has competing tasks, and its own.
		q.submit(t, pool.Task[string]{Value: "life >> life | life"})
		for range 5 {
			q.submit(t, pool.Task[string]{Value: "echo competing"})
		}
		close(compete)
		got := q.collect(t, 8)
		if got[0] != got[1] || got[1] != got[2] || got[3] != "competing" {
			t.Errorf("ends came as %q; the first three are of one life, what is bound to it goes first", got)
		}
		busy.Cancel(nil)
	})
}

// TestT11BoundPastRecycling: a life that is to be replaced after one task
// performs what is bound to it first.
func TestT11BoundPastRecycling(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		p := start(t, w, setup{kind: following, Config: pool.Config{MaxTasks: 1}})
		for range 20 {
			p.submit(t, pool.Task[string]{Value: "life >> life | life"})
			if got := p.collect(t, 3); got[0] != got[1] || got[1] != got[2] {
				t.Fatalf("performed by %q, want one life", got)
			}
		}
	})
}

func TestT12FollowUpsInheritTheCancel(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		ran, kind := signalled(10)
		p := start(t, w, setup{kind: func(k *scriptKind) { kind(k); following(k) }})
		why := errors.New("not wanted any more")
		origin := p.submit(t, pool.Task[string]{Value: "echo origin > feedback 1; sleep 1h | echo second"})
		if value, err := wait(t, origin); err != nil || value != "origin" {
			t.Fatalf("origin ended with %q, %v", value, err)
		}
		<-ran // one follow-up runs, the other waits
		origin.Cancel(why)
		if err := p.Join(guard(t)); err != nil {
			t.Fatal(err)
		}
		if got, want := p.collect(t, 3), []string{"origin", "cancelled task", "cancelled task"}; !slices.Equal(got, want) {
			t.Errorf("ends are %q, want %q", got, want)
		}
		// A cancel before the follow-ups are there is theirs all the same.
		used := make(chan struct{})
		q := start(t, w, setup{kind: func(k *scriptKind) {
			following(k)
			use := k.Use
			k.Use = func(h pool.Held[string], script, r string) (pool.Next[string, string], error) {
				used <- struct{}{}
				<-used
				return use(h, script, r)
			}
		}})
		origin = q.submit(t, pool.Task[string]{Value: "echo origin > echo second"})
		<-used
		origin.Cancel(why)
		used <- struct{}{}
		got := q.collect(t, 2)
		slices.Sort(got)
		if want := []string{"cancelled task", "origin"}; !slices.Equal(got, want) {
			t.Errorf("ends are %q, want %q", got, want)
		}
	})
}

// TestT12FollowUpsOfFollowUps: a long chain is of one family, and the cancel of
// its origin reaches the newest.
func TestT12FollowUpsOfFollowUps(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		const depth = 50
		ran := make(chan struct{})
		p := start(t, w, setup{kind: func(k *scriptKind) {
			n := 0
			k.Use = func(pool.Held[string], string, string) (next pool.Next[string, string], err error) {
				if n++; n == depth {
					next.Follow = []pool.Task[string]{{Value: "feedback 1; sleep 1h"}}
				} else {
					next.Follow = []pool.Task[string]{{Value: "echo"}}
				}
				return next, nil
			}
			k.Feedback = func(string, []byte) { close(ran) }
		}})
		origin := p.submit(t, pool.Task[string]{Value: "echo"})
		<-ran
		origin.Cancel(nil)
		if err := p.Join(guard(t)); err != nil {
			t.Fatal(err)
		}
		if got := p.collect(t, depth+1); got[depth] != "cancelled task" {
			t.Errorf("the newest follow-up ended %q", got[depth])
		}
	})
}

func TestT13BoundTaskOfADeadLife(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		p := start(t, w, setup{kind: following})
		p.submit(t, pool.Task[string]{Value: "echo origin >> die | echo second | echo third"})
		if err := p.Join(guard(t)); err != nil {
			t.Fatal(err)
		}
		got := p.collect(t, 4)
		slices.Sort(got)
		want := []string{"cancelled holder", "cancelled holder", "crashed " + string(w.death), "origin"}
		if !slices.Equal(got, want) {
			t.Errorf("ends are %q, want %q", got, want)
		}
		if got := p.do(t, "echo after"); got != "after" {
			t.Errorf("after that the pool answers %q", got)
		}
	})
}

// TestFollowUpsOfALifeThatEnds: End and Bound together leave nobody to perform
// them; free ones go to the next life.
func TestFollowUpsOfALifeThatEnds(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		p := start(t, w, setup{kind: func(k *scriptKind) {
			following(k)
			use := k.Use
			k.Use = func(h pool.Held[string], script, r string) (pool.Next[string, string], error) {
				n, err := use(h, script, r)
				n.End = true
				return n, err
			}
		}})
		p.submit(t, pool.Task[string]{Value: "life >> life"})
		p.submit(t, pool.Task[string]{Value: "life > life"})
		if err := p.Join(guard(t)); err != nil {
			t.Fatal(err)
		}
		var seen []string
		for _, e := range p.collect(t, 4) {
			if slices.Contains(seen, e) {
				t.Errorf("%s performed two tasks", e)
			}
			seen = append(seen, e)
		}
		if !slices.Contains(seen, "cancelled holder") {
			t.Errorf("ends are %q; one was bound to a life that ended", seen)
		}
	})
}

// TestFollowUpsOnAFullQueue: they are let in whatever the limit, also by the life
// that would have to make the room.
func TestFollowUpsOnAFullQueue(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		p := start(t, w, setup{kind: following, Config: pool.Config{QueueLimit: 1}})
		for range 10 {
			p.submit(t, pool.Task[string]{Value: "echo 1 > echo 2 | echo 3"})
		}
		if err := p.Drain(guard(t)); err != nil { // also what follows while it drains
			t.Fatal(err)
		}
		if got := p.collect(t, 30); slices.ContainsFunc(got, func(s string) bool { return len(s) != 1 }) {
			t.Errorf("ends are %q", got)
		}
	})
}

// TestFollowUpsOfAFailure: Next counts also when Use fails the task.
func TestFollowUpsOfAFailure(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		p := start(t, w, setup{kind: func(k *scriptKind) {
			k.Use = func(_ pool.Held[string], script, _ string) (n pool.Next[string, string], err error) {
				if script == "echo broken" {
					return pool.Next[string, string]{Bound: true, Follow: []pool.Task[string]{{Value: "echo repaired"}, {Retries: -1}}}, errors.New("step 3 does not check")
				}
				return n, nil
			}
		}})
		p.submit(t, pool.Task[string]{Value: "echo broken"})
		got := p.collect(t, 3)
		slices.Sort(got)
		if want := []string{"failed", "rejected input", "repaired"}; !slices.Equal(got, want) {
			t.Errorf("ends are %q, want %q", got, want)
		}
	})
}

func TestT33FallBackToTheCoordinator(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		var asked, ran atomic.Int32
		p := start(t, w, setup{kind: func(k *scriptKind) {
			k.Request = func(_ pool.Held[string], script string) (string, error) {
				if strings.HasPrefix(script, "unsendable") {
					return "", errors.New("it holds a function")
				}
				return script, nil
			}
			k.Unsent = func(script string, err error) func() (string, error) {
				asked.Add(1)
				if script == "unsendable for good" {
					return nil
				}
				return func() (string, error) {
					ran.Add(1)
					if script == "unsendable failure" {
						return "", errors.New("here neither")
					}
					return "here", nil
				}
			}
		}})
		life := p.do(t, "life")
		<-p.ends
		lazy := p.submit(t, pool.Task[string]{Value: "unsendable"})
		unwanted := p.submit(t, pool.Task[string]{Value: "unsendable"})
		if got := p.do(t, "life"); got != life {
			t.Errorf("the life that was innocent has gone: %s, then %s", life, got)
		}
		<-p.ends
		if asked.Load() != 2 || ran.Load() != 0 {
			t.Fatalf("asked %d times and ran %d times before anybody waits", asked.Load(), ran.Load())
		}
		unwanted.Cancel(nil)
		if got := p.collect(t, 1)[0]; got != "cancelled task" {
			t.Errorf("what nobody wanted ended %q", got)
		}
		for range 2 {
			if value, err := wait(t, lazy); err != nil || value != "here" {
				t.Errorf("the fall-back answered %q, %v", value, err)
			}
		}
		_, err := wait(t, p.submit(t, pool.Task[string]{Value: "unsendable for good"}))
		wantEnd(t, err, ganger.Rejected, ganger.CauseEncode)
		_, err = wait(t, p.submit(t, pool.Task[string]{Value: "unsendable failure"}))
		wantEnd(t, err, ganger.Failed, "")
		p.submit(t, pool.Task[string]{Value: "unsendable joined"})
		if got := p.do(t, "life"); got != life { // when this is done, the other is kept, and forced by the join alone
			t.Errorf("a life that was sent nothing has gone: %s, then %s", life, got)
		}
		if err := p.Join(guard(t)); err != nil {
			t.Fatal(err)
		}
		g := &pool.Group{}
		p.submit(t, pool.Task[string]{Value: "unsendable grouped", Group: g})
		p.do(t, "life")
		if err := g.Wait(guard(t)); err != nil {
			t.Error(err)
		}
		if ran.Load() != 4 {
			t.Errorf("performed here %d times, want 4", ran.Load())
		}
		p.submit(t, pool.Task[string]{Value: "unsendable at the end"})
		p.do(t, "life")
		p.stop()
		var last []string
		for len(p.ends) > 0 {
			last = append(last, p.collect(t, 1)...)
		}
		if !slices.Contains(last, "cancelled shutdown") {
			t.Errorf("the last ends are %q; what nobody waited for is cancelled by the shutdown", last)
		}
	})
}

// TestT34FollowUpsAreOfTheGroup: a group is not over while what follows from its
// tasks is not, and its first failure reaches that too.
func TestT34FollowUpsAreOfTheGroup(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		p := start(t, w, setup{kind: following})
		g := &pool.Group{FirstFailure: true}
		p.submit(t, pool.Task[string]{Value: "echo 1 > echo 2 | fail three | echo 4 | echo 5", Group: g})
		err := g.Wait(guard(t))
		if ganger.OutcomeOf(err) != ganger.Failed || !strings.Contains(fmt.Sprint(err), "three") {
			t.Errorf("the group ended with %v", err)
		}
		if got, want := p.collect(t, 5), []string{"1", "2", "failed", "cancelled group", "cancelled group"}; !slices.Equal(got, want) {
			t.Errorf("ends are %q, want %q", got, want)
		}
	})
}
