package native_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/frame"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/walltest"
)

const roomy = 64 << 10

type perform = func(context.Context, string, wall.Host) (string, error)

var raws = native.Dialect[[]byte, []byte]{Request: native.Bytes(), Response: native.Bytes()}

var text = native.Dialect[string, string]{Request: native.JSON[string](), Response: native.JSON[string]()}

// serving is a worker that performs with f.
func serving(slots int, f perform) func(*walltest.Far) error {
	return func(s *walltest.Far) error {
		return native.Serve(s, slots, native.JSON[string](), native.JSON[string](), f)
	}
}

func upper(_ context.Context, q string, _ wall.Host) (string, error) { return strings.ToUpper(q), nil }

// slotted runs a test with one slot and with several, which are different code.
func slotted(t *testing.T, f func(t *testing.T, slots int)) {
	for _, slots := range []int{1, 4} {
		t.Run(fmt.Sprintf("%d slots", slots), func(t *testing.T) { f(t, slots) })
	}
}

func TestRequestsAreAnswered(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		i, _ := walltest.Open(t, text, roomy, serving(slots, upper))
		if i.Slots() != slots {
			t.Errorf("%d slots, want %d", i.Slots(), slots)
		}
		for n := range 40 {
			q := strings.Repeat("é<&>", n*n*n/3)
			got, err := walltest.Do(t, i, q)
			if err != nil || got != strings.ToUpper(q) {
				t.Fatalf("request %d: %.40q, %v", n, got, err)
			}
		}
	})
}

func TestAnErrorIsTheWorkersWord(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		i, _ := walltest.Open(t, text, roomy, serving(slots, func(_ context.Context, q string, _ wall.Host) (string, error) {
			switch q {
			case "unhandled":
				return "", &ganger.Error{Outcome: ganger.Failed, Cause: ganger.CauseUnhandled}
			case "traced":
				return "", &native.Failure{Message: "no", Trace: "line 7"}
			}
			return "", errors.New("disk full: " + q)
		}))
		_, err := walltest.Do(t, i, "x")
		walltest.EndedAs(t, err, ganger.Failed, "")
		if !strings.HasSuffix(err.Error(), "disk full: x") {
			t.Errorf("err = %v, want the worker's words", err)
		}
		_, err = walltest.Do(t, i, "traced")
		walltest.EndedAs(t, err, ganger.Failed, "")
		if f, ok := errors.AsType[*native.Failure](err); !ok || f.Message != "no" || f.Trace != "line 7" {
			t.Errorf("err = %#v, want the message and the trace", err)
		}
		_, err = walltest.Do(t, i, "unhandled")
		walltest.EndedAs(t, err, ganger.Failed, ganger.CauseUnhandled)
	})
}

func TestT24PanicIsToldWithItsStack(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		i, l := walltest.Open(t, text, roomy, serving(slots, func(context.Context, string, wall.Host) (string, error) {
			panic("the sky fell")
		}))
		_, err := walltest.Do(t, i, "x")
		walltest.EndedAs(t, err, ganger.Crashed, ganger.CausePanic)
		e, _ := errors.AsType[*ganger.Error](err)
		if !strings.Contains(err.Error(), "the sky fell") || e.Worker != "w#1" {
			t.Errorf("err = %v, want the message of the panic and the worker", err)
		}
		if e.Exit == nil || e.Exit.Reason != ganger.LeavingPanic || !strings.Contains(e.Exit.Stack, "TestT24") {
			t.Errorf("exit = %+v, want the stack of the panic", e.Exit)
		}
		walltest.Await(t, l.Gone(), "the worker to end of its panic")
		if _, err := walltest.Do(t, i, "y"); err != wall.ErrUnsent {
			t.Errorf("the next request: %v, want %v", err, wall.ErrUnsent)
		}
	})
}

func TestT25UnencodableRequestIsRejected(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		d := native.Dialect[any, string]{Request: native.JSON[any](), Response: native.JSON[string]()}
		i, l := walltest.Open(t, d, roomy, serving(slots, upper))
		for range 3 * slots { // its slot is free again
			_, err := walltest.Do(t, i, any(func() {}))
			walltest.EndedAs(t, err, ganger.Rejected, ganger.CauseEncode)
		}
		if got, err := walltest.Do(t, i, any("still here")); got != "STILL HERE" || err != nil {
			t.Errorf("the next request: %q, %v", got, err)
		}
		if l.Exit().Reason != "" {
			t.Errorf("the innocent worker has ended: %+v", l.Exit())
		}
	})
}

func TestT26UnencodableResponseIsAFailure(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		worker := func(s *walltest.Far) error {
			return native.Serve(s, slots, native.JSON[string](), native.JSON[any](),
				func(_ context.Context, q string, _ wall.Host) (any, error) {
					if q == "bad" {
						return make(chan int), nil
					}
					return q, nil
				})
		}
		i, _ := walltest.Open(t, text, roomy, worker)
		for range 3 * slots {
			_, err := walltest.Do(t, i, "bad")
			walltest.EndedAs(t, err, ganger.Failed, ganger.CauseEncode)
		}
		if got, err := walltest.Do(t, i, "good"); got != "good" || err != nil {
			t.Errorf("the next request: %q, %v", got, err)
		}
	})
}

