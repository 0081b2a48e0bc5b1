package native_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/frame"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
)

func TestT29FeedbackComesInOrderBeforeTheResponse(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		i, _ := open(t, text, roomy, serving(slots, func(_ context.Context, q string, h wall.Host) (string, error) {
			for n := range 1000 {
				h.Feedback(fmt.Appendf(nil, "%s %d", q, n))
			}
			return "end", nil
		}))
		var calls []*call[string]
		for n := range slots {
			c := newCall[string](&host{})
			i.Start(fmt.Sprint("call", n), &c.Call)
			calls = append(calls, c)
		}
		for n, c := range calls {
			if got, err := c.wait(t); got != "end" || err != nil {
				t.Fatalf("call %d: %q, %v", n, got, err)
			}
			for k, got := range c.Host.(*host).reports() {
				if want := fmt.Sprintf("call%d %d", n, k); got != want {
					t.Fatalf("feedback %d is %q, want %q", k, got, want)
				}
			}
			if got := len(c.Host.(*host).reports()); got != 1000 {
				t.Errorf("%d feedbacks before the end, want 1000", got)
			}
		}
	})
}

// slowHost takes feedback only when it is let.
type slowHost struct {
	host
	let chan struct{}
}

func (h *slowHost) Feedback(body []byte) {
	<-h.let
	h.host.Feedback(body)
}

// TestT30SlowFeedbackConsumer: what nobody takes waits in the stream, and then
// in the worker, which waits too; nothing is lost and nothing grows.
func TestT30SlowFeedbackConsumer(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		const room, size, count = 4 << 10, 1 << 10, 2000
		var reported atomic.Int64
		i, _ := open(t, text, room, serving(slots, func(_ context.Context, _ string, h wall.Host) (string, error) {
			for range count {
				h.Feedback(make([]byte, size))
				reported.Add(1)
			}
			return "end", nil
		}))
		h := &slowHost{let: make(chan struct{})}
		c := newCall[string](h)
		i.Start("x", &c.Call)
		for n := range 50 {
			h.let <- struct{}{}
			// What is on its way: the stream, the coordinator's buffer, the
			// worker's outbox; all bounded, and far from all that there is.
			if ahead := reported.Load() - int64(n); ahead > (room+64<<10+256<<10)/size+10 {
				t.Fatalf("the worker is %d reports ahead of its reader", ahead)
			}
		}
		close(h.let)
		if got, err := c.wait(t); got != "end" || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
		if got := len(h.reports()); got != count {
			t.Errorf("%d feedbacks, want %d", got, count)
		}
	})
}

func TestT31FeedbackBeforeADeathIsNotLost(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		i, _ := open(t, text, roomy, raw(slots, func(s io.ReadWriter, in *frame.Reader) error {
			h, _, err := in.Next()
			for n := range 10 {
				if err == nil {
					err = put(s, frame.Header{Kind: frame.Feedback, ID: h.ID}, fmt.Sprint(n))
				}
			}
			return errors.Join(err, errors.New("exit 1"))
		}))
		h := &host{}
		_, err := do(t, i, "x", h)
		outcome(t, err, ganger.Crashed, "exit 1")
		if got := strings.Join(h.reports(), " "); got != "0 1 2 3 4 5 6 7 8 9" {
			t.Errorf("reported %q, want ten in order", got)
		}
	})
}

func TestT32WorkerAsksInMidTask(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		i, _ := open(t, text, roomy, serving(slots, func(ctx context.Context, q string, h wall.Host) (string, error) {
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
		h := &host{ask: func(_ context.Context, question []byte) ([]byte, error) {
			if string(question) == "q3" {
				return nil, errors.New("no idea")
			}
			return append([]byte("a-"), question...), nil
		}}
		for range 3 {
			got, err := do(t, i, "q", h)
			if want := "a-q0,a-q1,a-q2,error: no idea,a-q4"; got != want || err != nil {
				t.Fatalf("%q, %v; want %q", got, err, want)
			}
		}
		if got, err := do(t, i, "q", nil); !strings.Contains(got, "answers no questions") || err != nil {
			t.Errorf("without a host: %q, %v", got, err)
		}
	})
}

var unwanted = &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseTask}

