package native_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/frame"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/walltest"
)

// TestT22NeverTakenIsUnsent: requests that the worker never took are nobody's
// fault; the one that it took is blamed on its death.
func TestT22NeverTakenIsUnsent(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		die := make(chan struct{})
		// The worker takes bytes one by one, so that what it took is known.
		i, _ := walltest.Open(t, text, roomy, func(s *walltest.Far) error {
			next := func() (frame.Header, error) {
				var b [frame.Size]byte
				if _, err := io.ReadFull(s, b[:]); err != nil {
					return frame.Header{}, err
				}
				h, err := frame.Parse(b[:], 1<<20)
				if err == nil {
					_, err = io.CopyN(io.Discard, s, int64(h.Length))
				}
				return h, err
			}
			if _, err := next(); err != nil {
				return err
			}
			if err := put(s, frame.Header{Kind: frame.Hello}, `{"version":1,"slots":4}`); err != nil {
				return err
			}
			for range slots { // answers some, so that there is more than a beginning
				h, err := next()
				if err == nil {
					err = put(s, frame.Header{Kind: frame.Response, ID: h.ID}, `{"value":"ok"}`)
				}
				if err != nil {
					return err
				}
			}
			if slots > 1 {
				_, _ = next()
			}
			<-die
			return errors.New("exit 1")
		})
		for range slots {
			if _, err := walltest.Do(t, i, "x"); err != nil {
				t.Fatal(err)
			}
		}
		var calls []*walltest.Call[string]
		for range slots {
			c := walltest.Begin(i, "y", nil)
			calls = append(calls, c)
		}
		close(die)
		for n, c := range calls {
			_, err := c.Wait(t)
			if taken := slots > 1 && n == 0; taken {
				walltest.EndedAs(t, err, ganger.Crashed, "exit 1")
			} else if !errors.Is(err, wall.ErrUnsent) {
				t.Errorf("call %d: %v, want %v", n, err, wall.ErrUnsent)
			}
		}
		if _, err := walltest.Do(t, i, "late"); err != wall.ErrUnsent {
			t.Errorf("a call after the end: %v, want %v", err, wall.ErrUnsent)
		}
	})
}

// TestAWorkerThatTakesNothingMore: it closed the end that it reads from and
// lives on; its calls must not wait for ever, and it is ended.
func TestAWorkerThatTakesNothingMore(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		left := make(chan struct{})
		w := walltest.NewWorkers(t, roomy, raw(slots, func(s *walltest.Far, _ *frame.Reader) error {
			s.CloseRead()
			close(left)
			<-s.Dead()
			return nil
		}))
		i, err := wall.Speak(w, text).Open(t.Context(), wall.Start{Name: "w", Grace: -1})
		if err != nil {
			t.Fatal(err)
		}
		walltest.Await(t, left, "the worker to close its end")
		if _, err := walltest.Do(t, i, "x"); err != wall.ErrUnsent {
			t.Errorf("%v, want %v", err, wall.ErrUnsent)
		}
		walltest.Await(t, w.Last().Gone(), "the useless worker to be ended")
	})
}

// TestBytesBeforeARequestCostItNothing: what comes unasked ends the life, and
// a request that was not written by then is not to blame.
func TestBytesBeforeARequestCostItNothing(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		i, l := walltest.Open(t, text, roomy, raw(slots, func(s *walltest.Far, in *frame.Reader) error {
			h, _, err := in.Next()
			if err != nil {
				return err
			}
			var b []byte
			for range 2 { // the response, and once more, in one write
				b = append(frame.Append(b, frame.Header{Kind: frame.Response, ID: h.ID, Length: 12}), `{"value":""}`...)
			}
			if _, err := s.Write(b); err != nil {
				return err
			}
			return hang(in)
		}))
		if _, err := walltest.Do(t, i, "x"); err != nil {
			t.Fatal(err)
		}
		_, err := walltest.Do(t, i, "y")
		if slots > 1 && err != wall.ErrUnsent {
			// The reader of its own was about to find them while this was written:
			// in hand at the end, as any other, and the next is not.
			walltest.EndedAs(t, err, ganger.Crashed, ganger.CauseProtocol)
			_, err = walltest.Do(t, i, "z")
		}
		if err != wall.ErrUnsent {
			t.Errorf("the next request: %v, want %v", err, wall.ErrUnsent)
		}
		walltest.Await(t, l.Gone(), "the life to be ended")
	})
}

// TestServeEndsWithTheCoordinator: its end cancels what is in hand, and Serve
// waits for that.
func TestServeEndsWithTheCoordinator(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		running, cause := make(chan struct{}), make(chan error, 1)
		served := make(chan struct{})
		i, l := walltest.Open(t, text, roomy, func(s *walltest.Far) error {
			defer close(served)
			return serving(slots, func(ctx context.Context, _ string, _ wall.Host) (string, error) {
				close(running)
				<-ctx.Done()
				cause <- context.Cause(ctx)
				return "", context.Cause(ctx)
			})(s)
		})
		c := walltest.Begin(i, "x", nil)
		walltest.Await(t, running, "the request to run")
		_ = l.Close() // as when the coordinator dies
		walltest.Await(t, served, "Serve to return")
		if err := <-cause; err == nil || !strings.Contains(err.Error(), "coordinator is gone") {
			t.Errorf("the request was cancelled because of %v", err)
		}
		_, err := c.Wait(t)
		walltest.EndedAs(t, err, ganger.Crashed, "exit 0") // it did not say that it obeyed: nobody asked
	})
}

