package behind_test

import (
	"context"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/worker"
)

// BenchmarkCall stands beside calls of such a process without package worker.
func BenchmarkCall(b *testing.B) {
	for _, c := range []struct {
		name string
		ctx  func(b *testing.B) context.Context
	}{
		{"background", func(*testing.B) context.Context { return context.Background() }},
		{"cancellable", func(b *testing.B) context.Context { return b.Context() }},
	} {
		b.Run(c.name+"/wall", func(b *testing.B) {
			w := wall.Speak(processes("adder"), native.Dialect[add, int]{Request: native.JSON[add](), Response: native.JSON[int]()})
			i, err := w.Open(b.Context(), wall.Start{Name: "adder", Incarnation: 1})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { i.Stop(context.Background(), ganger.LeavingStopped) })
			call := c.ctx(b)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := wall.Do(call, i, add{N: 1}, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/worker", func(b *testing.B) {
			t := worker.NewQueue(bareTills(), bed{process: true}.config(worker.Config{}, "bare"))
			w, err := t.Launch(b.Context(), "a", opening{})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = t.Close(context.Background()) })
			call := c.ctx(b)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := worker.Call(call, w, add{N: 1}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// bareTills only add, and have no callbacks.
func bareTills() *worker.Def[till, string, opening, *drawer] {
	d := &worker.Def[till, string, opening, *drawer]{
		Launch: func(context.Context, worker.Self[till], string, opening) (*drawer, error) { return &drawer{}, nil },
	}
	worker.Handle(d, func(_ context.Context, s *drawer, q add) (int, error) {
		s.sum += q.N
		return s.sum, nil
	})
	return d
}