// TestT32AskWithAConcurrentCancel: the cancel ends the question at both ends,
// the worker obeys, lives, and performs the next request.
func TestT32AskWithAConcurrentCancel(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		i, l := open(t, text, roomy, serving(slots, func(ctx context.Context, q string, h wall.Host) (string, error) {
			if q == "easy" {
				return "yes", nil
			}
			_, err := h.Ask(ctx, []byte("may I?"))
			return "", err
		}))
		asked := make(chan struct{})
		h := &host{ask: func(ctx context.Context, _ []byte) ([]byte, error) {
			close(asked)
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}}
		c := newCall[string](h)
		i.Start("hard", &c.Call)
		await(t, asked, "the question")
		i.Cancel(&c.Call, unwanted)
		_, err := c.wait(t)
		outcome(t, err, ganger.Cancelled, ganger.CauseTask)
		if got, err := do(t, i, "easy", nil); got != "yes" || err != nil || l.Exit().Reason != "" {
			t.Errorf("the next request of the same worker: %q, %v, exit %+v", got, err, l.Exit())
		}
	})
}

// TestT32ACancelEndsTheQuestion: also for a worker that passes over the cancel
// and waits for its answer.
func TestT32ACancelEndsTheQuestion(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		i, _ := open(t, text, roomy, raw(slots, func(s io.ReadWriter, in *frame.Reader) error {
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
		h := &host{ask: func(ctx context.Context, _ []byte) ([]byte, error) {
			close(asked)
			<-ctx.Done()
			cause <- context.Cause(ctx)
			return nil, context.Cause(ctx)
		}}
		c := newCall[string](h)
		i.Start("x", &c.Call)
		await(t, asked, "the question")
		i.Cancel(&c.Call, unwanted)
		_, err := c.wait(t)
		outcome(t, err, ganger.Cancelled, ganger.CauseTask)
		if got := <-cause; got != error(unwanted) {
			t.Errorf("the question ended because of %v, want %v", got, unwanted)
		}
	})
}

// TestQuestionsAreBounded: a worker that asks and asks is not paid for.
func TestQuestionsAreBounded(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		i, _ := open(t, text, roomy, raw(slots, func(s io.ReadWriter, in *frame.Reader) error {
			h, _, err := in.Next()
			for n := uint32(1); err == nil && n < 100; n++ {
				err = put(s, frame.Header{Kind: frame.Ask, ID: h.ID, Ask: n}, "why?")
			}
			return hang(in)
		}))
		h := &host{ask: func(ctx context.Context, _ []byte) ([]byte, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}}
		_, err := do(t, i, "x", h)
		outcome(t, err, ganger.Crashed, ganger.CauseProtocol)
	})
}

func TestACooperativeCancelCostsNoWorker(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		running := make(chan struct{}, 1)
		i, l := open(t, text, roomy, serving(slots, func(ctx context.Context, q string, _ wall.Host) (string, error) {
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
			c := newCall[string](nil)
			i.Start("hard", &c.Call)
			await(t, running, "the request to run")
			i.Cancel(&c.Call, unwanted)
			_, err := c.wait(t)
			outcome(t, err, ganger.Cancelled, ganger.CauseTask)

			c = newCall[string](nil)
			i.Start("done all the same", &c.Call)
			await(t, running, "the request to run")
			i.Cancel(&c.Call, unwanted)
			if got, err := c.wait(t); got != "done" || err != nil {
				t.Fatalf("response in spite of the cancel: %q, %v", got, err)
			}
		}
		if got, err := do(t, i, "easy", nil); got != "yes" || err != nil || l.Exit().Reason != "" {
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
		w := &walls{t: t, room: roomy, f: serving(slots, func(ctx context.Context, _ string, _ wall.Host) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		})}
		i, err := wall.Speak(w, d).Open(t.Context(), wall.Start{Name: "w", Grace: 2 * patience})
		if err != nil {
			t.Fatal(err)
		}
		c := newCall[string](nil)
		f = func() { i.Cancel(&c.Call, unwanted) }
		i.Start("x", &c.Call)
		_, err = c.wait(t)
		outcome(t, err, ganger.Cancelled, ganger.CauseTask)
	})
}

