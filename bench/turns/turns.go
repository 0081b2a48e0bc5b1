// Package turns measures small operations in one process, each in turn with the
// one it is compared with, an unbuffered channel for most. It tells times, the
// ratios within each pair of turns, which move far less than the times do, and
// what is allocated. Every actor library of the benchmark uses it, so that all
// are measured alike.
package turns

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/ganger-dev/ganger/bench/load"
)

// Op is an operation to be measured.
type Op struct {
	Name string
	// Do performs it n times and returns when the last has ended, with the time
	// that counts.
	Do func(n int) (time.Duration, error)
}

// Whole is an operation of which all the time counts.
func Whole(name string, do func(n int) error) Op {
	return Op{name, func(n int) (time.Duration, error) {
		start := time.Now()
		err := do(n)
		return time.Since(start), err
	}}
}

// Channel is the measure of all things in one process: a value goes to another
// goroutine over an unbuffered channel, and comes back over a second one.
func Channel() Op {
	return Whole("channel", func(n int) error {
		there, back := make(chan int), make(chan int)
		go func() { // ends with there, and before Channel does: its last answer is taken
			for v := range there {
				back <- v
			}
		}()
		defer close(there)
		for i := range n {
			there <- i
			if v := <-back; v != i {
				return fmt.Errorf("channel: %d came back as %d", i, v)
			}
		}
		return nil
	})
}

// Turns is how a measurement is taken.
type Turns struct {
	Rounds int           // how often each operation has its turn
	Turn   time.Duration // how long that takes, about
}

// Run gives each operation its turns, each just after one of beside, and prints
// medians over the rounds: PREFIX/NAME/ns of each, and PREFIX/NAME/ratio to
// beside, /B and /allocs of those that are not beside.
func (t Turns) Run(w io.Writer, prefix string, beside Op, ops ...Op) error {
	many := make([]int, 1+len(ops))
	for i, o := range append([]Op{beside}, ops...) {
		n, err := t.calibrate(o)
		if err != nil {
			return fmt.Errorf("%s: %w", o.Name, err)
		}
		many[i] = n
	}
	var base []float64
	all := make([][]cost, len(ops))
	for range t.Rounds {
		for i, o := range ops {
			b, err := turn(beside, many[0])
			if err != nil {
				return fmt.Errorf("%s: %w", beside.Name, err)
			}
			c, err := turn(o, many[1+i])
			if err != nil {
				return fmt.Errorf("%s: %w", o.Name, err)
			}
			c.ratio = c.ns / b.ns
			base, all[i] = append(base, b.ns), append(all[i], c)
		}
	}
	load.Figure(w, prefix+"/"+beside.Name+"/ns", median(base))
	for i, o := range ops {
		for _, f := range []struct {
			name string
			of   func(cost) float64
		}{
			{"ns", func(c cost) float64 { return c.ns }},
			{"ratio", func(c cost) float64 { return c.ratio }},
			{"B", func(c cost) float64 { return c.bytes }},
			{"allocs", func(c cost) float64 { return c.allocs }},
		} {
			var values []float64
			for _, c := range all[i] {
				values = append(values, f.of(c))
			}
			load.Figure(w, prefix+"/"+o.Name+"/"+f.name, median(values))
		}
	}
	return nil
}

// cost is what one performance of an operation took, on average over one turn.
type cost struct {
	ns, ratio, bytes, allocs float64
}

// turn performs o n times.
func turn(o Op, n int) (cost, error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	took, err := o.Do(n)
	runtime.ReadMemStats(&after)
	each := func(v uint64) float64 { return float64(v) / float64(n) }
	return cost{
		ns:     float64(took.Nanoseconds()) / float64(n),
		bytes:  each(after.TotalAlloc - before.TotalAlloc),
		allocs: each(after.Mallocs - before.Mallocs),
	}, err
}

// calibrate returns how often o must be performed to fill a turn, with all that
// does not count.
func (t Turns) calibrate(o Op) (int, error) {
	for n := 1; ; n *= 2 {
		start := time.Now()
		if _, err := o.Do(n); err != nil {
			return 0, err
		}
		if took := time.Since(start); took >= t.Turn/2 {
			return max(1, int(float64(n)*float64(t.Turn)/float64(took))), nil
		}
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
