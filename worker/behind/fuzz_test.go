package behind_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/worker"
	"github.com/ganger-dev/ganger/worker/behind"
)

type tally struct{}

type count struct {
	worker.In[tally, []int]
	N int
}

func tallies() *worker.Def[tally, string, int, int] {
	d := &worker.Def[tally, string, int, int]{
		Launch:  func(context.Context, worker.Self[tally], string, int) (int, error) { return 0, nil },
		OnError: func(context.Context, int, worker.Post[tally], error) worker.Verdict { return worker.Continue },
	}
	worker.Handle(d, func(context.Context, int, count) ([]int, error) { return nil, nil })
	return d
}

// madWall opens lives that are launched, and then answer whatever they like.
type madWall struct {
	worker.Behind
	answer   worker.Envelope
	question []byte
}

func (w madWall) Traits() wall.Traits { return wall.Traits{Name: "mad"} }

func (w madWall) Open(context.Context, wall.Start) (wall.Instance[worker.Envelope, worker.Envelope], error) {
	return &mad{wall: w, gone: make(chan struct{})}, nil
}

type mad struct {
	wall  madWall
	done  int
	once  sync.Once
	gone  chan struct{}
	reply ganger.Leaving
}

func (m *mad) ID() string                                 { return "mad" }
func (m *mad) Gone() <-chan struct{}                      { return m.gone }
func (m *mad) Exit() ganger.Exit                          { return ganger.Exit{Reason: m.reply, Asked: true} }
func (m *mad) Usage() wall.Usage                          { return wall.Usage{} }
func (m *mad) Slots() int                                 { return 1 }
func (m *mad) Kill(why ganger.Leaving)                    { m.once.Do(func() { m.reply = why; close(m.gone) }) }
func (m *mad) Stop(_ context.Context, why ganger.Leaving) { m.Kill(why) }

func (m *mad) Cancel(c *wall.Call[worker.Envelope], as *ganger.Error) { c.Ask(as) }

func (m *mad) Start(_ worker.Envelope, c *wall.Call[worker.Envelope]) {
	if !c.Begin() {
		return
	}
	m.done++
	if m.done == 1 { // its launch
		c.Conclude(worker.Envelope{Body: []byte("null")}, nil)
		return
	}
	_, _ = c.Host.Ask(context.Background(), m.wall.question)
	c.Conclude(m.wall.answer, nil)
}

// FuzzAnswers: whatever a process answers and asks, a call has one end of those
// that are promised, and the worker can be stopped.
func FuzzAnswers(f *testing.F) {
	for _, s := range []struct{ word, body, question string }{
		{"", "[1]", "status\nnull"},
		{"", "{", "describe\nnull"},
		{"failed", `{"Message":"no"}`, "err\nnull"},
		{"failed", `{"Message":"no","Cause":"encode"}`, `trigger` + "\n" + `"enough"`},
		{"failed", `[]`, `crash` + "\n" + `"enough"`},
		{"panic", `{"Message":"oh","Stack":"here"}`, "crash"},
		{"panic", `1`, "\n\n"},
		{"ended", "0", "github.com/ganger-dev/ganger/worker/behind_test.count\n{\"N\":1}"},
		{"github.com/ganger-dev/ganger/worker/behind_test.count", "{}", "github.com/ganger-dev/ganger/worker/behind_test.count\n1"},
	} {
		f.Add(s.word, []byte(s.body), []byte(s.question))
	}
	coded := behind.Wall(nil).(worker.Behind) // for its coder
	f.Fuzz(func(t *testing.T, word string, body, question []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		w := madWall{coded, worker.Envelope{Type: word, Body: body}, question}
		table := worker.NewQueue(tallies(), worker.Config{Behind: w})
		ref, err := table.Launch(ctx, "a", 1)
		if err != nil {
			t.Fatal(err)
		}
		_, err = worker.Call(ctx, ref, count{})
		switch ganger.OutcomeOf(err) {
		case ganger.Done, ganger.Failed, ganger.Crashed, ganger.Cancelled, ganger.Rejected:
		default:
			t.Errorf("the call ended %v", err)
		}
		if ctx.Err() != nil {
			t.Errorf("the call did not end: %v", err)
		}
		if err := table.Close(ctx); err != nil {
			t.Errorf("the worker did not stop: %v", err)
		}
	})
}
