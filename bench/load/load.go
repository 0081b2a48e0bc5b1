// Package load drives one contestant of the benchmark with small tasks from
// several callers, and prints what it measured in the one form that the runner
// reads. Every contestant uses it, so that all are measured alike.
package load

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Size is the length of a task's body and of its answer, in bytes.
const Size = 64

// Result is what one run measured.
type Result struct {
	Rate     float64 // tasks a second
	P50, P99 time.Duration
}

// Run has callers goroutines perform n tasks between them, each one after
// another, and returns when the last has ended, with the first error that do
// returned. A tenth of n is performed first and not counted.
func Run(callers, n int, do func() error) (Result, error) {
	if _, err := spread(callers, n/10, do); err != nil {
		return Result{}, err
	}
	start := time.Now()
	took, err := spread(callers, n, do)
	if err != nil {
		return Result{}, err
	}
	rate := float64(n) / time.Since(start).Seconds()
	slices.Sort(took)
	return Result{rate, took[n/2], took[n*99/100]}, nil
}

// spread performs n tasks and returns how long each took.
func spread(callers, n int, do func() error) ([]time.Duration, error) {
	var (
		next   atomic.Int64
		wait   sync.WaitGroup
		once   sync.Once
		failed error
	)
	took := make([]time.Duration, n)
	for range callers {
		wait.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				begin := time.Now()
				if err := do(); err != nil {
					once.Do(func() { failed = err })
					return
				}
				took[i] = time.Since(begin)
			}
		})
	}
	wait.Wait()
	return took, failed
}

// Print writes r as the three figures NAME/rate, NAME/p50 and NAME/tail.
func (r Result) Print(w io.Writer, name string) {
	Figure(w, name+"/rate", r.Rate)
	Figure(w, name+"/p50", float64(r.P50.Nanoseconds())/1e3)
	Figure(w, name+"/tail", float64(r.P99)/float64(r.P50))
}

// Figure writes one line for the runner: a name, a tab, a number.
func Figure(w io.Writer, name string, v float64) {
	fmt.Fprintf(w, "%s\t%.6g\n", name, v)
}
