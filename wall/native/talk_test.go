package native_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/frame"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/walltest"
)

func TestT29FeedbackComesInOrderBeforeTheResponse(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		i, _ := walltest.Open(t, text, roomy, serving(slots, func(_ context.Context, q string, h wall.Host) (string, error) {
			for n := range 1000 {
				h.Feedback(fmt.Appendf(nil, "%s %d", q, n))
			}
			return "end", nil
		}))
		var calls []*walltest.Call[string]
		for n := range slots {
			c := walltest.Begin(i, fmt.Sprint("call", n), &walltest.Host{})
			calls = append(calls, c)
		}
		for n, c := range calls {
			if got, err := c.Wait(t); got != "end" || err != nil {
				t.Fatalf("call %d: %q, %v", n, got, err)
			}
			for k, got := range c.Host.(*walltest.Host).Reports() {
				if want := fmt.Sprintf("call%d %d", n, k); got != want {
					t.Fatalf("feedback %d is %q, want %q", k, got, want)
				}
			}
			if got := len(c.Host.(*walltest.Host).Reports()); got != 1000 {
				t.Errorf("%d feedbacks before the end, want 1000", got)
			}
		}
	})
}

// slowHost takes feedback only when it is let.
type slowHost struct {
	walltest.Host
	let chan struct{}
}

func (h *slowHost) Feedback(body []byte) {
	<-h.let
	h.Host.Feedback(body)
}

// TestT30SlowFeedbackConsumer: what nobody takes waits in the stream, and then
// in the worker, which waits too; nothing is lost and nothing grows.
func TestT30SlowFeedbackConsumer(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		const room, size, count = 4 << 10, 1 << 10, 2000
		var reported atomic.Int64
		i, _ := walltest.Open(t, text, room, serving(slots, func(_ context.Context, _ string, h wall.Host) (string, error) {
			for range count {
				h.Feedback(make([]byte, size))
				reported.Add(1)
			}
			return "end", nil
		}))
		h := &slowHost{let: make(chan struct{})}
		c := walltest.Begin(i, "x", h)
		for n := range 50 {
			h.let <- struct{}{}
			// What is on its way: the stream, the coordinator's buffer, the
			// worker's outbox; all bounded, and far from all that there is.
			if ahead := reported.Load() - int64(n); ahead > (room+64<<10+256<<10)/size+10 {
				t.Fatalf("the worker is %d reports ahead of its reader", ahead)
			}
		}
		close(h.let)
		if got, err := c.Wait(t); got != "end" || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
		if got := len(h.Reports()); got != count {
			t.Errorf("%d feedbacks, want %d", got, count)
		}
	})
}

func TestT31FeedbackBeforeADeathIsNotLost(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		i, _ := walltest.Open(t, text, roomy, raw(slots, func(s *walltest.Far, in *frame.Reader) error {
			h, _, err := in.Next()
			for n := range 10 {
				if err == nil {
					err = put(s, frame.Header{Kind: frame.Feedback, ID: h.ID}, fmt.Sprint(n))
				}
			}
			return errors.Join(err, errors.New("exit 1"))
		}))
		h := &walltest.Host{}
		_, err := walltest.Begin(i, "x", h).Wait(t)
		walltest.EndedAs(t, err, ganger.Crashed, "exit 1")
		if got := strings.Join(h.Reports(), " "); got != "0 1 2 3 4 5 6 7 8 9" {
			t.Errorf("reported %q, want ten in order", got)
		}
	})
}

func TestT32WorkerAsksInMidTask(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		i, _ := walltest.Open(t, text, roomy, serving(slots, func(ctx context.Context, q string, h wall.Host) (string, error) {
			var mu sync.Mutex // guards answers
			answers := make([]string, 5)
			var all sync.WaitGroup
			for n := range answers { // several questions at once
				all.Go(func() {
					a, err := h.Ask(ctx, fmt.Appendf(nil, "%s%d", q, n))
					mu.Lock()
					defer mu.Unlock()
					answers[n] = string(a)
					if err != nil {
						answers[n] = "error: " + err.Error()
					}
				})
			}
			all.Wait()
			return strings.Join(answers, ","), nil
		}))
		h := &walltest.Host{Answer: func(_ context.Context, question []byte) ([]byte, error) {
			if string(question) == "q3" {
				return nil, errors.New("no idea")
			}
			return append([]byte("a-"), question...), nil
		}}
		for range 3 {
			got, err := walltest.Begin(i, "q", h).Wait(t)
			if want := "a-q0,a-q1,a-q2,error: no idea,a-q4"; got != want || err != nil {
				t.Fatalf("%q, %v; want %q", got, err, want)
			}
		}
		if got, err := walltest.Do(t, i, "q"); !strings.Contains(got, "answers no questions") || err != nil {
			t.Errorf("without a host: %q, %v", got, err)
		}
	})
}

