package wall_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// still is a stream that lives until it is killed.
type still struct {
	gone chan struct{}
	why  atomic.Pointer[ganger.Leaving]
}

func newStill() *still { return &still{gone: make(chan struct{})} }

func (s *still) ID() string                  { return "still" }
func (s *still) Gone() <-chan struct{}       { return s.gone }
func (s *still) Usage() wall.Usage           { return wall.Usage{} }
func (s *still) Read([]byte) (int, error)    { <-s.gone; return 0, errors.New("gone") }
func (s *still) Write(b []byte) (int, error) { return len(b), nil }
func (s *still) Close() error                { return nil }

func (s *still) Exit() ganger.Exit {
	if why := s.why.Load(); why != nil {
		return ganger.Exit{Reason: *why, Asked: true, Stderr: "last words\n"}
	}
	return ganger.Exit{}
}

func (s *still) Kill(why ganger.Leaving) {
	if s.why.CompareAndSwap(nil, &why) {
		close(s.gone)
	}
}

func (s *still) Stop(_ context.Context, why ganger.Leaving) { s.Kill(why) }

// one is a wall of a given stream.
type one struct{ s *still }

func (o one) Traits() wall.Traits                                   { return wall.Traits{Name: "one", Command: "tool --x"} }
func (o one) Open(context.Context, wall.Start) (wall.Stream, error) { return o.s, nil }

// dialect makes a session of a Serial.
type dialect struct {
	wall.Serial[string, string]
	hello func(context.Context) error
}

func (d dialect) Hello(ctx context.Context, s wall.Stream, _ wall.Start) (wall.Session[string, string], error) {
	if d.hello != nil {
		if err := d.hello(ctx); err != nil {
			return nil, err
		}
	}
	return d.Over(s), nil
}

func open(t *testing.T, d dialect, st wall.Start) (wall.Instance[string, string], *still) {
	t.Helper()
	s := newStill()
	i, err := wall.Speak[string, string](one{s}, d).Open(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	return i, s
}

var errStop = errors.New("stop")

// cancelled is what tests ask calls to end as.
func cancelled() *ganger.Error {
	return &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseTask, Err: errStop}
}

// recorder is a call that tells its end on a channel.
type recorder struct {
	wall.Call[string]
	ended chan struct{}
}

func (r *recorder) EndCall(*wall.Call[string]) { close(r.ended) }

func record() *recorder {
	r := &recorder{ended: make(chan struct{})}
	r.End = r
	return r
}

func TestSerialInterrupts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop, resyncs := make(chan struct{}, 1), 0
		i, s := open(t, dialect{Serial: wall.Serial[string, string]{
			Exchange: func(q string, _ wall.Host) (string, error) {
				if q == "long" {
					<-stop
					return "", errors.New("interrupted")
				}
				return q, nil
			},
			Interrupt: func() { stop <- struct{}{} },
			Resync:    func() error { resyncs++; return nil },
		}}, wall.Start{Name: "w", Incarnation: 3})
		r := record()
		i.Start("long", &r.Call)
		synctest.Wait()
		i.Cancel(&r.Call, cancelled())
		i.Cancel(&r.Call, &ganger.Error{Outcome: ganger.TimedOut}) // the first word counts
		<-r.ended
		e, _ := errors.AsType[*ganger.Error](r.Err)
		if e == nil || e.Outcome != ganger.Cancelled || e.Worker != "w#3" || !errors.Is(e, errStop) || resyncs != 1 {
			t.Errorf("ended as %v after %d resyncs", r.Err, resyncs)
		}
		if got, err := wall.Do(t.Context(), i, "again", nil); got != "again" || err != nil {
			t.Errorf("the worker obeyed and cannot be used: %q, %v", got, err)
		}
		if s.why.Load() != nil {
			t.Errorf("the life was ended: %v", s.Exit())
		}
	})
}

// TestSerialInterruptStaysInItsExchange: an Interrupt that is under way when its
// exchange ends must not reach the next one.
func TestSerialInterruptStaysInItsExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var exchanges, interrupted atomic.Int32
		answer := make(chan struct{})
		i, _ := open(t, dialect{Serial: wall.Serial[string, string]{
			Exchange: func(q string, _ wall.Host) (string, error) {
				exchanges.Add(1)
				if q == "first" {
					<-answer
				}
				return q, nil
			},
			Interrupt: func() {
				close(answer)           // the exchange ends now
				time.Sleep(time.Second) // and this is still on its way
				interrupted.Store(exchanges.Load())
			},
		}}, wall.Start{})
		first := record()
		i.Start("first", &first.Call)
		synctest.Wait()
		go i.Cancel(&first.Call, cancelled())
		<-first.ended
		if first.Err != nil || first.Response != "first" {
			t.Errorf("a response that came all the same: %q, %v", first.Response, first.Err)
		}
		if _, err := wall.Do(t.Context(), i, "second", nil); err != nil {
			t.Error(err)
		}
		if got := interrupted.Load(); got != 1 {
			t.Errorf("the interrupt hit exchange %d, want 1", got)
		}
	})
}

