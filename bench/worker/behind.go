package main

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/ganger-dev/ganger/bench/load"
	"github.com/ganger-dev/ganger/bench/turns"
	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
	"github.com/ganger-dev/ganger/worker"
	"github.com/ganger-dev/ganger/worker/behind"
)

// text is what crosses the wall: 64 bytes there and back, in JSON.
type text struct {
	worker.In[echo, string]
	Body string
}

func textDef() *worker.Def[echo, int, struct{}, struct{}] {
	d := &worker.Def[echo, int, struct{}, struct{}]{
		Launch: func(context.Context, worker.Self[echo], int, struct{}) (struct{}, error) { return struct{}{}, nil },
	}
	worker.Handle(d, func(_ context.Context, _ struct{}, q text) (string, error) { return q.Body, nil })
	return d
}

// child is a worker process: of a table, or of a pool.
func child(of string) error {
	s, err := native.Stream()
	if err != nil {
		return err
	}
	if of == "table" {
		return behind.Serve(textDef(), s)
	}
	return native.Serve(s, 1, native.JSON[text](), native.JSON[string](), func(_ context.Context, q text, _ wall.Host) (string, error) {
		return q.Body, nil
	})
}

// processes prints what a call costs to a worker in a process, and a task of a
// pool with one such process. Both have one caller, whose goroutine may perform
// all that there is to do here.
func processes(t turns.Turns) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	streams := func(of string) wall.Wall[wall.Stream] {
		return process.Command{Path: self, Args: []string{"-child", of}}
	}
	table := worker.NewQueue(textDef(), worker.Config{Behind: behind.Wall(streams("table"))})
	w, err := table.Launch(context.Background(), 0, struct{}{})
	if err != nil {
		return err
	}
	body := strings.Repeat("x", load.Size)
	kind := pool.Kind[text, text, string, struct{}]{
		Request: func(_ pool.Held[struct{}], q text) (text, error) { return q, nil },
	}
	tasks := wall.Speak(streams("pool"), native.Dialect[text, string]{Request: native.JSON[text](), Response: native.JSON[string]()})
	err = pool.With(context.Background(), kind, tasks, pool.Config{Workers: 1}, func(ctx context.Context, p *pool.Pool[text, string]) error {
		op := func(name string, do func() (string, error)) turns.Op {
			return turns.Whole(name, func(n int) error {
				for range n {
					if got, err := do(); err != nil || got != body {
						return errors.Join(err, errors.New("the answer is another"))
					}
				}
				return nil
			})
		}
		return t.Run(
			os.Stdout, "worker",
			op("pool", func() (string, error) { return p.Do(context.Background(), pool.Task[text]{Value: text{Body: body}}) }),
			op("behind", func() (string, error) { return worker.Call(context.Background(), w, text{Body: body}) }),
		)
	})
	return errors.Join(err, table.Close(context.Background()))
}
