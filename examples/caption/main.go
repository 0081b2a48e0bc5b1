// Command caption has pictures described by a function in Python or JavaScript,
// called by two warm workers: a Go program over somebody else's model.
//
//	caption examples/caption/caption.py:caption a.png b.gif
//
// It prints a line for each picture, in order. A picture without a description
// is told on standard error, and the exit status is 1 then.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/call"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
)

func main() {
	process.Main()
	if err := run(context.Background(), os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "caption:", err)
		os.Exit(1)
	}
}

// description is what the function returns.
type description struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// run describes the pictures that args names behind the function.
func run(ctx context.Context, args []string, stdout, log io.Writer) error {
	if len(args) == 0 {
		return errors.New("usage: caption FILE:FUNCTION PICTURE…")
	}
	f, err := call.Parse(args[0])
	if err != nil {
		return err
	}
	cmd, err := f.Command()
	if err != nil {
		return err
	}
	w := wall.Speak(cmd, native.Dialect[string, description]{
		Request: native.JSON[string](), Response: native.JSON[description](),
	})
	p := pool.New(pool.Kind[string, string, description, struct{}]{
		Request: func(_ pool.Held[struct{}], path string) (string, error) { return path, nil },
	}, w, pool.Config{Workers: 2})
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = p.Run(ctx) // its error is that of ctx
	}()
	err = describe(ctx, p, args[1:], stdout, log)
	stop()
	<-ended
	return err
}

// describe submits all pictures and tells of them in order.
func describe(ctx context.Context, p *pool.Pool[string, description], pictures []string, stdout, log io.Writer) error {
	var tickets []*pool.Ticket[description]
	for _, path := range pictures {
		t, err := p.Submit(ctx, pool.Task[string]{Value: path, ExecTimeout: 10 * time.Second})
		if err != nil {
			return err
		}
		tickets = append(tickets, t)
	}
	without := 0
	for _, t := range tickets {
		d, err := t.Wait(ctx)
		if err != nil {
			without++
			fmt.Fprintln(log, err)
			continue
		}
		fmt.Fprintf(stdout, "%s: %s\n", d.Path, d.Text)
	}
	if without > 0 {
		return fmt.Errorf("%d of %d pictures have no description", without, len(tickets))
	}
	return nil
}
