// Package window puts the outputs of tasks that end in any order on one stream
// in the order of the input, with bounded memory.
//
// # Usage
//
// The reader of the input takes a [Place] for each task with [Window.Admit],
// which waits while the window is full. A task's output is written to its place
// while it runs, and [Place.End] says how the task is to be printed. One
// goroutine runs [Window.Run], which prints.
//
// # What is bounded
//
// At most Config.Tasks places are taken and not yet printed, and no new one
// while they hold Config.Bytes: the input stalls until the oldest task ends.
// What the tasks that already run then still write goes to temporary files that
// have no name. The place that everybody waits for needs neither: when what it
// writes is final it is printed as it comes, and slows its writer down when the
// stream is slow. So the task at the head can always go on, and nothing can
// lock up.
//
// # Ordering and concurrency
//
// Ordered, everything of one place is printed before anything of the next.
// Unordered, places are printed whole in the order of their ends. Methods are
// safe for concurrent use, except that one place has one writer at a time.
//
// # Failure handling
//
// When the stream fails, Run returns the error; from then on writes and Admit
// return it too, and ends are forgotten. A temporary file that cannot be
// written is replaced by memory: then only Tasks bounds the window.
package window

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"sync"
)

// Config bounds a window. The zero Config is valid.
type Config struct {
	Tasks     int   // places taken and not yet printed; zero means 8192
	Bytes     int64 // held by them when the input stalls; zero means 16 MiB
	Unordered bool  // print in the order of the ends
	// Flow lets the place at the head be printed while its task runs, if what
	// it writes is final. It has no meaning for Unordered.
	Flow bool

	spool int // what one output may take in memory; zero means spoolMemory
	flow  int // how far the writer at the head may be ahead; zero means flowBuffer
}

const (
	// spoolMemory is how much one task's output may take in memory; more of it
	// goes to a file, so that few big outputs leave room for many small ones.
	spoolMemory = 1 << 20
	// flowBuffer is how far the writer at the head may be ahead of the printer.
	flowBuffer = 256 << 10
)

// overhead is what a place costs beside its bytes, roughly.
const overhead = 512

// ErrClosed is returned by Admit after Close.
var ErrClosed = errors.New("window: closed")

// Window is the places between an input and an output. Make it with [New].
type Window[T any] struct {
	cfg  Config
	room chan struct{} // room for one: something was printed
	turn chan struct{} // room for one: there may be something to print

	mu      sync.Mutex  // guards what follows and the places; never held across a call that waits
	queue   []*Place[T] // taken and not printed, in the order of the input; unused when unordered
	ended   []*Place[T] // in the order of their ends; used when unordered
	taken   int
	held    int64 // by all places taken, in memory, in files and as overhead
	memory  int64 // of held: output in memory
	stalled bool  // Admit waits
	closed  bool
	err     error // of the stream
}

// New returns an open window.
func New[T any](c Config) *Window[T] {
	if c.Tasks <= 0 {
		c.Tasks = 8192
	}
	if c.Bytes <= 0 {
		c.Bytes = 16 << 20
	}
	c.spool, c.flow = cmp.Or(c.spool, spoolMemory), cmp.Or(c.flow, flowBuffer)
	return &Window[T]{cfg: c, room: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
}

// Admit takes the next place for task, which itself holds size bytes. It waits
// while the window is full, and returns context.Cause(ctx), [ErrClosed] or the
// error of the stream. One goroutine admits.
func (w *Window[T]) Admit(ctx context.Context, task T, size int) (*Place[T], error) {
	p := &Place[T]{Task: task, w: w, own: int64(size) + overhead}
	for {
		ok, err := w.admit(p)
		if ok || err != nil {
			return p, err
		}
		select {
		case <-w.room:
		case <-ctx.Done():
			w.mu.Lock()
			w.stalled = false
			w.mu.Unlock()
			return nil, context.Cause(ctx)
		}
	}
}

func (w *Window[T]) admit(p *Place[T]) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.err != nil:
		return false, w.err
	case w.closed:
		return false, ErrClosed
	}
	w.stalled = w.taken > 0 && (w.taken >= w.cfg.Tasks || w.held+p.own > w.cfg.Bytes)
	if w.stalled {
		return false, nil
	}
	w.taken++
	w.held += p.own
	if !w.cfg.Unordered {
		w.queue = append(w.queue, p)
	}
	return true, nil
}

// Close says that no more places are taken; Run returns when all are printed.
func (w *Window[T]) Close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	wake(w.turn)
}

// Stalled returns the task that the input waits for. ok is false if it does not
// wait, or waits for no one task in particular.
func (w *Window[T]) Stalled() (task T, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stalled || len(w.queue) == 0 {
		return task, false
	}
	return w.queue[0].Task, true
}

// Run prints to out until the window is closed and all places are printed, and
// returns nil, or the first error of out or of a print function. Output is
// flushed whenever there is nothing more to print for the moment.
func (w *Window[T]) Run(out io.Writer) error {
	b := bufio.NewWriterSize(out, 64<<10)
	for {
		p, last, err := w.next()
		switch {
		case err != nil: // aborted
			return err
		case p != nil:
			err = w.print(p, b)
		case b.Buffered() > 0:
			err = b.Flush()
		case last:
			return nil
		default:
			<-w.turn
		}
		if err != nil {
			w.Abort(err)
			return err
		}
	}
}

// next returns the place that has something to print; last is true when there
// will never be one. The error is that of an end by force.
func (w *Window[T]) next() (p *Place[T], last bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.queue
	if w.cfg.Unordered {
		list = w.ended
	}
	if len(list) > 0 && list[0].printableLocked() {
		return list[0], false, w.err
	}
	return nil, w.closed && w.taken == 0, w.err
}

// print prints what there is of p, and if p has ended makes way for the next.
func (w *Window[T]) print(p *Place[T], b *bufio.Writer) error {
	w.mu.Lock()
	finish := p.finish
	w.mu.Unlock()
	if finish == nil { // the head, while its task runs
		return p.drain(b)
	}
	if err := finish(b); err != nil {
		return err
	}
	if p.file != nil { // nobody but this goroutine knows p any more
		_ = p.file.Close()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p.dropLocked()
	w.taken--
	w.held -= p.own
	if w.cfg.Unordered {
		w.ended[0] = nil
		w.ended = w.ended[1:]
	} else {
		w.queue[0] = nil
		w.queue = w.queue[1:]
	}
	wake(w.room)
	return nil
}

// Abort ends the window for good and wakes all that wait for it: from now on
// writes and Admit return err. Run returns when its stream lets it.
func (w *Window[T]) Abort(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	for _, p := range w.queue {
		p.wakeLocked()
	}
	wake(w.room)
	wake(w.turn)
}

// wake leaves a signal in a channel with room for one.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