// TestByeLetsTheRequestsInHandEnd: nothing is cancelled, and their answers are
// sent before Serve returns.
func TestByeLetsTheRequestsInHandEnd(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		running, goOn := make(chan struct{}), make(chan struct{})
		i, l := walltest.Open(t, text, roomy, serving(slots, func(ctx context.Context, _ string, _ wall.Host) (string, error) {
			close(running)
			select {
			case <-goOn:
				return "ended", nil
			case <-ctx.Done():
				return "", context.Cause(ctx)
			}
		}))
		c := walltest.Begin(i, "x", nil)
		walltest.Await(t, running, "the request to run")
		if err := put(l, frame.Header{Kind: frame.Bye}, ""); err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		close(goOn)
		if got, err := c.Wait(t); got != "ended" || err != nil {
			t.Errorf("%q, %v; want it to end in peace", got, err)
		}
		walltest.Await(t, l.Gone(), "the worker to leave")
		if l.Exit().Reason != "exit 0" {
			t.Errorf("exit = %+v, want a peaceful end", l.Exit())
		}
	})
}

func TestStopSaysBye(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		kinds := make(chan frame.Kind, 1)
		i, _ := walltest.Open(t, text, roomy, raw(slots, func(_ *walltest.Far, in *frame.Reader) error {
			h, _, err := in.Next()
			kinds <- h.Kind
			if err != nil && err != io.EOF {
				return err
			}
			return nil
		}))
		ctx, cancel := context.WithTimeout(t.Context(), walltest.Patience)
		defer cancel()
		i.Stop(ctx, ganger.LeavingStopped)
		if k := <-kinds; k != frame.Bye && k != 0 {
			t.Errorf("the worker got a %v, want a bye or the end", k)
		}
	})
}

// TestGoexitIsToldAsAPanic: a performer that ends its goroutine would otherwise
// leave its request without an answer.
func TestGoexitIsToldAsAPanic(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		i, l := walltest.Open(t, text, roomy, serving(slots, func(context.Context, string, wall.Host) (string, error) {
			runtime.Goexit()
			return "", nil
		}))
		_, err := walltest.Do(t, i, "x")
		walltest.EndedAs(t, err, ganger.Crashed, ganger.CausePanic)
		if !strings.Contains(err.Error(), "Goexit") {
			t.Errorf("err = %v, want the Goexit in it", err)
		}
		walltest.Await(t, l.Gone(), "the worker to end")
	})
}

// TestServeRefusesWhatNoCoordinatorSends: each ends the serving with an error.
func TestServeRefusesWhatNoCoordinatorSends(t *testing.T) {
	ask := func(id uint32) frame.Header { return frame.Header{Kind: frame.Request, ID: id} }
	for _, c := range []struct {
		name string
		send []frame.Header
		want string
	}{
		{"more than its slots", []frame.Header{ask(1), ask(2), ask(3)}, "all slots"},
		{"kind of a worker", []frame.Header{{Kind: frame.Feedback}}, "must not send a feedback"},
		{"unknown kind", []frame.Header{{Kind: 99}}, "unknown kind"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, far := walltest.Pipe(roomy)
			if err := put(l, frame.Header{Kind: frame.Hello}, `{"version":1}`); err != nil {
				t.Fatal(err)
			}
			for _, h := range c.send {
				if err := put(l, h, `{"value":""}`); err != nil {
					t.Fatal(err)
				}
			}
			ended := make(chan error, 1)
			go func() {
				ended <- serving(2, func(ctx context.Context, _ string, _ wall.Host) (string, error) {
					<-ctx.Done()
					return "", ctx.Err()
				})(far)
			}()
			done := make(chan struct{})
			var err error
			go func() { err = <-ended; close(done) }()
			walltest.Await(t, done, "Serve to return")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestARequestThatIsNotUnderstoodIsAFailure(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		d := native.Dialect[int, string]{Request: native.JSON[int](), Response: native.JSON[string]()}
		i, l := walltest.Open(t, d, roomy, serving(slots, upper))
		_, err := walltest.Do(t, i, 7)
		walltest.EndedAs(t, err, ganger.Failed, "")
		if !strings.Contains(err.Error(), `{\"value\":7}`) {
			t.Errorf("err = %v, want what was seen", err)
		}
		if _, err := walltest.Do(t, i, 8); err == nil || l.Exit().Reason != "" {
			t.Errorf("the next: %v, exit %+v", err, l.Exit())
		}
	})
}

func TestDialectNeedsItsCodecs(t *testing.T) {
	var d native.Dialect[string, string]
	d.Limit, d.Slots = -1, -1
	_, err := d.Hello(t.Context(), nil, wall.Start{})
	for _, want := range []string{"Dialect.Request", "Dialect.Response", "Dialect.Limit", "Dialect.Slots"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want %s in it", err, want)
		}
	}
}
