package native_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/walltest"
)

type settling struct {
	walltest.Pipes
	in, out chan struct{}
}
type settlingStream struct {
	*walltest.Near
	w settling
}

func (w settling) Open(ctx context.Context, st wall.Start) (wall.Stream, error) {
	s, err := w.Pipes.Open(ctx, st)
	if err != nil {
		return nil, err
	}
	return settlingStream{s.(*walltest.Near), w}, nil
}
func (s settlingStream) Settle() { close(s.w.in); <-s.w.out }

// TestStartWhileTheReaderSettles: what is started while the reader waits for the
// words about a failure reaches the worker.
func TestStartWhileTheReaderSettles(t *testing.T) {
	got := make(chan string, 9)
	w := settling{in: make(chan struct{}), out: make(chan struct{}), Pipes: walltest.Pipes{Worker: func(_ wall.Start, f *walltest.Far) ganger.Exit {
		_ = native.Serve(f, 8, native.Bytes(), native.Bytes(), func(ctx context.Context, q []byte, h wall.Host) ([]byte, error) {
			got <- string(q)
			if string(q) == "fail" {
				return nil, errors.New("no")
			}
			<-ctx.Done()
			return nil, ctx.Err()
		})
		return ganger.Exit{}
	}}}
	i, err := wall.Speak(w, native.Dialect[[]byte, []byte]{Request: native.Bytes(), Response: native.Bytes(), Slots: 8}).Open(t.Context(), wall.Start{Name: "w", Incarnation: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"b", "d", "e", "fail"} {
		i.Start([]byte(q), &walltest.NewCall[[]byte](nil).Call)
		<-got
	}
	<-w.in
	i.Start([]byte("late"), &walltest.NewCall[[]byte](nil).Call)
	select {
	case <-got:
	case <-time.After(time.Minute):
		t.Error("a request that was started while the reader settles is kept back as long")
	}
	close(w.out)
	i.Kill("stopped")
}
