package main

import (
	"io"
	"iter"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/status"
	"github.com/ganger-dev/ganger/inspect"
)

// newBoard returns the board of a run. The status line is drawn on a terminal
// that can erase a line.
func newBoard(s streams, o options, line func(int) string, progress func() []slog.Attr) *status.Board {
	b := &status.Board{Out: s.err, Line: line, Quiet: o.quiet, Format: o.telling.logFormat}
	if b.Format == status.JSON {
		b.Progress = progress
		return b
	}
	if f, ok := s.err.(*os.File); ok && isTerminal(s.err) && os.Getenv("TERM") != "dumb" {
		b.Draw = true
		b.Width = func() int {
			width, _, err := term.GetSize(int(f.Fd()))
			if err != nil {
				return 0
			}
			return width
		}
	}
	return b
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// stdout is where the printer prints: the status line makes way for it if both
// are on a terminal.
func (j *job) stdout(s streams) io.Writer {
	if j.board.Draw && !j.board.Quiet && isTerminal(s.out) {
		return j.board.Beside(s.out)
	}
	return s.out
}

// statusLine returns what makes the status line, for one goroutine.
func (j *job) statusLine() func(width int) string {
	var rate status.Rate
	rate.Add(j.born, 0)
	return func(width int) string {
		now, c := time.Now(), j.tally.Counts()
		p := status.Progress{Rate: rate.Add(now, c.All()-c.Skipped)}
		if t, ok := j.window.Stalled(); ok {
			p.Stalled = string(t.Label)
		}
		if j.plan.opts.limits.memorySoft.bytes+j.plan.opts.limits.memoryHard.bytes > 0 && j.plan.opts.warm() {
			p.Workers = j.workers()
		}
		if j.size > 0 && c.Read > 0 {
			p.Fraction = float64(j.consumed.Load()) / float64(j.size) * float64(c.All()) / float64(c.Read)
		}
		return c.Line(now, p, width)
	}
}

// shownWorkers is how many workers have room in the status line.
const shownWorkers = 4

// workers tells what each worker holds and does, for people who limit that; "" if
// there are too many.
func (j *job) workers() string {
	var all []string
	j.engine.Snapshot(func(w inspect.Worker) bool {
		words := w.Name
		if w.Memory > 0 {
			words += " " + ganger.FormatBytes(w.Memory)
		}
		words += " " + w.State.String()
		if w.Detail != "" && w.State != ganger.Starting {
			words += " (" + w.Detail + ")"
		}
		all = append(all, words)
		return true
	})
	if len(all) > shownWorkers {
		return ""
	}
	return strings.Join(all, " | ")
}

// tellReady tells when all workers are ready, if that took long.
func (j *job) tellReady(e inspect.Event, ready map[string]bool) {
	if e.Name != inspect.StateEvent(ganger.Idle) || ready[e.Worker] {
		return
	}
	ready[e.Worker] = true
	if n, took := len(ready), time.Since(j.born); n == j.plan.opts.workers && took >= longStart {
		j.tell(slog.LevelInfo, "ready", status.Count(n, "worker")+" ready after "+status.Duration(took), slog.Int("workers", n), slog.Int64("took_ms", took.Milliseconds()))
	}
}

// longStart is how long a start takes that people wonder about.
const longStart = time.Second

// tellDeaths tells the deaths that cost a task an attempt but not its end,
// which has a heading of its own.
func (j *job) tellDeaths(events iter.Seq2[inspect.Event, uint64]) {
	ready := make(map[string]bool)
	for e := range events {
		j.tellReady(e, ready)
		j.tellLeaving(e)
		if e.Name != inspect.EventRetry || !strings.HasPrefix(e.Detail, "crashed") {
			continue
		}
		if !j.ran.Load() && (len(ready) == 0 || !j.plan.opts.greets()) {
			continue // a start that came to nothing, which costs no task an attempt
		}
		j.handsMu.Lock()
		h, ok := j.hands[e.Task]
		j.handsMu.Unlock()
		if !ok {
			continue
		}
		how, _, _ := strings.Cut(e.Detail, " on ")
		j.tellLostAttempt(h.t, how, e)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

func exitText(status *int) string {
	if status == nil {
		return ""
	}
	return itoa(*status)
}
