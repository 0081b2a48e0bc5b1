package native_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/frame"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/walltest"
)

var unwanted = &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseTask}

// TestT32AskWithAConcurrentCancel: the cancel ends the question at both ends,
// the worker obeys, lives, and performs the next request.
func TestT32AskWithAConcurrentCancel(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		i, l := walltest.Open(t, text, roomy, serving(slots, func(ctx context.Context, q string, h wall.Host) (string, error) {
			if q == "easy" {
				return "yes", nil
			}
			_, err := h.Ask(ctx, []byte("may I?"))
			return "", err
		}))
		asked := make(chan struct{})
		h := &walltest.Host{Answer: func(ctx context.Context, _ []byte) ([]byte, error) {
			close(asked)
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}}
		c := walltest.Begin(i, "hard", h)
		walltest.Await(t, asked, "the question")
		i.Cancel(&c.Call, unwanted)
		_, err := c.Wait(t)
		walltest.EndedAs(t, err, ganger.Cancelled, ganger.CauseTask)
		if got, err := walltest.Do(t, i, "easy"); got != "yes" || err != nil || l.Exit().Reason != "" {
			t.Errorf("the next request of the same worker: %q, %v, exit %+v", got, err, l.Exit())
		}
	})
}

// TestT32ACancelEndsTheQuestion: also for a worker that passes over the cancel
// and waits for its answer.
func TestT32ACancelEndsTheQuestion(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		i, _ := walltest.Open(t, text, roomy, raw(slots, func(s *walltest.Far, in *frame.Reader) error {
			h, _, err := in.Next()
			if err == nil {
				err = put(s, frame.Header{Kind: frame.Ask, ID: h.ID, Ask: 1}, "may I?")
			}
			for a := (frame.Header{}); err == nil && a.Kind != frame.Error; {
				a, _, err = in.Next()
			}
			if err == nil {
				err = put(s, frame.Header{Kind: frame.Cancelled, ID: h.ID}, "")
			}
			return errors.Join(err, hang(in))
		}))
		asked, cause := make(chan struct{}), make(chan error, 1)
		h := &walltest.Host{Answer: func(ctx context.Context, _ []byte) ([]byte, error) {
			close(asked)
			<-ctx.Done()
			cause <- context.Cause(ctx)
			return nil, context.Cause(ctx)
		}}
		c := walltest.Begin(i, "x", h)
		walltest.Await(t, asked, "the question")
		i.Cancel(&c.Call, unwanted)
		_, err := c.Wait(t)
		walltest.EndedAs(t, err, ganger.Cancelled, ganger.CauseTask)
		if got := <-cause; got != error(unwanted) {
			t.Errorf("the question ended because of %v, want %v", got, unwanted)
		}
	})
}

func TestACooperativeCancelCostsNoWorker(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		running := make(chan struct{}, 1)
		i, l := walltest.Open(t, text, roomy, serving(slots, func(ctx context.Context, q string, _ wall.Host) (string, error) {
			if q == "easy" {
				return "yes", nil
			}
			running <- struct{}{}
			<-ctx.Done()
			if q == "done all the same" {
				return "done", nil
			}
			return "", context.Cause(ctx)
		}))
		for range 3 * slots {
			c := walltest.Begin(i, "hard", nil)
			walltest.Await(t, running, "the request to run")
			i.Cancel(&c.Call, unwanted)
			_, err := c.Wait(t)
			walltest.EndedAs(t, err, ganger.Cancelled, ganger.CauseTask)

			c = walltest.NewCall[string](nil)
			i.Start("done all the same", &c.Call)
			walltest.Await(t, running, "the request to run")
			i.Cancel(&c.Call, unwanted)
			if got, err := c.Wait(t); got != "done" || err != nil {
				t.Fatalf("response in spite of the cancel: %q, %v", got, err)
			}
		}
		if got, err := walltest.Do(t, i, "easy"); got != "yes" || err != nil || l.Exit().Reason != "" {
			t.Errorf("the next request: %q, %v, exit %+v", got, err, l.Exit())
		}
	})
}

// hooked is a codec that calls a function while a request is encoded.
type hooked func()

func (f hooked) Append(dst []byte, q string) ([]byte, error) {
	f()
	return native.JSON[string]().Append(dst, q)
}

func (hooked) Parse([]byte) (string, error) { return "", errors.ErrUnsupported }

// TestACancelBeforeTheRequestIsInHand must not be lost: the worker waits for it
// longer than the test does for the worker.
func TestACancelBeforeTheRequestIsInHand(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		var f func()
		d := text
		d.Request = hooked(func() { f() })
		w := walltest.NewWorkers(t, roomy, serving(slots, func(ctx context.Context, _ string, _ wall.Host) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}))
		i, err := wall.Speak(w, d).Open(t.Context(), wall.Start{Name: "w", Grace: 2 * walltest.Patience})
		if err != nil {
			t.Fatal(err)
		}
		c := walltest.NewCall[string](nil)
		f = func() { i.Cancel(&c.Call, unwanted) }
		i.Start("x", &c.Call)
		_, err = c.Wait(t)
		walltest.EndedAs(t, err, ganger.Cancelled, ganger.CauseTask)
	})
}

// TestHammerCancel cancels calls at any moment: each ends once, as done or as
// asked, and the worker lives.
func TestHammerCancel(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		i, l := walltest.Open(t, text, roomy, serving(slots, func(ctx context.Context, q string, _ wall.Host) (string, error) {
			if len(q)%2 == 0 {
				<-ctx.Done()
				return "", ctx.Err()
			}
			return q, nil
		}))
		var all sync.WaitGroup
		for range slots {
			all.Go(func() {
				for n := range 300 {
					c := walltest.NewCall[string](nil)
					go i.Cancel(&c.Call, unwanted) // ends at once; the call may end before or after
					i.Start(strings.Repeat("x", n%7), &c.Call)
					if _, err := c.Wait(t); err != nil {
						walltest.EndedAs(t, err, ganger.Cancelled, ganger.CauseTask)
					}
				}
			})
		}
		all.Wait()
		if got, err := walltest.Do(t, i, "x"); got != "x" || err != nil || l.Exit().Reason != "" {
			t.Errorf("after it all: %q, %v, exit %+v", got, err, l.Exit())
		}
	})
}
