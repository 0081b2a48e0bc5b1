package call_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/frame"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/process"
	"github.com/ganger-dev/ganger/wall/walltest"
)

// beginning is a host that tells when the function has begun, by its first
// feedback, and that never answers.
type beginning struct{ began chan struct{} }

func (b beginning) Feedback(body []byte) {
	if string(body) == `"began"` {
		close(b.began)
	}
}

func (b beginning) Ask(ctx context.Context, _ []byte) ([]byte, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

// start starts a task and waits until the function runs.
func (w *worker) start(value string) *walltest.Call[json.RawMessage] {
	w.t.Helper()
	h := beginning{make(chan struct{})}
	c := walltest.Begin(w.Instance, json.RawMessage(value), wall.Host(h))
	walltest.Await(w.t, h.began, "the function to begin")
	return c
}

func unwanted() *ganger.Error {
	return &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseTask, Err: context.Canceled}
}

// TestT17CancelReachesTheFunction, wherever it is, and costs nobody the worker.
func TestT17CancelReachesTheFunction(t *testing.T) {
	names := map[string][]string{
		".py":  {"loops", "sleeps", "asleeps", "asks_for_ever", "aasks_for_ever", "tidies", "wraps"},
		".mjs": {"sleeps", "asks_for_ever", "tidies", "wraps"},
	}
	on(t, func(t *testing.T, ext string) {
		for _, name := range names[ext] {
			t.Run(name, func(t *testing.T) {
				w := begun(t, "cases"+ext+":"+name, 1, process.Private)
				for range 5 {
					c := w.start(`1`)
					w.Cancel(&c.Call, unwanted())
					_, err := c.Wait(t)
					walltest.EndedAs(t, err, ganger.Cancelled, ganger.CauseTask)
				}
				if name == "tidies" {
					w.printed("tidied")
				}
				c := w.start(`1`)
				w.Cancel(&c.Call, unwanted())
				if _, err := c.Wait(t); ganger.OutcomeOf(err) != ganger.Cancelled {
					t.Errorf("after five cancels: %v", err)
				}
				select {
				case <-w.Gone():
					t.Errorf("the worker left with %+v", w.Exit())
				default:
				}
			})
		}
	})
}

// TestAResponseMayWin: a function that is asked to give up may answer all the same.
func TestAResponseMayWin(t *testing.T) {
	on(t, func(t *testing.T, ext string) {
		w := begun(t, "cases"+ext+":answers_all_the_same", 1, process.Private)
		for range 3 {
			c := w.start(`1`)
			w.Cancel(&c.Call, unwanted())
			if r, err := c.Wait(t); string(r) != `"all the same"` || err != nil {
				t.Errorf("%s, %v", r, err)
			}
		}
	})
}

