// Package window puts the outputs of tasks that end in any order on one stream
// in the order of the input, with bounded memory.
//
// # Usage
//
// The reader of the input takes a [Place] for each task with [Window.Admit]. A
// task's output is written to its place while it runs, and [Place.End] says how
// the task is to be printed. One goroutine runs [Window.Run], which prints.
//
// # What is bounded
//
// At most Config.Tasks places are in memory, and no new one is taken while they
// hold Config.Bytes. Which way room is made depends on what is waited for:
//
//   - The printer waits for the task whose turn it is. Then places whose tasks
//     have ended go to the disk, printed already, and with them everything that
//     is known of them: the input goes on, however many wait and for however
//     long, and memory does not grow.
//   - The printer prints, and its stream is slow. Then the input waits: whoever
//     stops to read the output stops the run.
//
// What tasks that run write beyond the bounds goes to the disk at once. The place
// whose turn it is needs none: when what it writes is final it is printed as it
// comes, and slows its writer down when the stream is slow.
//
// Where the disk takes no more, writers wait when four times Config.Bytes are in
// memory, but never the place whose turn it is, and never all: there is always a
// task that can end.
//
// # On the disk
//
// Three temporary files without a name, made when they are first needed: outputs
// of tasks that run, in pieces; the ended places, printed; and an index of these
// by their number. They are gone when the program is, however it ends. They
// leave the disk some room for others: where less than that is free, or a write
// fails, the window says so once with Config.Full, keeps what it has in memory,
// and the input waits until the disk has room or the task has ended.
//
// # Ordering and concurrency
//
// Ordered, everything of one place is printed before anything of the next.
// Unordered, places are printed whole in the order of their ends, and what is
// written beside them with [Window.Write] as it comes. Methods are
// safe for concurrent use, except that one goroutine admits and one place has
// one writer at a time.
//
// # Failure handling
//
// When the stream fails, Run returns the error; from then on writes and Admit
// return it too, and ends are forgotten.
package window

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"sync"
	"time"
)

// Config bounds a window. The zero Config is valid.
type Config struct {
	Tasks     int   // places in memory; zero means 8192
	Bytes     int64 // that they hold there; zero means 16 MiB
	Unordered bool  // print in the order of the ends
	// Flow lets the place whose turn it is be printed while its task runs, if
	// what it writes is final. It has no meaning for Unordered.
	Flow bool
	// Tell is called by the printer with the note of a place, when its output
	// has been flushed. Nil discards.
	Tell func(note string)
	// Full is called once, by Admit or a writer, when the disk takes no more.
	// Nil discards.
	Full func(error)

	spool   int           // what one output may take in memory; zero means spoolMemory
	piece   int           // least size of what goes to the disk at once; zero means leastPiece
	flow    int           // how far the writer at the head may be ahead; zero means flowBuffer
	retry   time.Duration // between tries of a full disk; zero means a second
	reserve reserve       // nil: reserveOf the file system
}

const (
	// spoolMemory is how much one task's output may take in memory; more of it
	// goes to the disk, so that few big outputs leave room for many small ones.
	spoolMemory = 1 << 20
	// leastPiece keeps the list of an output's pieces far smaller than the output.
	leastPiece = 16 << 10
	// flowBuffer is how far the writer at the head may be ahead of the printer.
	flowBuffer = 256 << 10
)

// overhead is what a place costs beside its bytes, roughly, with all that the
// program knows of its task.
const overhead = 1024

// ErrClosed is returned by Admit after Close.
var ErrClosed = errors.New("window: closed")

// Ending is how a place is printed. It is used by one goroutine at a time, and
// may be used again after it failed.
type Ending interface {
	// Print prints the output, through the place's [Place.WriteTo] or [Place.Reader].
	Print(out *bufio.Writer) error
	// Note is what is to be told besides; "" if there is nothing.
	Note() string
}

// Window is the places between an input and an output. Make it with [New].
type Window[T any] struct {
	cfg    Config
	room   chan struct{} // room for one: Admit may look again
	turn   chan struct{} // room for one: there may be something to print
	taker  taker         // the stream
	pieces pieces
	store  store // used by the admitting goroutine, and read by the printer

	mu      sync.Mutex // guards what follows and the places; never held across a call that waits
	first   *Place[T]  // of the places in memory, in the order of the input; unused when unordered
	last    *Place[T]
	ended   []*Place[T] // in the order of their ends; used when unordered
	admits  uint64      // places taken so far
	prints  uint64      // places printed so far: when ordered, the number of the one whose turn it is
	taken   int         // places in memory
	held    int64       // by them there
	filed   int64       // by them on the disk
	stored  int         // places that are on the disk whole
	stalled bool        // Admit waits
	idle    bool        // the printer waits for a task
	moving  bool        // the store is being added to
	closed  bool
	loose   []byte        // what was written beside the places and not yet printed
	looser  chan struct{} // made by a writer of it that waits, closed to wake it
	told    bool          // that the disk is full
	relief  chan struct{} // made by writers that wait for memory, closed to wake them
	grows   *Place[T]     // the one that need not wait though it is not its turn
	err     error         // of the stream
}

