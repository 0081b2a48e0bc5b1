package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// figures are the measurements of all rounds.
type figures struct {
	rounds  []map[string]float64
	size    int64
	skipped []string
}

// measure runs c in round r.
func (f *figures) measure(ctx context.Context, r int, c contestant) error {
	if r == len(f.rounds) {
		f.rounds = append(f.rounds, map[string]float64{})
	}
	got, err := c.run(ctx)
	maps.Copy(f.rounds[r], got)
	return err
}

// median returns the median of name over the rounds that have it; ok is false
// when none has.
func (f *figures) median(name string) (v float64, ok bool) {
	return f.each(func(r map[string]float64) (float64, bool) {
		v, ok := r[name]
		return v, ok
	})
}

// ratio returns the median of a ÷ b over the rounds that have both.
func (f *figures) ratio(a, b string) (v float64, ok bool) {
	return f.each(func(r map[string]float64) (float64, bool) {
		x, okA := r[a]
		y, okB := r[b]
		return x / y, okA && okB
	})
}

func (f *figures) each(of func(map[string]float64) (float64, bool)) (float64, bool) {
	var all []float64
	for _, r := range f.rounds {
		if v, ok := of(r); ok {
			all = append(all, v)
		}
	}
	if len(all) == 0 {
		return 0, false
	}
	slices.Sort(all)
	return all[len(all)/2], true
}

// comparison is one row of the table.
type comparison struct {
	row, what   string
	ours, other string // figures; other "" when there is nothing to divide by
	beside      string // a figure that is only shown, where there is no other
	target      float64
	most        bool // the target is an upper limit
}

// comparisons is the table. The targets of the last rows, which have no row
// name, are nobody's: they are there for the picture.
var comparisons = []comparison{
	{row: "N1", what: "64 B tasks a second, 2 workers, 2 callers ÷ floor", ours: "ganger/2/rate", other: "floor/2/rate", target: 0.80},
	{row: "N2", what: "the same, 1 caller ÷ floor", ours: "ganger/1/rate", other: "floor/1/rate", target: 0.60},
	{row: "N3", what: "p99 ÷ p50 at 2 callers ÷ the floor's own", ours: "ganger/2/tail", other: "floor/2/tail", target: 1.5, most: true},
	{row: "N4", what: "64 B tasks a second, 2 workers, 16 callers ÷ go-plugin's calls over gRPC, 16 callers", ours: "ganger/16/rate", other: "go-plugin/grpc/rate", target: 2},
	{row: "N5", what: "lines a second through a function that adds one, 2 Go workers, `ganger run` ÷ `ProcessPoolExecutor.map`", ours: "map/go/rate", other: "map/executor/rate", target: 6},
	{row: "N5", what: "the same ÷ `multiprocessing.Pool.map`, chunks of 1", ours: "map/go/rate", other: "map/pool/rate", target: 1.6},
	{row: "N5", what: "the same ÷ jest-worker, processes", ours: "map/go/rate", other: "map/jest-worker/rate", target: 3.3},
	{row: "N5 call", what: "the same in Python, `ganger run --call` ÷ `ProcessPoolExecutor.map`", ours: "map/call python/rate", other: "map/executor/rate", target: 3},
	{row: "N5 call", what: "the same ÷ `multiprocessing.Pool.map`, chunks of 1", ours: "map/call python/rate", other: "map/pool/rate", target: 1},
	{row: "N5 call", what: "the same in JavaScript, `ganger run --call` ÷ jest-worker, processes", ours: "map/call node/rate", other: "map/jest-worker/rate", target: 2},
	{row: "N6", what: "1 MiB tasks a second, 2 workers, 2 callers, socket pair ÷ floor on pipes", ours: "ganger/large/pair/rate", other: "floor/large/rate", target: 1.2},
	{row: "N7/16", what: "64 B tasks a second, 16 in hand of one worker ÷ floor with 2", ours: "ganger/window/16", other: "floor/2/rate", target: 5},
	{row: "N7/256", what: "the same, 256 in hand", ours: "ganger/window/256", other: "floor/2/rate", target: 10},
	{row: "N8", what: "one process a task, `-j2` ÷ `xargs -P2 -n1`", ours: "ganger run/rate", other: "xargs/rate", target: 1.0},
	{row: "N9", what: "the same ÷ GNU `parallel -j2`", ours: "ganger run/rate", other: "parallel/rate", target: 5},
	{row: "N11", what: "a worker for each task (`MaxTasks` 1) ÷ the same program run by `os/exec`, 2 at a time", ours: "ganger/recycle/rate", other: "spawn/rate", target: 0.7},
	{row: "N12", what: "tasks lost by one kill -9 of a worker, of 1000", ours: "ganger/lost", target: 0, most: true},
	{row: "N13", what: "kill -9 of a worker to the next answer, ms ÷ its start to its first answer", ours: "ganger/replaced/ms", other: "ganger/started/ms", target: 2, most: true},
	{row: "goroutine", what: "ns a task, one worker that is a goroutine", ours: "ganger/goroutine/1/ns", target: 1000, most: true},
	{row: "", what: "ns a task, two such workers, which take turns at the lock", ours: "ganger/goroutine/2/ns"},
	{row: "", what: "N7/16 ÷ the same messages through one worker with no pool at all", ours: "ganger/window/16", other: "floor/window/16"},
	{row: "", what: "N7/256 ÷ the same with no pool at all", ours: "ganger/window/256", other: "floor/window/256"},
	{row: "", what: "messages with no pool at all, 16 in hand ÷ floor: what N7/16 can be at most", ours: "floor/window/16", other: "floor/2/rate"},
	{row: "", what: "the same, 256 in hand", ours: "floor/window/256", other: "floor/2/rate"},
	{row: "", what: "N6 on pipes ÷ floor", ours: "ganger/large/pipes/rate", other: "floor/large/rate"},
	{row: "", what: "p50 at 2 callers, µs ÷ floor", ours: "ganger/2/p50", other: "floor/2/p50"},
	{row: "", what: "N4's rate ÷ go-plugin's calls over net/rpc, 16 callers", ours: "ganger/16/rate", other: "go-plugin/netrpc/rate"},
	{row: "", what: "N1's rate ÷ Python `ProcessPoolExecutor.map`", ours: "ganger/2/rate", other: "python/executor/rate"},
	{row: "", what: "N1's rate ÷ Python `multiprocessing.Pool.map`, chunks of 1", ours: "ganger/2/rate", other: "python/pool/rate"},
	{row: "", what: "tasks lost by one kill -9, `ProcessPoolExecutor`, of 20", ours: "python/executor/lost"},
}