// TestT18StubbornFunctions: what does not end for a cancel is ended by force.
func TestT18StubbornFunctions(t *testing.T) {
	names := map[string][]string{".py": {"stubborn"}, ".mjs": {"stubborn", "loops"}}
	on(t, func(t *testing.T, ext string) {
		for _, name := range names[ext] {
			cmd := command(t, "cases"+ext+":"+name, process.Private)
			i, err := wall.Speak(cmd, dialect).Open(t.Context(), wall.Start{Name: "w", Incarnation: 1, Grace: 200 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			w := &worker{Instance: i, t: t}
			c := w.start(`1`)
			w.Cancel(&c.Call, unwanted())
			_, err = c.Wait(t)
			walltest.EndedAs(t, err, ganger.Cancelled, ganger.CauseTask)
			walltest.Await(t, w.Gone(), "the worker to be killed")
			if x := w.Exit(); x.Reason != ganger.LeavingCancelled {
				t.Errorf("%s: it left with %+v", name, x)
			}
		}
	})
}

// TestHammerCancel: wherever in a short task a cancel comes, the task has one
// end, and no later task is hit by it.
func TestHammerCancel(t *testing.T) {
	targets := []string{"script.py:perform", "script.py:aperform", "script.mjs:perform"}
	for _, target := range targets {
		t.Run(target, func(t *testing.T) {
			w := begun(t, target, 1, process.Private)
			ends := map[ganger.Outcome]int{}
			for range 20 * loops {
				script := `"feedback 3;sleep ` + []string{"0", "1", "20", "40"}[rand.IntN(4)] + `ms;feedback 3;echo x"`
				c := walltest.Begin(w.Instance, json.RawMessage(script), &walltest.Host{})
				after := time.Duration(rand.IntN(50_000)) * time.Microsecond
				if rand.IntN(2) == 0 {
					after /= 200 // it may be there before the function has begun
				}
				timer := time.AfterFunc(after, func() { w.Cancel(&c.Call, unwanted()) })
				r, err := c.Wait(t)
				timer.Stop()
				ends[ganger.OutcomeOf(err)]++
				if err == nil && string(r) != `"x"` || err != nil && ganger.OutcomeOf(err) != ganger.Cancelled {
					t.Fatalf("%s gives %s, %v", script, r, err)
				}
				w.gives(`"echo y"`, `"y"`)
			}
			if ends[ganger.Done] == 0 || ends[ganger.Cancelled] == 0 {
				t.Errorf("all came out the same way: %v", ends)
			}
		})
	}
}

// TestT32ACancelOfAFunctionThatAsks many times in a row: no answer is taken for
// that of another question.
func TestT32ACancelOfAFunctionThatAsks(t *testing.T) {
	on(t, func(t *testing.T, ext string) {
		w := begun(t, "cases"+ext+":asks_for_ever", 1, process.Private)
		for range 3 * loops {
			c := w.start(`1`)
			if rand.IntN(2) == 0 {
				time.AfterFunc(time.Duration(rand.IntN(30_000))*time.Microsecond, func() { w.Cancel(&c.Call, unwanted()) })
			} else {
				w.Cancel(&c.Call, unwanted())
			}
			if _, err := c.Wait(t); ganger.OutcomeOf(err) != ganger.Cancelled {
				t.Fatal(err)
			}
		}
	})
}

// TestFeedbackIsNotCutByACancel: one that comes while a frame is half written
// waits for its end.
func TestFeedbackIsNotCutByACancel(t *testing.T) {
	w := begun(t, "cases.py:reports_for_ever", 1, process.Private)
	for range loops {
		h := &slow{began: make(chan struct{}), release: make(chan struct{})}
		c := walltest.Begin(w.Instance, json.RawMessage(`1`), wall.Host(h))
		walltest.Await(t, h.began, "the function to begin")
		w.Cancel(&c.Call, unwanted())
		time.AfterFunc(200*time.Millisecond, func() { close(h.release) }) // it has been interrupted by then
		_, err := c.Wait(t)
		walltest.EndedAs(t, err, ganger.Cancelled, ganger.CauseTask)
		for n, r := range h.Reports() {
			if want := jsonOf(n); !strings.HasPrefix(r, `["`) || !strings.HasSuffix(r, `",`+want+`]`) {
				t.Fatalf("report %d is %.20s…%s", n, r, r[max(len(r)-20, 0):])
			}
		}
	}
	select {
	case <-w.Gone():
		t.Errorf("the worker left with %+v", w.Exit())
	default:
	}
}

// slow is a host that takes no report after the first until it is released.
type slow struct {
	walltest.Host
	began, release chan struct{}
	once           sync.Once
}

func (s *slow) Feedback(body []byte) {
	s.Host.Feedback(body)
	s.once.Do(func() { close(s.began) })
	<-s.release
}

// TestACancelThatComesWithItsRequest, in one piece, is obeyed and answered.
func TestACancelThatComesWithItsRequest(t *testing.T) {
	for _, target := range []string{"script.py:perform", "script.py:aperform", "script.mjs:perform"} {
		ctx, cancel := context.WithTimeout(t.Context(), walltest.Patience)
		defer cancel()
		s, err := command(t, target, process.Private).Open(ctx, wall.Start{Name: "w", Incarnation: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer context.AfterFunc(ctx, func() { s.Kill(ganger.LeavingStopped) })()
		defer s.Kill(ganger.LeavingStopped)
		piece := func(kind frame.Kind, id uint32, body string) []byte {
			return append(frame.Append(nil, frame.Header{Kind: kind, ID: id, Length: uint32(len(body))}), body...)
		}
		in := frame.NewReader(s, 1<<20)
		for _, step := range []struct {
			say  []byte
			want frame.Kind
		}{
			{piece(frame.Hello, 0, `{"version":1,"slots":1}`), frame.Hello},
			{append(piece(frame.Request, 1, `{"value":"sleep 1h"}`), piece(frame.Cancel, 1, "")...), frame.Cancelled},
			{piece(frame.Request, 1, `{"value":"echo x"}`), frame.Response},
		} {
			if _, err := s.Write(step.say); err != nil {
				t.Fatal(err)
			}
			if h, body, err := in.Next(); h.Kind != step.want || err != nil {
				t.Fatalf("%s: %v %q, %v; want %v", target, h.Kind, body, err, step.want)
			}
		}
	}
}
