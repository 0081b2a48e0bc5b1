package worker_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/worker"
)

// TestNothingIsKept: a worker that is dead for good keeps nothing alive, nor a
// living one a request that is over.
func TestNothingIsKept(t *testing.T) {
	type big struct{ _ [1 << 16]byte }
	t.Run("parameters", func(t *testing.T) {
		d := &worker.Def[Script, string, *big, *big]{
			Launch: func(_ context.Context, _ worker.Self[Script], _ string, p *big) (*big, error) { return p, nil },
			OnIdle: func(context.Context, *big) {},
		}
		worker.Handle(d, func(context.Context, *big, Note) (int, error) { return 0, nil })
		table := worker.NewQueue(d, worker.Config{Idle: time.Hour, Limit: time.Hour})
		p := new(big)
		held := weak.Make(p)
		w, err := table.Launch(t.Context(), "a", p)
		must(t, "launch", err)
		_, err = worker.Call(t.Context(), w, Note{})
		must(t, "call", err)
		must(t, "stop", w.Stop(t.Context()))
		p, w = nil, worker.Queue[Script]{}
		runtime.GC()
		runtime.GC()
		if held.Value() != nil {
			t.Error("a dead worker is held until its clocks run out")
		}
		must(t, "close", table.Close(t.Context()))
	})
	t.Run("request that waited for room", func(t *testing.T) {
		table := worker.NewBounded(script(), 1, worker.Config{})
		closing(t, table)
		w := launch(t, table, "a")
		gate := make(chan struct{})
		must(t, "push", w.TryPush(Do{F: func(context.Context, *diary) (int, error) { <-gate; return 0, nil }}))
		for w.Describe().PendingLen > 0 {
			runtime.Gosched()
		}
		must(t, "push", w.TryPush(Note{}))
		var held weak.Pointer[big]
		pushed := make(chan error, 1)
		go func() {
			p := new(big)
			held = weak.Make(p)
			pushed <- w.Push(context.Background(), Do{F: func(context.Context, *diary) (int, error) {
				runtime.KeepAlive(p)
				return 0, nil
			}})
		}()
		for w.Describe().Extra["blocked"] == nil {
			runtime.Gosched()
		}
		close(gate)
		must(t, "push", <-pushed)
		_, err := worker.Call(t.Context(), w, Note{})
		must(t, "call", err)
		runtime.GC()
		runtime.GC()
		if held.Value() != nil {
			t.Error("a request that waited for room is kept after its end")
		}
	})
}

// nosy is a name that looks at what it names while it is printed.
type nosy struct{ look *func() }

func (n nosy) String() string {
	if *n.look != nil {
		(*n.look)()
	}
	return "nosy"
}

// TestNamesArePrintedWithoutALock: String of a name may use its table and its
// worker.
func TestNamesArePrintedWithoutALock(t *testing.T) {
	d := &worker.Def[Script, nosy, struct{}, struct{}]{
		Launch: func(context.Context, worker.Self[Script], nosy, struct{}) (struct{}, error) { return struct{}{}, nil },
	}
	worker.Handle(d, func(context.Context, struct{}, Note) (int, error) { panic("ouch") })
	table := worker.NewQueue(d, worker.Config{Restart: once, Hub: watched(t)})
	name := nosy{new(func())}
	*name.look = func() {
		if w, ok := table.Find(name); ok {
			w.Status()
		}
	}
	w, err := table.Launch(t.Context(), name, struct{}{})
	must(t, "launch", err)
	if _, err := table.Launch(t.Context(), name, struct{}{}); !errors.Is(err, worker.ErrNameTaken) {
		t.Errorf("launched twice: %v", err)
	}
	w.Describe()
	_, err = worker.Call(t.Context(), w, Note{})
	wantEnd(t, "the call", err, ganger.Crashed, ganger.CausePanic)
	must(t, "close", table.Close(t.Context()))
}

