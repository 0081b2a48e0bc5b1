package main

import (
	"io"
	"iter"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/ganger-dev/ganger/cmd/ganger/internal/status"
	"github.com/ganger-dev/ganger/inspect"
)

// newBoard returns the board of a run. The status line is drawn on a terminal
// that can erase a line.
func newBoard(s streams, o options, line func(int) string) *status.Board {
	b := &status.Board{Out: s.err, Line: line, Quiet: o.quiet, Format: o.telling.logFormat}
	if b.Format == status.JSON {
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
		if j.size > 0 && c.Read > 0 {
			p.Fraction = float64(j.consumed.Load()) / float64(j.size) * float64(c.All()) / float64(c.Read)
		}
		return c.Line(now, p, width)
	}
}

// tellDeaths tells the deaths that cost a task an attempt but not its end,
// which has a heading of its own.
func (j *job) tellDeaths(events iter.Seq2[inspect.Event, uint64]) {
	for e := range events {
		if e.Name != inspect.EventRetry || !strings.HasPrefix(e.Detail, "crashed") {
			continue
		}
		if !j.ran.Load() {
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
