// Command warm is ganger's contestant against the floor pool: the same echo of
// small messages by two workers, through a pool over the native protocol on
// pipes, with supervision on: a time-out for each attempt and for all of it,
// deaths watched, the guard running. Beside its figures it tells what the
// callers lose when a worker is killed in their midst.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ganger-dev/ganger/bench/load"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
)

func main() {
	process.Main()
	child := flag.Bool("child", false, "be a worker")
	n := flag.Int("n", 20000, "tasks of each measurement")
	profile := flag.String("cpuprofile", "", "only measure two callers, and write where the time went to this file")
	flag.Parse()
	var err error
	switch {
	case *child:
		err = echo()
	case *profile != "":
		err = profiled(*profile, *n)
	default:
		err = errors.Join(measure(2, *n), measure(1, *n), kill(1000))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "warm:", err)
		os.Exit(1)
	}
}

// echo is the worker: it answers every request with itself.
func echo() error {
	s, err := native.Stream()
	if err != nil {
		return err
	}
	return native.Serve(s, 1, native.Bytes(), native.Bytes(), func(_ context.Context, q []byte, _ wall.Host) ([]byte, error) {
		return q, nil
	})
}

type echoes = pool.Pool[[]byte, []byte]

// with runs f beside a pool of two workers, and returns when all is gone.
func with(f func(*echoes) error) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	w := wall.Speak(
		process.Command{Path: self, Args: []string{"-child"}},
		native.Dialect[[]byte, []byte]{Request: native.Bytes(), Response: native.Bytes()},
	)
	p := pool.New(pool.Kind[[]byte, []byte, []byte, struct{}]{
		Request: func(_ pool.Held[struct{}], body []byte) ([]byte, error) { return body, nil },
	}, w, pool.Config{Workers: 2})
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1) // Run's one result
	go func() { ran <- p.Run(ctx) }()
	err = f(p)
	cancel()
	if stopped := <-ran; !errors.Is(stopped, context.Canceled) {
		err = errors.Join(err, stopped)
	}
	return err
}

func task(body []byte) pool.Task[[]byte] {
	return pool.Task[[]byte]{Value: body, ExecTimeout: 10 * time.Second, TotalTimeout: time.Minute}
}

// measure prints the figures for so many callers.
func measure(callers, n int) error {
	return with(func(p *echoes) error {
		body := make([]byte, load.Size)
		r, err := load.Run(callers, n, func() error {
			_, err := p.Do(context.Background(), task(body))
			return err
		})
		if err != nil {
			return err
		}
		r.Print(os.Stdout, "ganger/"+strconv.Itoa(callers))
		return nil
	})
}

// profiled is measure for two callers, with a profile for go tool pprof.
func profiled(file string, n int) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return errors.Join(err, f.Close())
	}
	err = measure(2, n)
	pprof.StopCPUProfile()
	return errors.Join(err, f.Close())
}

// kill has four callers perform n tasks, kills a worker once half of them have
// been given out, and prints how many came to nothing.
func kill(n int64) error {
	return with(func(p *echoes) error {
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
