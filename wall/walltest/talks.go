package walltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ganger-dev/ganger/wall"
)

func timeout(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(context.Background(), d, errors.New("not ready in time"))
}

func asStart(err error) (*wall.StartError, bool) { return errors.AsType[*wall.StartError](err) }

// wantNever allows nothing: it stands where a row has no second way.
func wantNever(*call) error { return errors.New("nothing else") }

func answers(t *testing.T, s Subject) {
	o := s.open(t, 1)
	defer o.close()
	for n := range 50 {
		o.start(fmt.Sprintf("echo %d", n)).wants(wantDone(fmt.Sprint(n)))
	}
	if s.Asks {
		o.start("ask why").wants(wantDone("answer to why"))
	}
	if r, ok := o.Instance.(wall.Runner[string, string]); ok {
		c := newCall(o, "echo run")
		r.Run(c.script, &c.Call)
		if c.ends.Load() != 1 {
			t.Error("Run returned before the end of its call")
		}
		c.wants(wantDone("run"))
	}
}

func failures(t *testing.T, s Subject) {
	if !s.Fails {
		t.Skip("this worker's words do not cross")
	}
	o := s.open(t, 1)
	defer o.close()
	o.start("fail no such table").wants(wantFailed("no such table"))
	o.usable()
}

func feedback(t *testing.T, s Subject) {
	if !s.Speaks {
		t.Skip("feedback does not cross")
	}
	o := s.open(t, 1)
	defer o.close()
	c := o.start("feedback 100;echo x")
	c.wants(wantDone("x"))
	wantFeedback(t, c, 100)
}

// wantFeedback checks that n feedbacks came, in order, now that the call has ended.
func wantFeedback(t *testing.T, c *call, n int) {
	t.Helper()
	want := make([]string, n)
	for i := range want {
		want[i] = fmt.Sprint(i)
	}
	if got := c.feedback(); !slices.Equal(got, want) {
		t.Errorf("%q told %q, want 0 to %d in order", c.script, got, n-1)
	}
}

// lastFeedback: what was told before a death is delivered before its end.
func lastFeedback(t *testing.T, s Subject) {
	if !s.Speaks {
		t.Skip("feedback does not cross")
	}
	for script, cause := range s.Deaths {
		o := s.open(t, 1)
		c := o.start("feedback 10;" + script)
		Await(t, c.done, "the end of a call whose life died")
		wantFeedback(t, c, 10)
		c.wants(wantCrash(cause))
		o.close()
	}
}

// prints: what a worker prints is not taken for an answer.
func prints(t *testing.T, s Subject) {
	if !s.Prints {
		t.Skip("standard output is the protocol's, or nobody's")
	}
	o := s.open(t, 1)
	defer o.close()
	for range 10 {
		o.start("print I am not an answer;echo x;print nor am I;echo y").wants(wantDone("y"))
	}
}

// slots: a life holds as many calls at once as it says.
func slots(t *testing.T, s Subject) {
	if s.Slots < 2 {
		t.Skip("one slot")
	}
	o := s.open(t, s.Slots)
	defer o.close()
	for range 5 {
		var calls []*call
		for range s.Slots {
			calls = append(calls, o.start(fmt.Sprintf("gather %d", s.Slots)))
		}
		for _, c := range calls {
			c.wants(wantDone("together"))
		}
	}
}

// link is a call whose end starts the next.
type link struct {
	wall.Call[string]
	o    opened
	left int
	done chan error // room for one
}

func (l *link) EndCall(*wall.Call[string]) {
	if l.left == 0 || l.Err != nil {
		l.done <- l.Err
		return
	}
	next := &link{o: l.o, left: l.left - 1, done: l.done}
	next.End = next
	l.o.Start("echo x", &next.Call)
}

// chains: an end may start the next call, on and on.
func chains(t *testing.T, s Subject) {
	o := s.open(t, 1)
	defer o.close()
	l := &link{o: o, left: 300, done: make(chan error, 1)}
	l.End = l
	o.Start("echo x", &l.Call)
	ctx, cancel := patience()
	defer cancel()
	select {
	case err := <-l.done:
		if err != nil {
			t.Errorf("a chain of calls ended with %v", err)
		}
	case <-ctx.Done():
		t.Fatal("a chain of calls hangs")
	}
}