// TestHammerCancel cancels calls at any moment: each ends once, as done or as
// asked, and the worker lives.
func TestHammerCancel(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		i, l := open(t, text, roomy, serving(slots, func(ctx context.Context, q string, _ wall.Host) (string, error) {
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
					c := newCall[string](nil)
					go i.Cancel(&c.Call, unwanted) // ends at once; the call may end before or after
					i.Start(strings.Repeat("x", n%7), &c.Call)
					if _, err := c.wait(t); err != nil {
						outcome(t, err, ganger.Cancelled, ganger.CauseTask)
					}
				}
			})
		}
		all.Wait()
		if got, err := do(t, i, "x", nil); got != "x" || err != nil || l.Exit().Reason != "" {
			t.Errorf("after it all: %q, %v, exit %+v", got, err, l.Exit())
		}
	})
}

// TestSixteenWithheld: a worker that withholds its first response until 16
// requests have arrived completes with 16 slots.
func TestSixteenWithheld(t *testing.T) {
	var arrived sync.WaitGroup
	arrived.Add(16)
	i, _ := open(t, text, roomy, serving(16, func(_ context.Context, q string, _ wall.Host) (string, error) {
		arrived.Done()
		arrived.Wait()
		return q, nil
	}))
	if i.Slots() != 16 {
		t.Fatalf("%d slots, want 16", i.Slots())
	}
	var calls []*call[string]
	for n := range 16 {
		c := newCall[string](nil)
		i.Start(fmt.Sprint(n), &c.Call)
		calls = append(calls, c)
	}
	for n, c := range calls {
		if got, err := c.wait(t); got != fmt.Sprint(n) || err != nil {
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
	i, _ := open(t, text, 4<<10, raw(2, func(s io.ReadWriter, in *frame.Reader) error {
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
	await(t, c.done, "all calls to end")
	if err := c.bad.Load(); err != nil {
		t.Error(*err)
	}
}

func TestSlotsAreTheSmallerNumber(t *testing.T) {
	for _, c := range []struct{ offered, wanted, want int }{{4, 0, 4}, {4, 2, 2}, {1, 8, 1}, {0, 8, 1}, {1 << 20, 0, 1 << 12}} {
		d := text
		d.Slots = c.wanted
		i, _ := open(t, d, roomy, raw(c.offered, func(_ io.ReadWriter, in *frame.Reader) error { return hang(in) }))
		if i.Slots() != c.want {
			t.Errorf("offered %d, wanted %d: %d slots, want %d", c.offered, c.wanted, i.Slots(), c.want)
		}
	}
}

func TestLimitsHoldForBothSides(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		d := text
		d.Limit = 1000
		i, l := open(t, d, roomy, serving(slots, func(ctx context.Context, q string, h wall.Host) (string, error) {
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
			_, err := do(t, i, q, nil)
			outcome(t, err, ganger.Failed, cause)
			if !strings.Contains(err.Error(), "at most 1000") {
				t.Errorf("%s: %v, want the limit in it", q, err)
			}
		}
		_, err := do(t, i, strings.Repeat("x", 1000), nil)
		outcome(t, err, ganger.Rejected, ganger.CauseEncode)
		if _, err := do(t, i, "good", nil); err != nil || l.Exit().Reason != "" {
			t.Errorf("afterwards: %v, exit %+v", err, l.Exit())
		}
	})
}

func TestT45HelloMismatch(t *testing.T) {
	speak := func(f func(io.ReadWriteCloser) error) error {
		_, err := wall.Speak(&walls{t: t, room: roomy, f: f}, text).Open(t.Context(), wall.Start{Name: "w"})
		if err == nil {
			t.Fatal("a worker that cannot be understood was opened")
		}
		return err
	}
	says := func(what string) func(io.ReadWriteCloser) error {
		return func(s io.ReadWriteCloser) error {
			_, err := io.WriteString(s, what)
			_, _ = io.Copy(io.Discard, s)
			return err
		}
	}
	greets := func(body string) func(io.ReadWriteCloser) error {
		h := frame.Append(nil, frame.Header{Kind: frame.Hello, Length: uint32(len(body))})
		return says(string(h) + body)
	}

	err := speak(greets(`{"version":2,"slots":1}`))
	if v, ok := errors.AsType[*native.VersionError](err); !ok || v.Worker != 2 || v.Coordinator != 1 {
		t.Errorf("another version: %v, want a *VersionError", err)
	}
	err = speak(says("Welcome to the worker!\n"))
	if !errors.Is(err, wall.ErrBroken) || !strings.Contains(err.Error(), `"Welcome`) {
		t.Errorf("text: %v, want %v and the text", err, wall.ErrBroken)
	}
	err = speak(greets("version 1, please"))
	if !errors.Is(err, wall.ErrBroken) || !strings.Contains(err.Error(), "version 1, please") {
		t.Errorf("a hello that is no JSON: %v", err)
	}
	err = speak(greets(`{"version":1,"format":"cbor"}`))
	if err == nil || !strings.Contains(err.Error(), `"cbor"`) {
		t.Errorf("another format: %v", err)
	}
	err = speak(func(s io.ReadWriteCloser) error {
		_ = put(s, frame.Header{Kind: frame.Error}, `{"message":"no model at /models/x"}`)
		return errors.New("exit 1")
	})
	if _, ok := errors.AsType[*native.Failure](err); !ok || !strings.Contains(err.Error(), "no model at /models/x") {
		t.Errorf("a worker that says why it cannot start: %v", err)
	}
	err = speak(func(io.ReadWriteCloser) error { return errors.New("exit 1") })
	if !strings.Contains(err.Error(), "before it was ready") {
		t.Errorf("a worker that exits at once: %v", err)
	}
}

// TestT45SilenceEndsWithTheContext: the time for a hello is the caller's, and
// nothing is left when it is over.
func TestT45SilenceEndsWithTheContext(t *testing.T) {
	late := errors.New("start time-out")
	ctx, cancel := context.WithCancelCause(t.Context())
	w := &walls{t: t, room: roomy, f: func(s io.ReadWriteCloser) error {
		cancel(late) // it has begun, and will never speak
		_, err := io.Copy(io.Discard, s)
		return err
	}}
	_, err := wall.Speak(w, text).Open(ctx, wall.Start{Name: "w"})
	if !errors.Is(err, late) {
		t.Errorf("err = %v, want %v", err, late)
	}
	await(t, w.lives[0].Gone(), "the silent worker to be ended")
}

// TestT45WorkerOfAnotherVersion: the worker's side says so too.
func TestT45WorkerOfAnotherVersion(t *testing.T) {
	l := &life{in: newConduit(roomy), out: newConduit(roomy), gone: make(chan struct{})}
	if err := put(l, frame.Header{Kind: frame.Hello}, `{"version":9}`); err != nil {
		t.Fatal(err)
	}
	err := serving(1, upper)(far{l})
	if v, ok := errors.AsType[*native.VersionError](err); !ok || v.Worker != 1 || v.Coordinator != 9 {
		t.Errorf("err = %v, want a *VersionError", err)
	}
	if _, body, err := frame.NewReader(l, 1000).Next(); err != nil || !strings.Contains(string(body), `"version":1`) {
		t.Errorf("it said %q, %v; want its own version", body, err)
	}
}
