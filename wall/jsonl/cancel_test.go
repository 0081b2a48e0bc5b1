package jsonl_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/jsonl"
	"github.com/ganger-dev/ganger/wall/walltest"
)

var unwanted = &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseTask}

func TestACancelIsForThoseThatAskedForIt(t *testing.T) {
	d := jsonl.Dialect[string, string]{Ready: true}
	i, l := walltest.Open(t, d, roomy, hears(`{"ready":true,"cancel":true}`+"\n", func(a asked) string {
		switch {
		case a.Cancel > 0:
			return fmt.Sprintf(`{"id":%d,"cancelled":true}`+"\n", a.Cancel)
		case a.text() == "hard":
			return ""
		}
		return echo(a)
	}))
	for range 3 {
		c := walltest.Begin(i, "hard", nil)
		i.Cancel(&c.Call, unwanted)
		_, err := c.Wait(t)
		walltest.EndedAs(t, err, ganger.Cancelled, ganger.CauseTask)
	}
	if got, err := walltest.Do(t, i, "easy"); got != "easy" || err != nil || l.Exit().Reason != "" {
		t.Errorf("the next request: %q, %v, exit %+v", got, err, l.Exit())
	}

	i, l = walltest.Open(t, d, roomy, hears(`{"ready":true}`+"\n", func(asked) string { return "" }))
	c := walltest.Begin(i, "hard", nil)
	i.Cancel(&c.Call, unwanted)
	_, err := c.Wait(t)
	walltest.EndedAs(t, err, ganger.Cancelled, ganger.CauseTask)
	walltest.Await(t, l.Gone(), "the life to be ended, which cannot be asked")
}

// TestHammerCancel cancels calls at any moment: each ends once, as done or as
// asked, no cancel is lost, and the worker lives.
func TestHammerCancel(t *testing.T) {
	d := jsonl.Dialect[string, string]{Ready: true, Slots: 4}
	inHand := map[int]bool{} // of the worker
	w := walltest.NewWorkers(t, roomy, hears(`{"ready":true,"cancel":true,"slots":4}`+"\n", func(a asked) string {
		switch {
		case a.Cancel > 0 && inHand[a.Cancel]:
			delete(inHand, a.Cancel)
			return fmt.Sprintf(`{"id":%d,"cancelled":true}`+"\n", a.Cancel)
		case a.Cancel > 0: // too late
			return ""
		case a.text() == "hard":
			inHand[a.ID] = true
			return ""
		}
		return echo(a)
	}))
	// The grace is longer than a test is waited for, so that a lost cancel shows.
	i, err := wall.Speak(w, d).Open(t.Context(), wall.Start{Name: "w", Grace: 2 * walltest.Patience})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for n := range 300 {
				c := walltest.NewCall[string](nil)
				cancelled := make(chan struct{})
				go func() {
					defer close(cancelled)
					i.Cancel(&c.Call, unwanted)
				}()
				i.Start([]string{"hard", "easy"}[n%2], &c.Call)
				if _, err := c.Wait(t); err != nil {
					walltest.EndedAs(t, err, ganger.Cancelled, ganger.CauseTask)
				}
				<-cancelled
			}
		})
	}
	all.Wait()
	if got, err := walltest.Do(t, i, "easy"); got != "easy" || err != nil {
		t.Errorf("after it all: %q, %v", got, err)
	}
}

// hook is a request that calls a function while it is encoded.
type hook func()

func (h hook) MarshalJSON() ([]byte, error) {
	h()
	return []byte(`"hard"`), nil
}

// TestACancelBeforeTheRequestIsInHand must not be lost.
func TestACancelBeforeTheRequestIsInHand(t *testing.T) {
	d := jsonl.Dialect[hook, string]{Ready: true}
	w := walltest.NewWorkers(t, roomy, hears(`{"ready":true,"cancel":true}`+"\n", func(a asked) string {
		if a.Cancel == 0 {
			return ""
		}
		return fmt.Sprintf(`{"id":%d,"cancelled":true}`+"\n", a.Cancel)
	}))
	i, err := wall.Speak(w, d).Open(t.Context(), wall.Start{Name: "w", Grace: 2 * walltest.Patience})
	if err != nil {
		t.Fatal(err)
	}
	c := walltest.NewCall[string](nil)
	i.Start(func() { i.Cancel(&c.Call, unwanted) }, &c.Call)
	_, err = c.Wait(t)
	walltest.EndedAs(t, err, ganger.Cancelled, ganger.CauseTask)
}
