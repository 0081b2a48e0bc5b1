package worker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/worker"
)

// TestW33EndsAndTypes has every sort of end happen to workers of every type under
// every strategy: whether it lives again, and whether a sibling goes along. The
// workers pull, since only a source can end by itself.
func TestW33EndsAndTypes(t *testing.T) {
	types := map[string]life.Type{"permanent": life.Permanent, "transient": life.Transient, "temporary": life.Temporary}
	strategies := map[string]worker.Strategy{"one": worker.OneForOne, "all": worker.AllForOne, "rest": worker.RestForOne}
	for end, again := range map[string]string{ // what is pulled, and who lives again
		"panic":  "permanent transient",
		"goexit": "permanent transient",
		"crash":  "permanent transient", // the verdict
		"broken": "permanent transient", // the source fails
		"late":   "permanent transient", // abandoned
		"ended":  "permanent",
		"stop":   "", // the verdict
		"told":   "", // Trigger
	} {
		for _, kind := range slices.Sorted(maps.Keys(types)) {
			for _, strategy := range slices.Sorted(maps.Keys(strategies)) {
				t.Run(fmt.Sprintf("%s/%s/%s", end, kind, strategy), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						e := newPullers(t, worker.Config{
							Restart:  life.Policy{Type: types[kind], Min: -1, Burst: -1},
							Strategy: strategies[strategy], Limit: time.Second, Grace: time.Second,
							Escalate: func(err error) { t.Errorf("escalated: %v", err) },
						}, "first", "victim", "last")
						if end == "told" {
							e.refs["victim"].Trigger(nil)
						} else {
							e.pulls["victim"] <- end
						}
						time.Sleep(10 * time.Second)
						lives := func(name string) uint64 {
							select {
							case <-e.refs[name].Done():
								return 0
							default:
							}
							state, n := e.refs[name].Status()
							if state != ganger.Idle {
								t.Errorf("%s is %v, want idle", name, state)
							}
							return n
						}
						want := map[string]uint64{"first": 1, "victim": 0, "last": 1}
						if strings.Contains(again, kind) {
							want["victim"] = 2
							if strategy != "one" {
								want["last"] = 2
							}
							if strategy == "all" {
								want["first"] = 2
							}
						}
						for name, n := range want {
							if got := lives(name); got != n {
								t.Errorf("%s is in life %d (0: gone), want %d", name, got, n)
							}
						}
					})
				})
			}
		}
	}
}

// pullers are workers that pull what the test puts into their channels.
type pullers struct {
	refs  map[string]worker.Source[Stage]
	pulls map[string]chan string
}

func newPullers(t *testing.T, c worker.Config, names ...string) *pullers {
	e := &pullers{map[string]worker.Source[Stage]{}, map[string]chan string{}}
	free := make(chan struct{})
	for _, name := range names {
		e.pulls[name] = make(chan string)
	}
	d := &worker.Def[Stage, string, int, chan string]{
		Launch: func(_ context.Context, _ worker.Self[Stage], name string, _ int) (chan string, error) {
			return e.pulls[name], nil
		},
		OnError: func(_ context.Context, _ chan string, q worker.Post[Stage], _ error) worker.Verdict {
			return map[string]worker.Verdict{"stop": worker.Stop, "crash": worker.Crash}[q.(Act).Op]
		},
	}
	p := &player{free: free}
	worker.Handle(d, func(ctx context.Context, _ chan string, q Act) (string, error) { return "", p.behave(ctx, q.Op) })
	table := worker.NewSource(d, func(ctx context.Context, s chan string) (worker.Post[Stage], error) {
		select {
		case op := <-s:
			switch op {
			case "ended":
				return nil, io.EOF
			case "broken":
				return nil, errors.New("no more")
			case "late":
				op = "deaf"
			}
			return Act{Op: op}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}, c)
	for _, name := range names {
		w, err := table.Launch(context.Background(), name, 0)
		if err != nil {
			t.Fatal(err)
		}
		e.refs[name] = w
	}
	t.Cleanup(func() {
		if err := table.Close(context.Background()); err != nil {
			t.Error(err)
		}
		close(free)
	})
	return e
}

// TestW33EscalationToAWorker: a worker that owns a table crashes with it, and its
// next life has a new one; when that is too often, its own owner is told.
func TestW33EscalationToAWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type owner struct {
			table *worker.Table[string, int, worker.Queue[Stage]]
			child worker.Queue[Stage]
		}
		p := &player{free: make(chan struct{})}
		children := &worker.Def[Stage, string, int, int]{
			Launch: func(context.Context, worker.Self[Stage], string, int) (int, error) { return 0, nil },
		}
		worker.Handle(children, func(ctx context.Context, _ int, q Act) (string, error) { return "", p.behave(ctx, q.Op) })
		owners := &worker.Def[Stage, string, int, *owner]{
			Launch: func(ctx context.Context, self worker.Self[Stage], _ string, _ int) (*owner, error) {
				o := &owner{table: worker.NewQueue(children, worker.Config{
					Restart: life.Policy{Min: -1, Burst: 2}, Strategy: worker.AllForOne, Escalate: self.Crash,
				})}
				var err error
				if o.child, err = o.table.Launch(ctx, "child", 0); err != nil {
					return nil, err
				}
				_, err = o.table.Launch(ctx, "sibling", 0)
				return o, err
			},
			Close: func(ctx context.Context, o *owner, _ error) error { return o.table.Close(ctx) },
		}
		worker.Handle(owners, func(ctx context.Context, o *owner, q Act) (string, error) { return worker.Call(ctx, o.child, q) })
		var told []error
		table := worker.NewQueue(owners, worker.Config{
			Restart: life.Policy{Min: -1, Burst: 2}, Escalate: func(err error) { told = append(told, err) },
		})
		w, err := table.Launch(t.Context(), "owner", 0)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 4 { // two ends open the child's circuit, two of those the owner's
			_, err := worker.Call(t.Context(), w, Act{Op: "panic"})
			if ganger.OutcomeOf(err) != ganger.Crashed {
				t.Fatalf("call %d: %v, want crashed", i, err)
			}
			synctest.Wait()
			if _, n := w.Status(); int(n) != 1+min(i+1, 3)/2 {
				t.Errorf("after crash %d the owner is in life %d", i+1, n)
			}
		}
		select {
		case <-w.Done():
		default:
			t.Error("the owner lives on")
		}
		if len(told) != 1 || !strings.Contains(told[0].Error(), "on owner#2") || !strings.Contains(told[0].Error(), "on child#2") {
			t.Errorf("its own owner was told %v, want once, of owner#2 and of child#2", told)
		}
		if last := table.Dead(); len(last) != 2 || last[1].Exit.Reason != ganger.LeavingPanic {
			t.Errorf("obituaries %+v, want two lives that crashed", last)
		}
		if err := table.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
