package worker_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/worker"
)

// The program bench/worker measures the same beside a channel and other
// libraries; these are for profiles and for comparing two versions.

type benched struct{}

type (
	benchedAsk struct {
		worker.In[benched, int]
		N int
	}
	benchedDie struct{ worker.In[benched, int] }
	// benchedWait keeps the worker busy until the channel is closed.
	benchedWait struct {
		worker.In[benched, struct{}]
		begun chan<- struct{}
		until <-chan struct{}
	}
)

func benchedDef() *worker.Def[benched, int, struct{}, struct{}] {
	d := &worker.Def[benched, int, struct{}, struct{}]{
		Launch: func(context.Context, worker.Self[benched], int, struct{}) (struct{}, error) { return struct{}{}, nil },
	}
	worker.Handle(d, func(_ context.Context, _ struct{}, q benchedAsk) (int, error) { return q.N, nil })
	worker.Handle(d, func(context.Context, struct{}, benchedDie) (int, error) { panic("as asked") })
	worker.Handle(d, func(_ context.Context, _ struct{}, q benchedWait) (struct{}, error) {
		close(q.begun)
		<-q.until
		return struct{}{}, nil
	})
	return d
}

// benchedQueue launches one worker that lives as long as the benchmark.
func benchedQueue(b *testing.B, c worker.Config) worker.Queue[benched] {
	b.Helper()
	t := worker.NewQueue(benchedDef(), c)
	b.Cleanup(func() {
		if err := t.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
	w, err := t.Launch(b.Context(), 0, struct{}{})
	if err != nil {
		b.Fatal(err)
	}
	return w
}

// BenchmarkCall stands beside a round trip over an unbuffered channel.
func BenchmarkCall(b *testing.B) {
	b.Run("channel", func(b *testing.B) {
		b.ReportAllocs()
		there, back := make(chan int), make(chan int)
		go func() { // ends with there
			for n := range there {
				back <- n
			}
		}()
		for b.Loop() {
			there <- 1
			<-back
		}
		close(there)
	})
	cancellable := b.Context()
	for _, c := range []struct {
		name   string
		ctx    context.Context
		config worker.Config
	}{
		{"background", context.Background(), worker.Config{}},
		{"cancellable", cancellable, worker.Config{}},
		{"limit", context.Background(), worker.Config{Limit: time.Minute}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			w := benchedQueue(b, c.config)
			for b.Loop() {
				if _, err := worker.Call(c.ctx, w, benchedAsk{N: 1}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPush(b *testing.B) {
	for _, c := range []struct {
		name      string
		producers int
	}{{"one", 1}, {"eight", 8}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			w := benchedQueue(b, worker.Config{})
			var pushed sync.WaitGroup
			for range c.producers {
				pushed.Go(func() {
					for i := range (b.N + c.producers - 1) / c.producers {
						if err := w.Push(benchedAsk{N: i}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			pushed.Wait()
			if _, err := worker.Call(b.Context(), w, benchedAsk{}); err != nil { // behind all that was pushed
				b.Error(err)
			}
		})
	}
}

// BenchmarkPut puts to a worker that is busy, so that all but the first are merged.
func BenchmarkPut(b *testing.B) {
	for _, c := range []struct {
		name  string
		merge func(pending, incoming worker.Post[benched]) worker.Post[benched]
	}{
		{"newest", nil},
		{"merge", func(pending, incoming worker.Post[benched]) worker.Post[benched] {
			p, ok := pending.(benchedAsk)
			if i := incoming.(benchedAsk); !ok || i.N > p.N {
				return i
			}
			return pending
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			t := worker.NewLatest(benchedDef(), c.merge, worker.Config{})
			w, err := t.Launch(b.Context(), 0, struct{}{})
			if err != nil {
				b.Fatal(err)
			}
			begun, until := make(chan struct{}), make(chan struct{})
			if err := w.Put(benchedWait{begun: begun, until: until}); err != nil {
				b.Fatal(err)
			}
			<-begun
			n := 0
			for b.Loop() {
				n++
				if err := w.Put(benchedAsk{N: n}); err != nil {
					b.Fatal(err)
				}
			}
			close(until)
			if err := t.Close(context.Background()); err != nil {
				b.Error(err)
			}
		})
	}
}

// BenchmarkRestart has a life crash and the next answer.
func BenchmarkRestart(b *testing.B) {
	b.ReportAllocs()
	w := benchedQueue(b, worker.Config{Restart: life.Policy{Min: -1, Burst: -1, StartFails: -1}})
	for b.Loop() {
		if _, err := worker.Call(b.Context(), w, benchedDie{}); ganger.OutcomeOf(err) != ganger.Crashed {
			b.Fatalf("after a panic: %v", err)
		}
		if _, err := worker.Call(context.Background(), w, benchedAsk{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLaunch(b *testing.B) {
	b.ReportAllocs()
	t := worker.NewQueue(benchedDef(), worker.Config{})
	i := 0
	for b.Loop() {
		i++
		if _, err := t.Launch(context.Background(), i, struct{}{}); err != nil {
			b.Fatal(err)
		}
	}
	if err := t.Close(context.Background()); err != nil {
		b.Error(err)
	}
}