// TestQuestionsAreBounded: a worker that asks and asks is not paid for.
func TestQuestionsAreBounded(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		i, _ := walltest.Open(t, text, roomy, raw(slots, func(s *walltest.Far, in *frame.Reader) error {
			h, _, err := in.Next()
			for n := uint32(1); err == nil && n < 100; n++ {
				err = put(s, frame.Header{Kind: frame.Ask, ID: h.ID, Ask: n}, "why?")
			}
			return hang(in)
		}))
		h := &walltest.Host{Answer: func(ctx context.Context, _ []byte) ([]byte, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}}
		_, err := walltest.Begin(i, "x", h).Wait(t)
		walltest.EndedAs(t, err, ganger.Crashed, ganger.CauseProtocol)
	})
}

// TestSixteenWithheld: a worker that withholds its first response until 16
// requests have arrived completes with 16 slots.
func TestSixteenWithheld(t *testing.T) {
	var arrived sync.WaitGroup
	arrived.Add(16)
	i, _ := walltest.Open(t, text, roomy, serving(16, func(_ context.Context, q string, _ wall.Host) (string, error) {
		arrived.Done()
		arrived.Wait()
		return q, nil
	}))
	if i.Slots() != 16 {
		t.Fatalf("%d slots, want 16", i.Slots())
	}
	var calls []*walltest.Call[string]
	for n := range 16 {
		c := walltest.Begin(i, fmt.Sprint(n), nil)
		calls = append(calls, c)
	}
	for n, c := range calls {
		if got, err := c.Wait(t); got != fmt.Sprint(n) || err != nil {
			t.Errorf("call %d: %q, %v", n, got, err)
		}
	}
}

// chain starts the next call from the end of the one before.
type chain struct {
	i    wall.Instance[string, string]
	left atomic.Int64
	done chan struct{}
	all  *sync.WaitGroup
	bad  atomic.Pointer[error]
}

func (c *chain) start() {
	k := new(wall.Call[string])
	k.End = c
	c.i.Start(strings.Repeat("x", 20<<10), k)
}

func (c *chain) EndCall(k *wall.Call[string]) {
	if k.Err != nil {
		c.bad.Store(&k.Err)
	}
	if k.Err != nil || c.left.Add(-1) < 0 {
		c.all.Done()
		return
	}
	c.start()
}

// TestNeitherSideWaitsForTheOther: the worker writes two long answers while it
// reads nothing, and the end of the first starts a long request.
func TestNeitherSideWaitsForTheOther(t *testing.T) {
	i, _ := walltest.Open(t, text, 4<<10, raw(2, func(s *walltest.Far, in *frame.Reader) error {
		for {
			var b []byte
			for range 2 {
				h, body, err := in.Next()
				if err != nil {
					return nil
				}
				h.Kind = frame.Response
				b = append(frame.Append(b, h), body...)
			}
			if _, err := s.Write(b); err != nil {
				return err
			}
		}
	}))
	var all sync.WaitGroup
	c := &chain{i: i, done: make(chan struct{}), all: &all}
	c.left.Store(50)
	for range 2 {
		all.Add(1)
		c.start()
	}
	go func() { all.Wait(); close(c.done) }()
	walltest.Await(t, c.done, "all calls to end")
	if err := c.bad.Load(); err != nil {
		t.Error(*err)
	}
}

func TestLimitsHoldForBothSides(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		d := text
		d.Limit = 1000
		i, l := walltest.Open(t, d, roomy, serving(slots, func(ctx context.Context, q string, h wall.Host) (string, error) {
			switch q {
			case "feedback":
				h.Feedback(make([]byte, 1001))
			case "ask":
				_, err := h.Ask(ctx, make([]byte, 1001))
				return "", err
			case "response":
				return strings.Repeat("x", 1000), nil
			}
			return strings.Repeat("x", 100), nil
		}))
		for q, cause := range map[string]ganger.Cause{
			"feedback": ganger.CauseEncode, "response": ganger.CauseEncode, "ask": "",
		} {
			_, err := walltest.Do(t, i, q)
			walltest.EndedAs(t, err, ganger.Failed, cause)
			if !strings.Contains(err.Error(), "at most 1000") {
				t.Errorf("%s: %v, want the limit in it", q, err)
			}
		}
		_, err := walltest.Do(t, i, strings.Repeat("x", 1000))
		walltest.EndedAs(t, err, ganger.Rejected, ganger.CauseEncode)
		if _, err := walltest.Do(t, i, "good"); err != nil || l.Exit().Reason != "" {
			t.Errorf("afterwards: %v, exit %+v", err, l.Exit())
		}
	})
}
