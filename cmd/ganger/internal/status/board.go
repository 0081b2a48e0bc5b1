package status

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// Board owns the standard error of a run: what is said there, and the status
// line below it. Its methods are safe for concurrent use.
type Board struct {
	// Out is the standard error. Errors of it are ignored: there is nowhere to
	// tell them.
	Out io.Writer
	// Draw says that Out is a terminal that understands how to erase a line.
	Draw bool
	// Width is how wide the terminal is now; nil or zero means unknown.
	Width func() int
	// Line makes the status line, of at most width characters if that is not
	// zero. It is called by Run only.
	Line func(width int) string
	// Quiet leaves the status line and the plain lines out.
	Quiet bool
	// Format says how notices are written. In JSON there is no status line, but a
	// notice now and then.
	Format Format
	// Progress makes the attributes of that notice. It is called by Run only, and
	// must be there in JSON unless Quiet is set.
	Progress func() []slog.Attr

	mu     sync.Mutex // guards what follows and the writing to Out: it is what keeps lines whole
	drawn  bool       // a status line stands on the terminal
	broken bool       // the cursor is in the middle of somebody's line
}

const (
	redraw = 200 * time.Millisecond
	plain  = 10 * time.Second
	erase  = "\r\x1b[K"
)

// Run draws the status line until ctx ends, then erases it.
func (b *Board) Run(ctx context.Context) {
	if b.Quiet {
		<-ctx.Done()
		return
	}
	every := plain
	if b.Draw {
		every = redraw
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	last := ""
	for {
		select {
		case <-tick.C:
			last = b.show(last)
		case <-ctx.Done():
			b.clear()
			return
		}
	}
}

// show draws the line, or says it if it is another than last.
func (b *Board) show(last string) string {
	if b.Format == JSON {
		attrs := b.Progress()
		now := slog.GroupValue(attrs...).String()
		if now != last {
			b.Tell(Notice{Message: "progress", Attrs: attrs})
		}
		return now
	}
	width := 0
	if b.Draw {
		width = 79
		if b.Width != nil && b.Width() > 1 {
			width = b.Width() - 1 // in the last column some terminals wrap
		}
	}
	line := b.Line(width)
	if !b.Draw {
		if line != last {
			b.Say("ganger: " + line + "\n")
		}
		return line
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.broken {
		_, _ = io.WriteString(b.Out, erase+line)
		b.drawn = true
	}
	return line
}

func (b *Board) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clearLocked()
}

func (b *Board) clearLocked() {
	if b.drawn {
		_, _ = io.WriteString(b.Out, erase)
		b.drawn = false
	}
}

// Tell writes a notice in the board's format.
func (b *Board) Tell(n Notice) {
	if text := n.In(b.Format); text != "" { // else the status line would make way for nothing
		b.Say(text)
	}
}

// Say writes text, which is whole lines, above the status line. It is for notices
// that were put into the board's format before.
func (b *Board) Say(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clearLocked()
	_, _ = io.WriteString(b.Out, text)
}

// Beside returns a writer to out, a standard output on the same terminal: the
// status line makes way for what is written there.
func (b *Board) Beside(out io.Writer) io.Writer { return beside{b, out} }

type beside struct {
	b   *Board
	out io.Writer
}

func (w beside) Write(p []byte) (int, error) {
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	w.b.clearLocked()
	n, err := w.out.Write(p)
	w.b.broken = !bytes.HasSuffix(p[:n], []byte("\n"))
	return n, err
}
