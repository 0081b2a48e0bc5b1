//go:build linux

package pool_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/pool"
)

var errUnwanted = errors.New("nobody wants it")

func TestT14CancelQueued(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		ran, kind := signalled(10)
		p := start(t, w, setup{kind: kind})
		busy := p.submit(t, pool.Task[string]{Value: "feedback 1; sleep 1h"})
		<-ran
		queued := p.submit(t, pool.Task[string]{Value: "feedback 1"})
		queued.Cancel(errUnwanted)
		// Nothing else happens in the pool: the end must not wait for an event.
		_, err := wait(t, queued)
		wantEnd(t, err, ganger.Cancelled, ganger.CauseTask)
		if !errors.Is(err, errUnwanted) {
			t.Errorf("the cause is lost: %v", err)
		}
		if e := <-p.ends; e.Attempts != 0 {
			t.Errorf("it ran %d times", e.Attempts)
		}
		select {
		case <-busy.Done():
			t.Error("the running task ended too")
		default:
		}
	})
}

func TestT15CancelBetweenClaimAndSend(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		claimed, build := make(chan struct{}), make(chan struct{})
		p := start(t, w, setup{kind: func(k *pool.Kind[string, string, string, string]) {
			k.Request = func(_ pool.Held[string], script string) (string, error) {
				if script == "panic it was sent" {
					close(claimed)
					<-build
				}
				return script, nil
			}
		}})
		life := p.do(t, "life")
		<-p.ends
		ticket := p.submit(t, pool.Task[string]{Value: "panic it was sent"})
		<-claimed
		ticket.Cancel(errUnwanted)
		close(build)
		_, err := wait(t, ticket)
		wantEnd(t, err, ganger.Cancelled, ganger.CauseTask)
		if got := p.do(t, "life"); got != life {
			t.Errorf("the life was replaced for a request that it never saw")
		}
	})
}

func TestT17CancelRunningCooperative(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		ran, kind := signalled(10)
		p := start(t, w, setup{kind: kind, Config: pool.Config{CancelGrace: time.Minute}})
		life := p.do(t, "life")
		ticket := p.submit(t, pool.Task[string]{Value: "feedback 1; sleep 1h"})
		<-ran
		ticket.Cancel(errUnwanted)
		_, err := wait(t, ticket)
		wantEnd(t, err, ganger.Cancelled, ganger.CauseTask)
		if got := p.do(t, "life"); got != life {
			t.Errorf("the worker obeyed, and was replaced all the same")
		}
	})
}

func TestT18CancelRunningStubborn(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		ran, kind := signalled(10)
		p := start(t, w, setup{kind: kind, Config: pool.Config{CancelGrace: 50 * time.Millisecond}})
		life := p.do(t, "life")
		ticket := p.submit(t, pool.Task[string]{Value: "feedback 1; deaf 3s"})
		<-ran
		ticket.Cancel(errUnwanted)
		_, err := wait(t, ticket)
		wantEnd(t, err, ganger.Cancelled, ganger.CauseTask)
		if got := p.do(t, "life"); got == life {
			t.Errorf("a life that does not listen was kept")
		}
		last := p.workers()[0].Last
		want := ganger.LeavingCancelled
		if !w.kills {
			want = ganger.LeavingAbandoned
		}
		if last == nil || last.Exit.Reason != want {
			t.Errorf("it left for %+v, want %s", last, want)
		}
	})
}

func TestT19LateCancel(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		p := start(t, w, setup{Config: pool.Config{CancelGrace: -1}})
		ticket := p.submit(t, pool.Task[string]{Value: "life"})
		life, err := wait(t, ticket)
		if err != nil {
			t.Fatal(err)
		}
		ticket.Cancel(errUnwanted)
		if got := p.do(t, "life"); got != life {
			t.Errorf("a cancel after the end replaced the idle life")
		}
		if got, err := wait(t, ticket); got != life || err != nil {
			t.Errorf("a cancel after the end changed it: %q, %v", got, err)
		}
	})
}

func TestP5CancelAtEveryStage(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		file := filepath.Join(t.TempDir(), "ran")
		ran, kind := signalled(10)
		p := start(t, w, setup{kind: kind, Config: pool.Config{CancelGrace: 50 * time.Millisecond}})
		life := p.do(t, "life")
		polite := p.submit(t, pool.Task[string]{Value: "feedback 1; sleep 1h"})
		<-ran
		queued := p.submit(t, pool.Task[string]{Value: "fail-until " + file + " 1"})
		queued.Cancel(nil)
		polite.Cancel(nil)
		for _, ticket := range []*pool.Ticket[string]{queued, polite} {
			_, err := wait(t, ticket)
			wantEnd(t, err, ganger.Cancelled, ganger.CauseTask)
		}
		if p.do(t, "life") != life {
			t.Error("the worker co-operated and did not survive")
		}
		if got := p.do(t, "die-until "+file+" 0"); got != "alive" {
			t.Error("the queued task ran")
		}
	})
}

func TestP6CancelOfTheHeadStopsNothingBehindIt(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		ran, kind := signalled(10)
		p := start(t, w, setup{kind: kind})
		busy := p.submit(t, pool.Task[string]{Value: "feedback 1; sleep 1h"})
		<-ran
		one := p.submit(t, pool.Task[string]{Value: "echo 1"})
		two := p.submit(t, pool.Task[string]{Value: "echo 2"})
		three := p.submit(t, pool.Task[string]{Value: "echo 3"})
		two.Cancel(nil)
		one.Cancel(nil)
		busy.Cancel(nil)
		if got, err := wait(t, three); got != "3" {
			t.Errorf("the task behind two cancelled ones: %q, %v", got, err)
		}
	})
}