func TestCancelWithoutSoftMeansEndsTheLife(t *testing.T) {
	for _, tt := range []struct {
		as   *ganger.Error
		want ganger.Leaving
	}{
		{cancelled(), ganger.LeavingCancelled},
		{&ganger.Error{Outcome: ganger.TimedOut, Cause: ganger.CauseExec}, ganger.LeavingExecTimeout},
	} {
		synctest.Test(t, func(t *testing.T) {
			var s *still
			i, s := open(t, dialect{Serial: wall.Serial[string, string]{
				Exchange: func(string, wall.Host) (string, error) {
					<-s.gone
					return "", wall.ErrGone
				},
			}}, wall.Start{Name: "w"})
			r := record()
			i.Start("q", &r.Call)
			synctest.Wait()
			i.Cancel(&r.Call, tt.as)
			<-r.ended
			e, _ := errors.AsType[*ganger.Error](r.Err)
			if e == nil || e.Outcome != tt.as.Outcome || e.Cause != tt.as.Cause || e.Exit == nil || e.Exit.Reason != tt.want {
				t.Errorf("ended as %+v, want %v with the exit %s", r.Err, tt.as, tt.want)
			}
		})
	}
}

func TestCancelBeforeStartIsRemembered(t *testing.T) {
	i, _ := open(t, dialect{Serial: wall.Serial[string, string]{
		Exchange: func(string, wall.Host) (string, error) {
			t.Error("the request was sent")
			return "", nil
		},
	}}, wall.Start{})
	r := record()
	i.Cancel(&r.Call, cancelled())
	i.Start("q", &r.Call)
	<-r.ended
	if ganger.OutcomeOf(r.Err) != ganger.Cancelled {
		t.Errorf("ended as %v", r.Err)
	}
}

func TestWhatASessionSaysIsTranslated(t *testing.T) {
	for _, tt := range []struct {
		name    string
		say     error
		outcome ganger.Outcome
		cause   ganger.Cause
		is      error
		killed  ganger.Leaving
	}{
		{"the worker's words", errors.New("no such file"), ganger.Failed, "", nil, ""},
		{"an error with its own outcome", &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseEncode}, ganger.Rejected, ganger.CauseEncode, nil, ""},
		{"broken", wall.ErrBroken, ganger.Crashed, ganger.CauseProtocol, wall.ErrBroken, ganger.LeavingProtocol},
		{"gone, and lives on", wall.ErrGone, ganger.Crashed, ganger.CauseProtocol, nil, ganger.LeavingProtocol},
		{"yielded without being asked", wall.ErrYielded, ganger.Crashed, ganger.CauseProtocol, wall.ErrBroken, ganger.LeavingProtocol},
		{"early", wall.ErrEarly, ganger.Failed, "", wall.ErrUnsent, ganger.LeavingProtocol},
		{"unsent", wall.ErrUnsent, ganger.Failed, "", wall.ErrUnsent, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i, s := open(t, dialect{Serial: wall.Serial[string, string]{
					Exchange: func(string, wall.Host) (string, error) { return "", tt.say },
				}}, wall.Start{Name: "w"})
				_, err := wall.Do(t.Context(), i, "q", nil)
				if ganger.OutcomeOf(err) != tt.outcome || ganger.CauseOf(err) != tt.cause || tt.is != nil && !errors.Is(err, tt.is) {
					t.Errorf("ended as %v (%v), want %v (%v)", err, ganger.CauseOf(err), tt.outcome, tt.cause)
				}
				if got := s.Exit().Reason; got != tt.killed {
					t.Errorf("the life was ended for %q, want %q", got, tt.killed)
				}
			})
		})
	}
}

func TestDoEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *still
		i, s := open(t, dialect{Serial: wall.Serial[string, string]{
			Exchange: func(string, wall.Host) (string, error) { <-s.gone; return "", wall.ErrGone },
		}}, wall.Start{})
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour, errStop)
		defer cancel()
		began := time.Now()
		_, err := wall.Do(ctx, i, "q", nil)
		if ganger.CauseOf(err) != ganger.CauseWithdrawn || !errors.Is(err, errStop) || time.Since(began) > time.Hour+wall.DefaultGrace {
			t.Errorf("ended as %v after %v", err, time.Since(began))
		}
	})
}

func TestHelloThatHangsOrFails(t *testing.T) {
	late := errors.New("not ready within 5s")
	for _, tt := range []struct {
		name  string
		hello func(context.Context, *still) error
		words []string
	}{
		{"hangs", func(_ context.Context, s *still) error { <-s.gone; return wall.ErrGone }, []string{"tool --x", "not ready within 5s", "last words"}},
		{"refuses", func(context.Context, *still) error { return errors.New("speaks version 2") }, []string{"tool --x", "speaks version 2", "start-failed"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStill()
				ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Second, late)
				defer cancel()
				d := dialect{hello: func(ctx context.Context) error { return tt.hello(ctx, s) }}
				_, err := wall.Speak[string, string](one{s}, d).Open(ctx, wall.Start{Name: "w", Incarnation: 2})
				if _, ok := errors.AsType[*wall.StartError](err); !ok {
					t.Fatalf("%v is no StartError", err)
				}
				for _, word := range append(tt.words, "w#2") {
					if !strings.Contains(err.Error(), word) {
						t.Errorf("the error does not tell %q: %v", word, err)
					}
				}
				if s.why.Load() == nil {
					t.Error("the stream was left behind")
				}
			})
		})
	}
}
