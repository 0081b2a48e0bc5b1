package native_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/ganger-dev/ganger/internal/frame"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/walltest"
)

func TestSlotsAreTheSmallerNumber(t *testing.T) {
	for _, c := range []struct{ offered, wanted, want int }{{4, 0, 4}, {4, 2, 2}, {1, 8, 1}, {0, 8, 1}, {1 << 20, 0, 1 << 12}} {
		d := text
		d.Slots = c.wanted
		i, _ := walltest.Open(t, d, roomy, raw(c.offered, func(_ *walltest.Far, in *frame.Reader) error { return hang(in) }))
		if i.Slots() != c.want {
			t.Errorf("offered %d, wanted %d: %d slots, want %d", c.offered, c.wanted, i.Slots(), c.want)
		}
	}
}

func TestT45HelloMismatch(t *testing.T) {
	speak := func(f func(*walltest.Far) error) error {
		_, err := wall.Speak(walltest.NewWorkers(t, roomy, f), text).Open(t.Context(), wall.Start{Name: "w"})
		if err == nil {
			t.Fatal("a worker that cannot be understood was opened")
		}
		return err
	}
	says := func(what string) func(*walltest.Far) error {
		return func(s *walltest.Far) error {
			_, err := io.WriteString(s, what)
			_, _ = io.Copy(io.Discard, s)
			return err
		}
	}
	greets := func(body string) func(*walltest.Far) error {
		h := frame.Append(nil, frame.Header{Kind: frame.Hello, Length: uint32(len(body))})
		return says(string(h) + body)
	}

	err := speak(greets(`{"version":2,"slots":1}`))
	if v, ok := errors.AsType[*native.VersionError](err); !ok || v.Worker != 2 || v.Coordinator != 1 {
		t.Errorf("another version: %v, want a *VersionError", err)
	}
	err = speak(says("Welcome to the worker!\n"))
	if !errors.Is(err, wall.ErrBroken) || !strings.Contains(err.Error(), `"Welcome`) {
		t.Errorf("text: %v, want %v and the text", err, wall.ErrBroken)
	}
	err = speak(greets("version 1, please"))
	if !errors.Is(err, wall.ErrBroken) || !strings.Contains(err.Error(), "version 1, please") {
		t.Errorf("a hello that is no JSON: %v", err)
	}
	err = speak(greets(`{"version":1,"format":"cbor"}`))
	if err == nil || !strings.Contains(err.Error(), `"cbor"`) {
		t.Errorf("another format: %v", err)
	}
	err = speak(func(s *walltest.Far) error {
		_ = put(s, frame.Header{Kind: frame.Error}, `{"message":"no model at /models/x"}`)
		return errors.New("exit 1")
	})
	if _, ok := errors.AsType[*native.Failure](err); !ok || !strings.Contains(err.Error(), "no model at /models/x") {
		t.Errorf("a worker that says why it cannot start: %v", err)
	}
	err = speak(func(*walltest.Far) error { return errors.New("exit 1") })
	if !strings.Contains(err.Error(), "before it was ready") {
		t.Errorf("a worker that exits at once: %v", err)
	}
}

// TestT45SilenceEndsWithTheContext: the time for a hello is the caller's, and
// nothing is left when it is over.
func TestT45SilenceEndsWithTheContext(t *testing.T) {
	late := errors.New("start time-out")
	ctx, cancel := context.WithCancelCause(t.Context())
	w := walltest.NewWorkers(t, roomy, func(s *walltest.Far) error {
		cancel(late) // it has begun, and will never speak
		_, err := io.Copy(io.Discard, s)
		return err
	})
	_, err := wall.Speak(w, text).Open(ctx, wall.Start{Name: "w"})
	if !errors.Is(err, late) {
		t.Errorf("err = %v, want %v", err, late)
	}
	walltest.Await(t, w.Last().Gone(), "the silent worker to be ended")
}

// TestT45WorkerOfAnotherVersion: the worker's side says so too.
func TestT45WorkerOfAnotherVersion(t *testing.T) {
	l, far := walltest.Pipe(roomy)
	if err := put(l, frame.Header{Kind: frame.Hello}, `{"version":9}`); err != nil {
		t.Fatal(err)
	}
	err := serving(1, upper)(far)
	if v, ok := errors.AsType[*native.VersionError](err); !ok || v.Worker != 1 || v.Coordinator != 9 {
		t.Errorf("err = %v, want a *VersionError", err)
	}
	if _, body, err := frame.NewReader(l, 1000).Next(); err != nil || !strings.Contains(string(body), `"version":1`) {
		t.Errorf("it said %q, %v; want its own version", body, err)
	}
}
