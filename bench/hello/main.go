// Command hello is the smallest program with a pool of processes: this binary is
// its own worker, and greets who is named in its arguments. Its stripped size is
// what a user pays for the library.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
)

func main() {
	process.Main()
	work := greetAll
	if os.Getenv("GANGER_FD") != "" {
		work = serve
	}
	if err := work(); err != nil {
		fmt.Fprintln(os.Stderr, "hello:", err)
		os.Exit(1)
	}
}

func serve() error {
	s, err := native.Stream()
	if err != nil {
		return err
	}
	return native.Serve(s, 1, native.JSON[string](), native.JSON[string](), func(_ context.Context, name string, _ wall.Host) (string, error) {
		return "hello, " + name, nil
	})
}

func greetAll() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p := pool.New(
		pool.Kind[string, string, string, struct{}]{
			Request: func(_ pool.Held[struct{}], name string) (string, error) { return name, nil },
		},
		wall.Speak(process.Command{Path: self}, native.Dialect[string, string]{Request: native.JSON[string](), Response: native.JSON[string]()}),
		pool.Config{Workers: 2},
	)
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		_ = p.Run(ctx) // only ever context.Canceled here
	}()
	defer func() { cancel(); <-ran }()
	for _, name := range os.Args[1:] {
		greeting, err := p.Do(ctx, pool.Task[string]{Value: name})
		if err != nil {
			return err
		}
		fmt.Println(greeting)
	}
	return nil
}
