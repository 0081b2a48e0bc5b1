package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/bench/load"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/process"
)

// recycle prints the rate of n tasks each of which has a worker of its own, and
// that at which os/exec runs the same program, two at a time, when it does
// nothing.
func recycle(n int) error {
	w, err := workers(1, process.Private)
	if err != nil {
		return err
	}
	p := pool.New(kind{Request: asIs}, w, pool.Config{Workers: 2, MaxTasks: 1})
	err = beside(p, func(p *echoes) error {
		body := make([]byte, load.Size)
		r, err := load.Run(2, n, func() error {
			_, err := p.Do(context.Background(), task(body))
			return err
		})
		load.Figure(os.Stdout, "ganger/recycle/rate", r.Rate)
		return err
	})
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	r, err := load.Run(2, n, func() error { return exec.Command(self, "-nothing").Run() })
	load.Figure(os.Stdout, "spawn/rate", r.Rate)
	return err
}

// recovery prints the median times, in milliseconds, from the kill of the only
// worker of a pool to the answer of the next task, and from the start of a worker
// to its first answer. They are taken in turns.
func recovery(n int) error {
	w, err := workers(1, process.Private)
	if err != nil {
		return err
	}
	var replaced, started []time.Duration
	err = beside(pool.New(kind{Request: asIs}, w, pool.Config{Workers: 1}), func(p *echoes) error {
		body := make([]byte, load.Size)
		for range n {
			if _, err := p.Do(context.Background(), task(body)); err != nil {
				return err
			}
			begin := time.Now()
			if err := shoot(p); err != nil {
				return err
			}
			if _, err := p.Do(context.Background(), task(body)); err != nil {
				return err
			}
			replaced = append(replaced, time.Since(begin))
			took, err := first(w, body)
			if err != nil {
				return err
			}
			started = append(started, took)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(replaced)
	slices.Sort(started)
	load.Figure(os.Stdout, "ganger/replaced/ms", replaced[n/2].Seconds()*1e3)
	load.Figure(os.Stdout, "ganger/started/ms", started[n/2].Seconds()*1e3)
	return nil
}

// first returns how long a fresh worker takes to its first answer.
func first(w wall.Wall[wall.Instance[[]byte, []byte]], body []byte) (time.Duration, error) {
	begin := time.Now()
	i, err := w.Open(context.Background(), wall.Start{Name: "fresh", Incarnation: 1})
	if err != nil {
		return 0, err
	}
	_, err = wall.Do(context.Background(), i, body, nil)
	took := time.Since(begin)
	i.Kill(ganger.LeavingStopped)
	<-i.Gone()
	return took, err
}

// kill has four callers perform n tasks, kills a worker once half of them have
// been given out, and prints how many came to nothing.
func kill(n int64) error {
	return with(process.Private, func(p *echoes) error {
		var next, lost atomic.Int64
		var callers sync.WaitGroup
		var killed error
		for range 4 {
			callers.Go(func() {
				for {
					i := next.Add(1)
					if i > n {
						return
					}
					if i == n/2 {
						killed = shoot(p) // by one caller only; read after they are gone
					}
					if _, err := p.Do(context.Background(), task([]byte{byte(i)})); err != nil {
						fmt.Fprintln(os.Stderr, "warm: lost:", err)
						lost.Add(1)
					}
				}
			})
		}
		callers.Wait()
		if killed != nil {
			return killed
		}
		load.Figure(os.Stdout, "ganger/lost", float64(lost.Load()))
		return nil
	})
}

// shoot kills the first worker of p that is a living process.
func shoot(p *echoes) error {
	pid := 0
	p.Snapshot(func(w inspect.Worker) bool {
		pid = w.PID
		return pid == 0
	})
	if pid == 0 {
		return errors.New("no worker to kill")
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}
