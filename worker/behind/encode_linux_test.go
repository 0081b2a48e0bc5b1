package behind_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/worker"
	"github.com/ganger-dev/ganger/worker/behind"
)

func TestEncodeFailures(t *testing.T) {
	b := inProcess(t)
	g := newGate(t) // nobody may come: OnError hears of none of these
	w, _ := b.launch(worker.Config{}, opening{Log: g.path})
	_, err := worker.Call(b.ctx(), w, sends{What: picky{"unsendable"}})
	b.ended(err, ganger.Rejected, ganger.CauseEncode)
	_, err = worker.Call(b.ctx(), w, sends{What: picky{"unreadable"}})
	b.ended(err, ganger.Failed, ganger.CauseEncode)
	for _, text := range []string{"unsendable", "unreadable"} {
		_, err = worker.Call(b.ctx(), w, unsuited{Text: text})
		b.ended(err, ganger.Failed, ganger.CauseEncode)
	}
	if got, err := worker.Call(b.ctx(), w, unsuited{Text: "fine"}); got.Text != "fine" || err != nil {
		b.Errorf("%q, %v", got, err)
	}
	if len(g.begun) != 0 {
		b.Error("a callback was told")
	}
	go func() { // Close
		c := <-g.begun
		_ = c.Close()
	}()
}

type odd struct{}

type (
	oddChan   struct{ worker.In[odd, chan int] }
	oddHidden struct {
		worker.In[odd, int]
		hidden int
	}
	oddAny struct {
		worker.In[odd, int]
		What any
	}
	oddFine struct{ worker.In[odd, int] }
)

// plainWall is a wall without a coder.
type plainWall struct {
	wall.Wall[wall.Instance[worker.Envelope, worker.Envelope]]
}

func oddDef[N comparable, P any](add func(*worker.Def[odd, N, P, int])) *worker.Def[odd, N, P, int] {
	d := &worker.Def[odd, N, P, int]{
		Launch: func(context.Context, worker.Self[odd], N, P) (int, error) { return 0, nil },
	}
	add(d)
	return d
}

func oddHandler[N comparable, P any, Q worker.Request[odd, R], R any](d *worker.Def[odd, N, P, int]) {
	worker.Handle(d, func(context.Context, int, Q) (r R, err error) { return r, nil })
}

// TestTableChecksWhatCrosses: the constructor panics and names the type.
func TestTableChecksWhatCrosses(t *testing.T) {
	w := behind.Wall(processes("till"))
	c := worker.Config{Behind: w}
	for _, x := range []struct {
		name  string
		make  func()
		words string // "": it is fine
	}{
		{"fine", func() { worker.NewQueue(oddDef(oddHandler[string, int, oddFine]), c) }, ""},
		{"response", func() { worker.NewQueue(oddDef(oddHandler[string, int, oddChan]), c) }, "the response to behind_test.oddChan, chan int cannot cross the wall of Config.Behind: JSON has no chan int"},
		{"hidden field", func() { worker.NewQueue(oddDef(oddHandler[string, int, oddHidden]), c) }, "the request behind_test.oddHidden cannot cross the wall of Config.Behind: the field hidden of behind_test.oddHidden would be lost"},
		{"interface", func() { worker.NewBounded(oddDef(oddHandler[string, int, oddAny]), 1, c) }, "the request behind_test.oddAny"},
		{"name", func() { worker.NewQueue(oddDef(oddHandler[[1]complex128, int, oddFine]), c) }, "the name [1]complex128"},
		{"parameter", func() { worker.NewLatest(oddDef(oddHandler[string, func(), oddFine]), nil, c) }, "the parameter func()"},
		{"no coder", func() { worker.NewQueue(oddDef(oddHandler[string, int, oddFine]), worker.Config{Behind: plainWall{w}}) }, "which is no worker.Coder"},
	} {
		t.Run(x.name, func(t *testing.T) {
			defer func() {
				got := fmt.Sprint(recover())
				if x.words == "" && got != "<nil>" || !strings.Contains(got, x.words) {
					t.Errorf("it panicked with %q, want %q", got, x.words)
				}
			}()
			x.make()
		})
	}
	_ = oddHidden{hidden: 0}
}
