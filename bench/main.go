// Command bench measures ganger beside plain programs that do the same job, in
// one interleaved run: each round runs every contestant once, in turn, each in
// a process of its own. It prints a table of medians over the rounds and of
// the medians of the ratios within each round, which is what to read: rates
// move with the machine, ratios far less.
//
//	go run . [-rounds 7] [-n 20000]
//	go run . -named
//	go run . -lines
//
// With -named it measures only named workers, package worker and actor libraries.
// With -lines it runs only what is ganger, once, and prints a line for each figure,
// NAME<TAB>VALUE<TAB>UNIT, for those who put it into a table of their own.
//
// What is not installed is skipped with a message. It writes nothing but into
// a temporary directory.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path"
	"slices"
	"strings"
)

func main() {
	rounds := flag.Int("rounds", 7, "how often each contestant runs")
	n := flag.Int("n", 20000, "small tasks of each measurement")
	one := flag.Int("one-shot", 3000, "processes of each one-shot measurement")
	named := flag.Bool("named", false, "measure only named workers")
	lines := flag.Bool("lines", false, "run only what is ganger, once, and print a line for each figure")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *rounds, *n, *one, *named, *lines); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds, n, one int, named, lines bool) error {
	dir, err := os.MkdirTemp("", "ganger-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var b field
	if !named {
		if err := b.pools(ctx, dir, n, one); err != nil {
			return err
		}
	}
	if err := b.named(ctx, dir); err != nil {
		return err
	}
	if lines {
		return b.lines(ctx, os.Stdout)
	}
	var f figures
	for r := range rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", r+1, rounds)
		for _, c := range b.contestants {
			if c.once && r > 0 {
				continue
			}
			if err := f.measure(ctx, r, c); err != nil {
				return err
			}
		}
	}
	f.size, f.skipped = b.size, b.skipped
	return f.report(os.Stdout, machine(rounds))
}

// ours are the contestants that are ganger.
var ours = []string{"worker", "worker, idle", "ganger", "ganger run", "map/go", "map/call python", "map/call node"}

// units are those of figures, by the ends of their names; any other is a number.
var units = map[string]string{"rate": "/s", "16": "/s", "256": "/s", "ms": "ms", "ns": "ns", "p50": "us", "B": "B", "GB": "GB", "allocs": "allocs", "goroutines": "goroutines"}

// lines runs our own contestants once and writes their figures.
func (b *field) lines(ctx context.Context, w io.Writer) error {
	for _, c := range b.contestants {
		if !slices.Contains(ours, c.name) {
			continue
		}
		got, err := c.run(ctx)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(got)) {
			shown := strings.ReplaceAll(name, " ", "-")
			if !strings.HasPrefix(shown, "ganger") {
				shown = "ganger/" + shown
			}
			if _, err := fmt.Fprintf(w, "%s\t%g\t%s\n", shown, got[name], cmp.Or(units[path.Base(name)], "x")); err != nil {
				return err
			}
		}
	}
	return nil
}