// report writes the table in Markdown.
func (f *figures) report(w io.Writer, about string) error {
	var b strings.Builder
	b.WriteString(about + "\n\n")
	if f.size > 0 {
		f.table(&b, comparisons)
		size := float64(f.size) / (1 << 20)
		fmt.Fprintf(&b, "| %s | stripped program with a pool, MiB | %.2f | | | ≤ 6 | %s |\n\n", "N17", size, verdict(size, 6, true))
	}
	f.operations(&b)
	b.WriteString("\n")
	f.table(&b, others)
	for _, s := range f.skipped {
		fmt.Fprintf(&b, "\nSkipped: %s\n", s)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (f *figures) table(b *strings.Builder, rows []comparison) {
	b.WriteString("| row | what | measured | beside | ratio | target | |\n|---|---|---:|---:|---:|---|---|\n")
	for _, c := range rows {
		f.line(b, c)
	}
}

func (f *figures) line(b *strings.Builder, c comparison) {
	ours, ok := f.median(c.ours)
	if !ok {
		return // its contestant was skipped, which is said below the table
	}
	beside, ratio, judged := "", "", ours
	if v, ok := f.median(c.beside); ok {
		beside = number(v)
	}
	if c.other != "" {
		other, okOther := f.median(c.other)
		r, okRatio := f.ratio(c.ours, c.other)
		if !okOther || !okRatio {
			return
		}
		beside, ratio, judged = number(other), fmt.Sprintf("%.2f", r), r
	}
	target, met := "", ""
	if c.row != "" {
		sign := "≥"
		if c.most {
			sign = "≤"
		}
		target, met = fmt.Sprintf("%s %g", sign, c.target), verdict(judged, c.target, c.most)
	}
	fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s |\n", c.row, c.what, number(ours), beside, ratio, target, met)
}

func number(v float64) string {
	if v >= 1000 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

func verdict(v, target float64, most bool) string {
	if v == target || (v < target) == most {
		return "met"
	}
	return "**missed**"
}

// machine tells what the table was measured on.
func machine(rounds int) string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		kernel = []byte("unknown")
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, kernel %s, %s, %s, %d rounds.", model, runtime.NumCPU(),
		runtime.GOOS, runtime.GOARCH, strings.TrimSpace(string(kernel)), runtime.Version(), time.Now().Format(time.DateOnly), rounds)
}