// New returns an open window.
func New[T any](c Config) *Window[T] {
	c.Tasks = cmp.Or(max(c.Tasks, 0), 8192)
	c.Bytes = cmp.Or(max(c.Bytes, 0), 16<<20)
	c.spool, c.piece, c.flow = cmp.Or(c.spool, spoolMemory), cmp.Or(c.piece, leastPiece), cmp.Or(c.flow, flowBuffer)
	c.retry = cmp.Or(c.retry, time.Second)
	if c.reserve == nil {
		c.reserve = reserveOf
	}
	w := &Window[T]{cfg: c, room: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
	keep := &keeper{reserve: c.reserve} // one for all files
	w.pieces.keep, w.store.keep = keep, keep
	return w
}

// Admit takes the next place for task, which itself holds size bytes. It makes
// room or waits for it, and returns context.Cause(ctx), [ErrClosed] or the error
// of the stream. One goroutine admits.
func (w *Window[T]) Admit(ctx context.Context, task T, size int) (*Place[T], error) {
	p := &Place[T]{Task: task, w: w, own: int64(size) + overhead}
	for {
		d, err := w.admit(p)
		switch {
		case d == enters || err != nil:
			return p, err
		case d == makesRoom:
			if err = w.makeRoom(); err == nil && ctx.Err() == nil {
				continue
			}
		}
		if !w.waitForRoom(ctx, err != nil) {
			return nil, context.Cause(ctx)
		}
	}
}

// door is what becomes of a task that wants a place.
type door uint8

const (
	waits     door = iota // until something has changed
	makesRoom             // and asks again
	enters
)

func (w *Window[T]) admit(p *Place[T]) (door, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.err != nil:
		return waits, w.err
	case w.closed:
		return waits, ErrClosed
	}
	// A task that is too big for the window is let in when half of it is free.
	full := w.taken > 0 && (w.taken >= w.cfg.Tasks || w.held+min(p.own, w.cfg.Bytes/2) > w.cfg.Bytes)
	slow := w.filed > w.cfg.Bytes && !w.idle
	w.stalled = full || slow
	if w.stalled {
		if w.idle && w.movableLocked() != nil {
			return makesRoom, nil
		}
		return waits, nil
	}
	p.number = w.admits
	w.admits++
	w.taken++
	w.held += p.own
	if !w.cfg.Unordered {
		w.pushLocked(p)
	}
	return enters, nil
}

// waitForRoom waits until Admit may look again, and reports false when ctx has
// ended. failed says that the disk could make no room: it is tried again.
func (w *Window[T]) waitForRoom(ctx context.Context, failed bool) bool {
	var again <-chan time.Time
	if failed {
		t := time.NewTimer(w.cfg.retry)
		defer t.Stop()
		again = t.C
	}
	select {
	case <-w.room:
	case <-again:
	case <-ctx.Done():
		w.mu.Lock()
		w.stalled = false
		w.mu.Unlock()
		return false
	}
	return true
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
	if p := w.headLocked(); w.stalled && p != nil {
		return p.Task, true
	}
	return task, false
}

// Stored is how many places are on the disk.
func (w *Window[T]) Stored() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stored
}

// Aborted is why the window was aborted, nil if it was not.
func (w *Window[T]) Aborted() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Abort ends the window for good and wakes all that wait for it: from now on
// writes and Admit return err. Run returns when its stream lets it.
func (w *Window[T]) Abort(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
	for p := w.first; p != nil; p = p.next {
		p.wakeLocked()
	}
	w.loosenLocked()
	w.relieveLocked()
	wake(w.room)
	wake(w.turn)
}

// headLocked is the place whose turn it is, nil if it is not in memory.
func (w *Window[T]) headLocked() *Place[T] {
	if w.first != nil && w.first.number == w.prints {
		return w.first
	}
	return nil
}

func (w *Window[T]) pushLocked(p *Place[T]) {
	p.prev = w.last
	if w.last != nil {
		w.last.next = p
	} else {
		w.first = p
	}
	w.last = p
}

// leaveLocked lets go of a place that was printed or is on the disk.
func (w *Window[T]) leaveLocked(p *Place[T]) {
	w.taken--
	w.lightenLocked(p.own + int64(len(p.buf)))
	p.buf = nil
	if w.cfg.Unordered {
		return
	}
	if p.prev != nil {
		p.prev.next = p.next
	} else {
		w.first = p.next
	}
	if p.next != nil {
		p.next.prev = p.prev
	} else {
		w.last = p.prev
	}
	p.prev, p.next = nil, nil
}

// full tells once that the disk takes no more.
func (w *Window[T]) full(err error) {
	w.mu.Lock()
	first := !w.told
	w.told = true
	w.mu.Unlock()
	if first && w.cfg.Full != nil {
		w.cfg.Full(err)
	}
}

// wake leaves a signal in a channel with room for one.
func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