func TestT41CancelWorkerByName(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		ran, kind := signalled(10)
		p := start(t, w, setup{kind: kind})
		if err := p.CancelWorker("w9"); !errors.Is(err, pool.ErrNoWorker) {
			t.Errorf("an unknown name: %v, want ErrNoWorker", err)
		}
		life := p.do(t, "life")
		<-p.ends
		if err := p.CancelWorker("w0"); err != nil {
			t.Fatal(err)
		}
		poll(t, "the idle life is replaced", func() bool { return p.workers()[0].Incarnation == 2 })
		if p.do(t, "life") == life {
			t.Error("the idle life was not replaced")
		}
		<-p.ends
		ticket := p.submit(t, pool.Task[string]{Value: "feedback 1; sleep 1h"})
		<-ran
		if err := p.CancelWorker("w0"); err != nil {
			t.Fatal(err)
		}
		_, err := wait(t, ticket)
		wantEnd(t, err, ganger.Cancelled, ganger.CauseTask)
		if got := len(p.ends); got != 1 {
			t.Errorf("%d ends were told for one task", got)
		}
		p.do(t, "echo usable")
	})
}

func TestT42CancelAll(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		ran, kind := signalled(10)
		p := start(t, w, setup{kind: kind, Config: pool.Config{Workers: 2}})
		var tickets []*pool.Ticket[string]
		for range 20 {
			tickets = append(tickets, p.submit(t, pool.Task[string]{Value: "feedback 1; sleep 1h"}))
		}
		<-ran
		<-ran
		p.CancelAll(errUnwanted)
		for _, ticket := range tickets {
			_, err := wait(t, ticket)
			wantEnd(t, err, ganger.Cancelled, ganger.CauseTask)
		}
		p.do(t, "echo usable")
		if got := len(p.ends); got != 21 {
			t.Errorf("%d ends were told for 21 tasks", got)
		}
	})
}

func TestT40CloseWaitsForEverything(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		ran, kind := signalled(10)
		told := 0
		p := start(t, w, setup{kind: func(k *pool.Kind[string, string, string, string]) {
			kind(k)
			k.Ended = func(string, pool.End[string]) { told++ } // unguarded: Run must order it before its return
		}})
		p.submit(t, pool.Task[string]{Value: "feedback 1; sleep 1h"})
		<-ran
		for range 5 {
			p.submit(t, pool.Task[string]{Value: "echo never"})
		}
		pid := p.workers()[0].PID
		p.stop()
		if told != 6 {
			t.Errorf("Run returned with %d of 6 ends told", told)
		}
		for range 6 {
			wantEnd(t, (<-p.ends).Err, ganger.Cancelled, ganger.CauseShutdown)
		}
		if pid > 0 && alive(pid) {
			t.Errorf("Run returned, and process %d is there", pid)
		}
		_, err := p.Submit(t.Context(), pool.Task[string]{Value: "echo late"})
		wantEnd(t, err, ganger.Rejected, ganger.CauseClosed)
		if !errors.Is(err, pool.ErrClosed) {
			t.Errorf("%v is not ErrClosed", err)
		}
	})
}

func TestT34GroupFirstFailureCancelsTheRest(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		ran, kind := signalled(20)
		p := start(t, w, setup{kind: kind, slots: 16, Config: pool.Config{Workers: 1}})
		g := &pool.Group{FirstFailure: true}
		var tickets []*pool.Ticket[string]
		for i := range 10 {
			script := "feedback 1; sleep 1h"
			if i == 3 {
				script = "feedback 1; sleep 20ms; fail the real error"
			}
			tickets = append(tickets, p.submit(t, pool.Task[string]{Value: script, Group: g}))
		}
		err := g.Wait(guard(t))
		wantEnd(t, err, ganger.Failed, "")
		for i, ticket := range tickets {
			_, err := wait(t, ticket)
			if i == 3 {
				wantEnd(t, err, ganger.Failed, "")
				continue
			}
			wantEnd(t, err, ganger.Cancelled, ganger.CauseGroup)
		}
		_, err = wait(t, p.submit(t, pool.Task[string]{Value: "echo late", Group: g}))
		wantEnd(t, err, ganger.Cancelled, ganger.CauseGroup)
		for len(ran) > 0 {
			<-ran
		}
	})
}

func TestT35GroupWithADeath(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		p := start(t, w, setup{Config: pool.Config{Workers: 2, Restart: prompt}})
		run := func(scripts ...string) error {
			g := new(pool.Group)
			var last *pool.Ticket[string]
			for _, s := range scripts {
				last = p.submit(t, pool.Task[string]{Value: s, MaxDeaths: 1, Group: g})
			}
			if scripts[len(scripts)-1] == "sleep 1h" {
				last.Cancel(nil)
			}
			return g.Wait(guard(t))
		}
		wantEnd(t, run("die", "echo a", "sleep 1h"), ganger.Crashed, w.death)
		wantEnd(t, run("die", "fail really", "echo a"), ganger.Failed, "")
		wantEnd(t, run("fail really", "die", "sleep 1h"), ganger.Failed, "")
		wantEnd(t, run("echo a", "sleep 1h"), ganger.Cancelled, ganger.CauseTask)
		if err := run("echo a", "echo b"); err != nil {
			t.Errorf("a group without any failure: %v", err)
		}
	})
}

// guard is a context that ends a wait that hangs.
func guard(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("it hangs"))
	t.Cleanup(cancel)
	return ctx
}
