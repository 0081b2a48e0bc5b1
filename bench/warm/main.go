// Command warm is ganger's contestant against the floor pool: the same echo of
// small messages by two workers, through a pool over the native protocol on
// pipes, with supervision on: a time-out for each attempt and for all of it,
// deaths watched, the guard running. Beside its figures it tells those of many in
// hand at once, of long messages, of workers that are goroutines, and of workers
// that are replaced.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"strconv"
	"time"

	"github.com/ganger-dev/ganger/bench/load"
	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
)

func main() {
	process.Main()
	slots := flag.Int("child", 0, "be a worker with so many slots")
	nothing := flag.Bool("nothing", false, "do nothing")
	n := flag.Int("n", 20000, "tasks of each measurement")
	only := flag.String("only", "", "measure this alone: callers, window, large, goroutine, lives")
	profile := flag.String("cpuprofile", "", "write where the time went to this file, and of the workers to the file with their pid behind it")
	flag.Parse()
	if *nothing {
		return
	}
	var err error
	if *slots > 0 {
		err = profiled(os.Getenv(profileOfWorker), func() error { return echo(*slots) })
	} else {
		if *profile != "" {
			err = os.Setenv(profileOfWorker, *profile+"."+"worker")
		}
		err = errors.Join(err, profiled(*profile, func() error { return run(*only, *n) }))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "warm:", err)
		os.Exit(1)
	}
}

// run prints the figures of one measurement, or of all.
func run(only string, n int) error {
	var err error
	for _, m := range []struct {
		name string
		run  func() error
	}{
		{"callers", func() error {
			return errors.Join(
				measure("ganger/2", process.Private, 2, n, load.Size), measure("ganger/1", process.Private, 1, n, load.Size),
				measure("ganger/16", process.Private, 16, n, load.Size))
		}},
		{"large", func() error {
			return errors.Join(
				measure("ganger/large/pair", process.Pair, 2, n/40, 1<<20), measure("ganger/large/pipes", process.Private, 2, n/40, 1<<20))
		}},
		{"window", func() error { return errors.Join(window(16, 10*n), window(256, 20*n)) }},
		{"goroutine", func() error { return inProcess(20 * n) }},
		{"lives", func() error { return errors.Join(kill(1000), recycle(n/25), recovery(20)) }},
	} {
		if only == "" || only == m.name {
			err = errors.Join(err, m.run())
		}
	}
	return err
}

// echo is the worker: it answers every request with itself.
func echo(slots int) error {
	s, err := native.Stream()
	if err != nil {
		return err
	}
	return native.Serve(s, slots, native.Bytes(), native.Bytes(), func(_ context.Context, q []byte, _ wall.Host) ([]byte, error) {
		return q, nil
	})
}

type echoes = pool.Pool[[]byte, []byte]

type kind = pool.Kind[[]byte, []byte, []byte, struct{}]

func asIs(_ pool.Held[struct{}], body []byte) ([]byte, error) { return body, nil }

// workers opens echoes with so many slots.
func workers(slots int, c process.Channel) (wall.Wall[wall.Instance[[]byte, []byte]], error) {
	self, err := os.Executable()
	return wall.Speak(
		process.Command{Path: self, Args: []string{"-child", strconv.Itoa(slots)}, Channel: c},
		native.Dialect[[]byte, []byte]{Request: native.Bytes(), Response: native.Bytes()},
	), err
}

// with runs f beside a pool of two workers, and returns when all is gone.
func with(c process.Channel, f func(*echoes) error) error {
	w, err := workers(1, c)
	if err != nil {
		return err
	}
	return beside(pool.New(kind{Request: asIs}, w, pool.Config{Workers: 2}), f)
}

// beside runs f beside p, and returns when all is gone.
func beside(p *echoes, f func(*echoes) error) error {
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1) // Run's one result
	go func() { ran <- p.Run(ctx) }()
	err := f(p)
	cancel()
	if stopped := <-ran; !errors.Is(stopped, context.Canceled) {
		err = errors.Join(err, stopped)
	}
	return err
}

func task(body []byte) pool.Task[[]byte] {
	return pool.Task[[]byte]{Value: body, ExecTimeout: 10 * time.Second, TotalTimeout: time.Minute}
}

// measure prints the figures for so many callers with bodies of so many bytes.
func measure(name string, c process.Channel, callers, n, size int) error {
	return with(c, func(p *echoes) error {
		body := make([]byte, size)
		r, err := load.Run(callers, n, func() error {
			_, err := p.Do(context.Background(), task(body))
			return err
		})
		if err != nil {
			return err
		}
		r.Print(os.Stdout, name)
		return nil
	})
}

// profileOfWorker names the environment variable that has workers write profiles.
const profileOfWorker = "GANGER_BENCH_PROFILE"

// profiled is f, with a profile for go tool pprof unless file is empty.
func profiled(file string, f func() error) error {
	if file == "" {
		return f()
	}
	to, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(to); err != nil {
		return errors.Join(err, to.Close())
	}
	err = f()
	pprof.StopCPUProfile()
	return errors.Join(err, to.Close())
}
