// Package turns measures small operations in one process, each in turn with the
// one it is compared with, an unbuffered channel for most. It tells the best times
// of all turns, since what disturbs a turn only ever adds to it; their ratio, which
// moves far less than the times do; and what is allocated. Every actor library of
// the benchmark uses it, so that all are measured alike.
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
// PREFIX/NAME/ns of all, the best turn's, and of those that are not beside
// PREFIX/NAME/ratio, its ratio to the best of beside, and the medians of what one
// allocates, /B and /allocs.
func (t Turns) Run(w io.Writer, prefix string, beside Op, ops ...Op) error {
	many := make([]int, 1+len(ops))
	for i, o := range append([]Op{beside}, ops...) {
		n, err := t.calibrate(o)
		if err != nil {
			return fmt.Errorf("%s: %w", o.Name, err)
		}
		many[i] = n
	}
	var base []cost
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
			base, all[i] = append(base, b), append(all[i], c)
		}
	}
	ns := func(c cost) float64 { return c.ns }
	least := sorted(base, ns)[0]
	load.Figure(w, prefix+"/"+beside.Name+"/ns", least)
	for i, o := range ops {
		best, name := sorted(all[i], ns)[0], prefix+"/"+o.Name
		load.Figure(w, name+"/ns", best)
		load.Figure(w, name+"/ratio", best/least)
		load.Figure(w, name+"/B", sorted(all[i], func(c cost) float64 { return c.bytes })[t.Rounds/2])
		load.Figure(w, name+"/allocs", sorted(all[i], func(c cost) float64 { return c.allocs })[t.Rounds/2])
	}
	return nil
}

// cost is what one performance of an operation took, on average over one turn.
type cost struct {
	ns, bytes, allocs float64
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

// sorted returns one figure of all costs, the least first.
func sorted(all []cost, of func(cost) float64) []float64 {
	values := make([]float64, 0, len(all))
	for _, c := range all {
		values = append(values, of(c))
	}
	slices.Sort(values)
	return values
}