// TestAResponseOfAnotherType: the frame is sound, the value is not what the
// coordinator wants; that is the work's failure too.
func TestAResponseOfAnotherType(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		d := native.Dialect[string, int]{Request: native.JSON[string](), Response: native.JSON[int]()}
		i, _ := walltest.Open(t, d, roomy, serving(slots, upper))
		for range 2 {
			_, err := walltest.Do(t, i, "seven")
			walltest.EndedAs(t, err, ganger.Failed, ganger.CauseEncode)
			if !strings.Contains(err.Error(), "SEVEN") {
				t.Errorf("err = %v, want what was seen in it", err)
			}
		}
	})
}

// raw is a worker of bytes: it says hello with so many slots, and then f speaks.
func raw(slots int, f func(s *walltest.Far, in *frame.Reader) error) func(*walltest.Far) error {
	return func(s *walltest.Far) error {
		in := frame.NewReader(s, 1<<30)
		if _, _, err := in.Next(); err != nil {
			return err
		}
		if err := put(s, frame.Header{Kind: frame.Hello}, fmt.Sprintf(`{"version":1,"slots":%d}`, slots)); err != nil {
			return err
		}
		return f(s, in)
	}
}

// put writes one frame.
func put(w io.Writer, h frame.Header, body string) error {
	h.Length = uint32(len(body))
	_, err := w.Write(append(frame.Append(nil, h), body...))
	return err
}

// hang reads until the end of the life.
func hang(in *frame.Reader) error {
	for {
		if _, _, err := in.Next(); err != nil {
			return nil
		}
	}
}

func TestT27BrokenFramesEndTheLife(t *testing.T) {
	for _, c := range []struct {
		name  string
		speak func(s io.Writer, id uint32) error
		want  string
	}{
		{"garbage", func(s io.Writer, _ uint32) error {
			_, err := io.WriteString(s, "Traceback (most recent call last):\n")
			return err
		}, `"Traceback (most`},
		{"oversize", func(s io.Writer, id uint32) error {
			_, err := s.Write(frame.Append(nil, frame.Header{Kind: frame.Response, ID: id, Length: 1 << 20}))
			return err
		}, "1048576 bytes, more than the limit of 65536"},
		{"truncated", func(s io.Writer, id uint32) error {
			b := frame.Append(nil, frame.Header{Kind: frame.Response, ID: id, Length: 100})
			_, err := s.Write(append(append(b, "half of it"...), b...))
			if err == nil {
				_, err = s.Write(make([]byte, 200))
			}
			return err
		}, `"half of it`},
		{"unasked id", func(s io.Writer, id uint32) error {
			return put(s, frame.Header{Kind: frame.Response, ID: id + 1<<16}, `{"value":""}`)
		}, "not in hand"},
		{"kind of a coordinator", func(s io.Writer, id uint32) error {
			return put(s, frame.Header{Kind: frame.Request, ID: id}, `{"value":""}`)
		}, "must not send a request"},
		{"unknown kind", func(s io.Writer, id uint32) error {
			return put(s, frame.Header{Kind: 77, ID: id}, "")
		}, "unknown kind 77"},
		{"error that is no JSON", func(s io.Writer, id uint32) error {
			return put(s, frame.Header{Kind: frame.Error, ID: id}, "oops")
		}, `"oops"`},
		{"obeys what nobody asked", func(s io.Writer, id uint32) error {
			return put(s, frame.Header{Kind: frame.Cancelled, ID: id}, "")
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			slotted(t, func(t *testing.T, slots int) {
				d := text
				d.Limit = 64 << 10
				i, l := walltest.Open(t, d, roomy, raw(slots, func(s *walltest.Far, in *frame.Reader) error {
					h, _, err := in.Next()
					if err == nil {
						err = c.speak(s, h.ID)
					}
					if err != nil {
						return err
					}
					return hang(in)
				}))
				_, err := walltest.Do(t, i, "x")
				walltest.EndedAs(t, err, ganger.Crashed, ganger.CauseProtocol)
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("err = %v, want %q in it", err, c.want)
				}
				walltest.Await(t, l.Gone(), "the life to be ended")
				if x := l.Exit(); x.Reason != ganger.LeavingProtocol || !x.Asked {
					t.Errorf("exit = %+v, want it killed for its protocol", x)
				}
			})
		})
	}
}

// TestT27TruncatedByTheEnd: half a frame and then the end of the stream is told
// by the exit of the life, which says more; a worker that only closed its end is
// killed, and then it is the protocol.
func TestT27TruncatedByTheEnd(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		half := func(s io.Writer, in *frame.Reader) error {
			h, _, err := in.Next()
			if err != nil {
				return err
			}
			h.Kind, h.Length = frame.Response, 100
			_, err = s.Write(frame.Append(nil, h))
			return err
		}
		i, _ := walltest.Open(t, text, roomy, raw(slots, func(s *walltest.Far, in *frame.Reader) error {
			_ = half(s, in)
			return errors.New("exit 1")
		}))
		_, err := walltest.Do(t, i, "x")
		walltest.EndedAs(t, err, ganger.Crashed, "exit 1")

		w := walltest.NewWorkers(t, roomy, raw(slots, func(s *walltest.Far, in *frame.Reader) error {
			_ = half(s, in)
			s.CloseWrite()
			return hang(in)
		}))
		i, err = wall.Speak(w, text).Open(t.Context(), wall.Start{Name: "w", Grace: -1})
		if err != nil {
			t.Fatal(err)
		}
		_, err = walltest.Do(t, i, "x")
		walltest.EndedAs(t, err, ganger.Crashed, ganger.CauseProtocol)
	})
}
