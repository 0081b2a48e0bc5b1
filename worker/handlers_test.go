package worker_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/worker"
)

func goexit() { runtime.Goexit() }

// refused is an error of a handler's own type.
type refused struct{ code int }

func (r refused) Error() string { return "refused" }

// failing is a request that fails in order.
func failing(code int) Do {
	return Do{F: func(context.Context, *diary) (int, error) { return 5, refused{code} }}
}

// TestW16VerdictOnAnError: the caller gets the handler's own error; the verdict
// says how the worker goes on, and holds when the caller wakes.
func TestW16VerdictOnAnError(t *testing.T) {
	for _, c := range []struct {
		verdict worker.Verdict
		next    ganger.Cause // of the next call
		lives   uint64
		reasons []ganger.Leaving
	}{
		{worker.Continue, "", 1, nil},
		{worker.Stop, ganger.CauseClosed, 1, []ganger.Leaving{ganger.LeavingStopped}},
		{worker.Crash, "", 2, []ganger.Leaving{ganger.LeavingPanic}},
	} {
		t.Run(map[worker.Verdict]string{worker.Continue: "continue", worker.Stop: "stop", worker.Crash: "crash"}[c.verdict], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := script()
				var told []error
				d.OnError = func(_ context.Context, s *diary, q worker.Post[Script], err error) worker.Verdict {
					if _, ok := q.(Do); !ok || s == nil {
						t.Errorf("OnError got %T and %v", q, s)
					}
					told = append(told, err)
					return c.verdict
				}
				var whys []error
				d.Close = func(_ context.Context, _ *diary, why error) error {
					whys = append(whys, why)
					return nil
				}
				table := worker.NewQueue(d, worker.Config{})
				closing(t, table)
				w := launch(t, table, "a")
				must(t, "push", w.Push(Note{N: 1}))
				n, err := worker.Call(t.Context(), w, failing(42))
				if r, ok := err.(refused); !ok || r.code != 42 || n != 5 {
					t.Errorf("the caller got %d, %v (%T); want the handler's own", n, err, err)
				}
				if len(told) != 1 || told[0] != err {
					t.Errorf("OnError was told %v, want %v once", told, err)
				}
				_, next := worker.Call(t.Context(), w, Note{N: 2})
				if ganger.CauseOf(next) != c.next {
					t.Errorf("next call: %v, want %q", next, c.next)
				}
				if c.next != "" && !errors.Is(next, refused{42}) {
					t.Errorf("next call: %v does not say why", next)
				}
				synctest.Wait()
				if _, n := w.Status(); n != c.lives {
					t.Errorf("%d lives, want %d", n, c.lives)
				}
				dead := table.Dead()
				if len(dead) != len(c.reasons) || len(whys) != len(c.reasons) {
					t.Fatalf("obituaries %+v and Close was told %v, want %v", dead, whys, c.reasons)
				}
				for i, o := range dead {
					if o.Exit.Reason != c.reasons[i] || !errors.Is(whys[i], refused{42}) {
						t.Errorf("left %q for %v, want %q for %v", o.Exit.Reason, whys[i], c.reasons[i], err)
					}
				}
			})
		})
	}
}

// TestW17VerdictBeforeTheCallerWakes: a caller that looks at the worker right
// after an error sees the verdict in force, although Close takes its time.
func TestW17VerdictBeforeTheCallerWakes(t *testing.T) {
	for name, verdict := range map[string]worker.Verdict{"stop": worker.Stop, "crash": worker.Crash} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := script()
				d.OnError = func(context.Context, *diary, worker.Post[Script], error) worker.Verdict {
					time.Sleep(time.Second)
					return verdict
				}
				d.Close = func(context.Context, *diary, error) error { time.Sleep(time.Second); return nil }
				w := queue(t, d, worker.Config{Restart: once})
				queued := make(chan error, 1)
				go func() {
					_, err := worker.Call(t.Context(), w, failing(1))
					state, _ := w.Status()
					if err != (refused{1}) || state != ganger.Stopping || len(w.Describe().Current) != 0 {
						t.Errorf("after %v the worker is %v, want it stopping with nothing in hand", err, state)
					}
					queued <- w.Push(Note{})
				}()
				wantEnd(t, "a push right after", <-queued, ganger.Rejected, ganger.CauseClosed)
				if !errors.Is(w.Err(), refused{1}) {
					t.Errorf("Err is %v, want why it ends", w.Err())
				}
			})
		})
	}
}

// TestW18PanicsInEverything: whatever of a definition panics, or ends its
// goroutine, costs one life; callers get an end that says so, and the next life
// works. (Launch's own are W13, Close's W23.)
func TestW18PanicsInEverything(t *testing.T) {
	ouch := errors.New("ouch")
	for _, c := range []struct {
		name  string
		put   func(d *scriptDef, fall func())
		call  func(fall func()) Do
		cause ganger.Cause // of the call
	}{
		{"the handler", nil, func(fall func()) Do {
			return Do{F: func(context.Context, *diary) (int, error) { fall(); return 0, nil }}
		}, ganger.CausePanic},
		{"OnError", func(d *scriptDef, fall func()) {
			d.OnError = func(context.Context, *diary, worker.Post[Script], error) worker.Verdict { fall(); return 0 }
		}, func(func()) Do { return failing(1) }, ganger.CausePanic},
		{"OnDone", func(d *scriptDef, fall func()) {
			d.OnDone = func(_ context.Context, _ *diary, q worker.Post[Script], _, _, _ stamp) {
				if _, ok := q.(Do); ok {
					fall()
				}
			}
		}, func(func()) Do { return Do{F: func(context.Context, *diary) (int, error) { return 0, nil }} }, ""},
		{"OnIdle", func(d *scriptDef, fall func()) {
			d.OnIdle = func(context.Context, *diary) { fall() }
		}, func(func()) Do {
			return Do{F: func(context.Context, *diary) (int, error) { return 0, nil }}
		}, ""},
	} {
		for how, fall := range map[string]func(){"panic": func() { panic(ouch) }, "Goexit": goexit} {
			t.Run(c.name+"/"+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := script()
					fell := false
					once := func() {
						if !fell {
							fell = true
							fall()
						}
					}
					if c.put != nil {
						c.put(d, once)
					}
					table := worker.NewQueue(d, worker.Config{Idle: time.Minute})
					closing(t, table)
					w := launch(t, table, "a")
					_, err := worker.Call(t.Context(), w, c.call(once))
					if ganger.CauseOf(err) != c.cause {
						t.Errorf("the caller got %v, want %q", err, c.cause)
					}
					if e, ok := errors.AsType[*ganger.Error](err); ok {
						if !strings.Contains(e.Exit.Stack, "handlers_test.go") || how == "panic" && !errors.Is(err, ouch) {
							t.Errorf("the caller got %v with the stack %q, want what fell", err, e.Exit.Stack)
						}
					}
					time.Sleep(time.Minute) // for OnIdle
					synctest.Wait()
					if state, n := w.Status(); state != ganger.Idle || n != 2 {
						t.Errorf("life %d is %v, want the second idle", n, state)
					}
					if n, err := worker.Call(t.Context(), w, Note{}); n != 1 || err != nil {
						t.Errorf("the next life: %d, %v", n, err)
					}
					dead := table.Dead()
					if len(dead) != 1 || dead[0].Exit.Reason != ganger.LeavingPanic || dead[0].Exit.Stack == "" {
						t.Errorf("obituaries %+v, want one panic with its stack", dead)
					}
				})
			})
		}
	}
}
