package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// contestant is one program that runs once a round.
type contestant struct {
	name string
	args []string
	// tasks, when set, are given one a line to standard input, and what is
	// measured is the rate at which the whole command gets through them, as
	// name/rate. Otherwise the program prints its figures (package load).
	tasks int
	// answers says that it must answer each task with a line.
	answers bool
	// once says that the first round is enough: what it measures hardly moves.
	once bool
}

// field is everything that was built for one run.
type field struct {
	contestants []contestant
	size        int64    // of the stripped program with a pool, in bytes
	skipped     []string // what could not take part, and why
}

// pools compiles into dir what performs tasks, and adds it.
func (b *field) pools(ctx context.Context, dir string, n, one int) error {
	bin := func(name string) string { return filepath.Join(dir, name) }
	for name, pkg := range map[string]string{
		"floor": "github.com/ganger-dev/ganger/bench/floor",
		"warm":  "github.com/ganger-dev/ganger/bench/warm",
		"hello": "github.com/ganger-dev/ganger/bench/hello",
		"run":   "github.com/ganger-dev/ganger/cmd/ganger",

		"increment": "github.com/ganger-dev/ganger/bench/increment",
	} {
		// Built as they would be shipped: N17 is the size of hello.
		if err := command(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin(name), pkg); err != nil {
			return err
		}
	}
	info, err := os.Stat(bin("hello"))
	if err != nil {
		return err
	}
	b.size = info.Size()
	b.contestants = append(
		b.contestants,
		contestant{name: "floor", args: []string{bin("floor"), "-n", strconv.Itoa(n)}},
		contestant{name: "ganger", args: []string{bin("warm"), "-n", strconv.Itoa(n)}},
		contestant{name: "floor, large", args: []string{bin("floor"), "-n", strconv.Itoa(n / 40), "-size", strconv.Itoa(1 << 20)}},
	)
	if err := nothing(ctx, bin("nothing")); err != nil {
		b.skip("one-shot rows", err)
	} else {
		b.contestants = append(b.contestants, contestant{name: "ganger run", args: []string{bin("run"), "run", "--quiet", "-j2", "--", bin("nothing"), "{}"}, tasks: one})
		if _, err := exec.LookPath("xargs"); err != nil {
			b.skip("xargs", err)
		} else {
			b.contestants = append(b.contestants, contestant{name: "xargs", args: []string{"xargs", "-P2", "-n1", bin("nothing")}, tasks: one})
		}
		if _, err := exec.LookPath("parallel"); err != nil {
			b.skip("GNU parallel", err)
		} else {
			b.contestants = append(b.contestants, contestant{name: "parallel", args: []string{"parallel", "-j2", bin("nothing")}, tasks: one / 3})
		}
	}
	if err := unpack(dir); err != nil {
		return err
	}
	b.plugin(ctx, dir, n)
	b.maps(ctx, dir, n)
	return nil
}

// nothing compiles the smallest static program: its start is all it costs.
func nothing(ctx context.Context, to string) error {
	source := to + ".c"
	if err := os.WriteFile(source, []byte("int main(void) { return 0; }\n"), 0o600); err != nil {
		return err
	}
	return command(ctx, "cc", "-O2", "-static", "-o", to, source)
}

func (b *field) skip(what string, why error) {
	b.skipped = append(b.skipped, fmt.Sprintf("%s: %v", what, why))
}

// command runs a program to its end; its words are in the error.
func command(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// run performs c once and returns its figures.
func (c contestant) run(ctx context.Context) (map[string]float64, error) {
	// Long enough for the slowest machine; a contestant that hangs must not.
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var list bytes.Buffer
	for i := range c.tasks {
		fmt.Fprintln(&list, i)
	}
	cmd.Stdin = &list
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(c.args, " "), err, errs.Bytes())
	}
	if got := bytes.Count(out.Bytes(), []byte("\n")); c.answers && got != c.tasks {
		return nil, fmt.Errorf("%s: %d answers to %d tasks", c.name, got, c.tasks)
	}
	if c.tasks > 0 {
		return map[string]float64{c.name + "/rate": float64(c.tasks) / time.Since(start).Seconds()}, nil
	}
	figures := map[string]float64{}
	for line := range strings.Lines(out.String()) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "\t")
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, fmt.Errorf("%s printed %q: %w", c.name, line, err)
		}
		figures[name] = v
	}
	return figures, nil
}
