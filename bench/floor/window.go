package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ganger-dev/ganger/bench/load"
)

// window prints the rate of n small messages to one worker and back while many
// of them are on their way, without a pool: one goroutine writes, one reads. It is
// what the machine, its pipes and the language leave to any pool with windows.
func window(many, n int) error {
	cmd, in, out, err := child()
	if err != nil {
		return err
	}
	room := make(chan struct{}, many) // a token for each message that may still be sent
	for range many {
		room <- struct{}{}
	}
	written := make(chan error, 1) // the writer's one result
	start := time.Now()
	go func() {
		w, body := bufio.NewWriter(in), make([]byte, load.Size)
		var err error
		for i := 0; i < n && err == nil; i++ {
			select {
			case <-room:
			default:
				err = w.Flush()
				<-room
			}
			if err == nil {
				err = write(w, body)
			}
		}
		written <- errors.Join(err, w.Flush(), in.Close())
	}()
	r := bufio.NewReader(out)
	for range n {
		if _, err := read(r); err != nil {
			return errors.Join(err, cmd.Process.Kill(), cmd.Wait())
		}
		room <- struct{}{}
	}
	took := time.Since(start)
	load.Figure(os.Stdout, fmt.Sprintf("floor/window/%d", many), float64(n)/took.Seconds())
	return errors.Join(<-written, cmd.Wait())
}