// watched returns a hub whose events somebody reads.
func watched(t *testing.T) *inspect.Hub {
	t.Helper()
	hub := &inspect.Hub{}
	ctx, cancel := context.WithCancel(context.Background())
	events, over := hub.Events(ctx), make(chan struct{})
	go func() {
		defer close(over)
		for range events {
		}
	}()
	t.Cleanup(func() { cancel(); <-over })
	return hub
}

// curious is an error that looks at its worker while it is printed.
type curious struct{ look func() }

func (c curious) Error() string {
	c.look()
	return "curious"
}

// TestErrorsArePrintedWithoutALock: Error of whatever ends a worker may use that
// worker.
func TestErrorsArePrintedWithoutALock(t *testing.T) {
	for name, end := range map[string]func(w scriptQueue, why error){
		"trigger": func(w scriptQueue, why error) { w.Trigger(why) },
		"panic": func(w scriptQueue, why error) {
			_ = w.Push(Do{F: func(context.Context, *diary) (int, error) { panic(why) }})
		},
		"crash": func(w scriptQueue, why error) {
			_ = w.Push(Do{F: func(_ context.Context, s *diary) (int, error) { s.self.Crash(why); return 0, nil }})
		},
		"verdict stop": func(w scriptQueue, why error) {
			_ = w.Push(Do{F: func(context.Context, *diary) (int, error) { return 1, why }})
		},
		"verdict crash": func(w scriptQueue, why error) {
			_ = w.Push(Do{F: func(context.Context, *diary) (int, error) { return 2, why }})
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := script()
			d.OnError = func(_ context.Context, _ *diary, _ worker.Post[Script], _ error) worker.Verdict {
				if name == "verdict stop" {
					return worker.Stop
				}
				return worker.Crash
			}
			w := queue(t, d, worker.Config{Restart: once, Hub: watched(t)})
			end(w, curious{func() { w.Status() }})
			<-w.Done()
		})
	}
}

// wedged is a request whose view never comes.
type wedged struct {
	worker.In[Script, int]
	gate chan struct{}
}

func (q wedged) LogValue() slog.Value {
	<-q.gate
	return slog.StringValue("seen")
}

// gone is a request whose view ends its goroutine.
type gone struct{ worker.In[Script, int] }

func (gone) LogValue() slog.Value {
	runtime.Goexit()
	return slog.Value{}
}

// TestViewsDoNotHoldUpTheEnd: a request that cannot be seen keeps no worker from
// ending.
func TestViewsDoNotHoldUpTheEnd(t *testing.T) {
	for name, q := range map[string]worker.Post[Script]{"wedged": wedged{}, "gone": gone{}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := script()
				gate := make(chan struct{})
				if _, ok := q.(wedged); ok {
					q = wedged{gate: gate}
				}
				worker.Handle(d, func(context.Context, *diary, wedged) (int, error) { panic("ouch") })
				worker.Handle(d, func(context.Context, *diary, gone) (int, error) { panic("ouch") })
				w := queue(t, d, worker.Config{Restart: once})
				must(t, "push", w.Push(q))
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				must(t, "stop", w.Stop(ctx))
				close(gate)
			})
		})
	}
}

// TestFindOneselfWhileLeaving: Close that would wait for its own worker's name is
// told so.
func TestFindOneselfWhileLeaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table *worker.Table[string, start, scriptQueue]
		d := script()
		begun := time.Now()
		d.Close = func(ctx context.Context, _ *diary, _ error) error {
			_, _, err := table.LaunchOrFind(ctx, "a", nil)
			if !errors.Is(err, worker.ErrSelf) {
				t.Errorf("found oneself: %v after %v", err, time.Since(begun))
			}
			return nil
		}
		table = worker.NewQueue(d, worker.Config{})
		w := launch(t, table, "a")
		must(t, "stop", w.Stop(t.Context()))
		must(t, "close", table.Close(t.Context()))
	})
}
