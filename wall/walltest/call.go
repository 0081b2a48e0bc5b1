package walltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// call is one call under test: it counts its ends, and is its own host.
type call struct {
	wall.Call[string]
	o      opened
	script string
	done   chan struct{}
	ends   atomic.Int32
	began  chan struct{} // closed at the first feedback

	mu   sync.Mutex // guards what follows
	told []string
	late int // feedback after the end
}

func newCall(o opened, script string) *call {
	c := &call{o: o, script: script, done: make(chan struct{}), began: make(chan struct{})}
	c.Host, c.End = c, c
	return c
}

// start starts a script.
func (o opened) start(script string) *call {
	c := newCall(o, script)
	o.Start(script, &c.Call)
	return c
}

func (c *call) EndCall(*wall.Call[string]) {
	if c.ends.Add(1) == 1 {
		close(c.done)
	}
}

func (c *call) Feedback(body []byte) {
	c.mu.Lock()
	c.told = append(c.told, string(body))
	first := len(c.told) == 1
	if c.ends.Load() > 0 {
		c.late++
	}
	c.mu.Unlock()
	if first {
		close(c.began)
	}
}

func (c *call) Ask(_ context.Context, question []byte) ([]byte, error) {
	return []byte("answer to " + string(question)), nil
}

// feedback is what was told so far.
func (c *call) feedback() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.told...)
}

// cancelled is what a call is asked to end as.
func cancelled() *ganger.Error {
	return &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseTask, Err: errUnwanted}
}

var errUnwanted = errors.New("no longer wanted")

// cancel cancels the call.
func (c *call) cancel() { c.o.Cancel(&c.Call, cancelled()) }

// want is one way in which a call may end.
type want func(c *call) error

// wants waits for the end and checks that it is one of those.
func (c *call) wants(ways ...want) {
	t := c.o.t
	t.Helper()
	Await(t, c.done, fmt.Sprintf("the end of %q", c.script))
	var wrong []string
	for _, w := range ways {
		err := w(c)
		if err == nil {
			c.check(t)
			return
		}
		wrong = append(wrong, err.Error())
	}
	t.Errorf("%q ended with %q, %v; %s", c.script, c.Response, c.Err, strings.Join(wrong, "; or "))
}

// check checks what holds for every end.
func (c *call) check(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.ends.Load(); n != 1 || c.late > 0 || !c.Ended() {
		t.Errorf("%q ended %d times, with %d feedbacks after its end; want once, none", c.script, n, c.late)
	}
	if c.Err != nil && c.Response != "" {
		t.Errorf("%q ended with %v and a response %q beside it", c.script, c.Err, c.Response)
	}
	e, ok := errors.AsType[*ganger.Error](c.Err)
	if c.Err != nil && c.Err != wall.ErrUnsent && (!ok || e.Outcome == 0) {
		t.Errorf("%q ended with %v, which is neither ErrUnsent nor a *ganger.Error", c.script, c.Err)
	}
	if ok && e.Outcome == ganger.Crashed && (e.Exit == nil || e.Exit.Reason == "" || e.Worker != "w#7") {
		t.Errorf("%q crashed on %q with exit %+v, want w#7 and what is known of the end", c.script, e.Worker, e.Exit)
	}
}

func wantDone(response string) want {
	return func(c *call) error {
		if c.Err != nil || c.Response != response {
			return fmt.Errorf("want %q", response)
		}
		return nil
	}
}

// wantAnswer: done, whatever the response.
func wantAnswer(c *call) error {
	if c.Err != nil {
		return errors.New("want a response")
	}
	return nil
}

func wantUnsent(c *call) error {
	if c.Err != wall.ErrUnsent {
		return errors.New("want ErrUnsent")
	}
	return nil
}

func wantCancelled(c *call) error {
	e, _ := errors.AsType[*ganger.Error](c.Err)
	if e == nil || e.Outcome != ganger.Cancelled || e.Cause != ganger.CauseTask || !errors.Is(c.Err, errUnwanted) {
		return errors.New("want cancelled (task): no longer wanted")
	}
	return nil
}

func wantCrash(causes ...ganger.Cause) want {
	return func(c *call) error {
		e, _ := errors.AsType[*ganger.Error](c.Err)
		if e != nil && e.Outcome == ganger.Crashed && slices.Contains(causes, e.Cause) {
			return nil
		}
		return fmt.Errorf("want crashed %q", causes)
	}
}

// wantNeighbour: crashed with its life, which was ended for another call.
func wantNeighbour(c *call) error {
	if ganger.OutcomeOf(c.Err) != ganger.Crashed || !errors.Is(c.Err, wall.ErrNeighbour) {
		return errors.New("want crashed for a neighbour")
	}
	return nil
}

func wantFailed(text string) want {
	return func(c *call) error {
		if ganger.OutcomeOf(c.Err) != ganger.Failed || c.Err == nil || !strings.Contains(c.Err.Error(), text) {
			return fmt.Errorf("want failed: %s", text)
		}
		return nil
	}
}
