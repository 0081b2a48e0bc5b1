// Command bench measures ganger beside plain programs that do the same job, in
// one interleaved run: each round runs every contestant once, in turn, each in
// a process of its own. It prints a table of medians over the rounds and of
// the medians of the ratios within each round, which is what to read: rates
// move with the machine, ratios far less.
//
//	go run . [-rounds 7] [-n 20000]
//
// What is not installed is skipped with a message. It writes nothing but into
// a temporary directory.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	rounds := flag.Int("rounds", 7, "how often each contestant runs")
	n := flag.Int("n", 20000, "small tasks of each measurement")
	one := flag.Int("one-shot", 3000, "processes of each one-shot measurement")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *rounds, *n, *one); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds, n, one int) error {
	dir, err := os.MkdirTemp("", "ganger-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b, err := build(ctx, dir, n, one)
	if err != nil {
		return err
	}
	var f figures
	for r := range rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", r+1, rounds)
		for _, c := range b.contestants {
			if err := f.measure(ctx, r, c); err != nil {
				return err
			}
		}
	}
	f.size, f.skipped = b.size, b.skipped
	return f.report(os.Stdout, machine(rounds))
}
