package window

import (
	"bufio"
	"io"
	"sync/atomic"
)

// Run prints to out until the window is closed and all places are printed, and
// returns nil, or the first error of out or of an [Ending]. Output is flushed
// whenever there is nothing more to print for the moment.
func (w *Window[T]) Run(out io.Writer) error {
	w.taker.out = out
	b := bufio.NewWriterSize(&w.taker, 64<<10)
	for {
		t, err := w.next(b.Buffered() > 0)
		switch {
		case err != nil: // aborted
			return err
		case t.loose != nil:
			_, err = b.Write(t.loose)
		case t.place != nil:
			err = w.print(t.place, b)
		case t.stored > 0:
			err = w.printStored(t.stored, b)
		case b.Buffered() > 0:
			err = b.Flush()
		case t.last: // and so nobody uses the files any more
			w.pieces.close()
			w.store.close()
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

// Printed is how many bytes the stream has taken so far.
func (w *Window[T]) Printed() int64 { return w.taker.n.Load() }

// taker counts what a stream takes.
type taker struct {
	out io.Writer
	n   atomic.Int64
}

func (t *taker) Write(b []byte) (int, error) {
	n, err := t.out.Write(b)
	t.n.Add(int64(n))
	return n, err
}

// turn is what the printer has to do: what is written beside the places, or a place
// in memory, or so many on the disk, or nothing for now, or with last for ever.
type turn[T any] struct {
	loose  []byte
	place  *Place[T]
	stored uint64
	last   bool
}

// next returns what is to be printed next; with buffered there is also something
// to flush. The error is that of an end by force.
func (w *Window[T]) next(buffered bool) (t turn[T], err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.loose) > 0 {
		t.loose = w.takeLooseLocked()
	} else if p := w.placeLocked(); p != nil {
		if p.printableLocked() && !p.moves {
			t.place = p
		}
	} else if w.stored > 0 {
		t.stored = w.admits - w.prints
		if w.first != nil {
			t.stored = w.first.number - w.prints
		}
	} else {
		t.last = w.closed && w.taken == 0
	}
	w.idle = t.loose == nil && t.place == nil && t.stored == 0 && !buffered
	if w.idle && w.stalled {
		wake(w.room)
	}
	return t, w.err
}

// placeLocked is the place in memory that is to be printed next, nil if it is
// not known, or on the disk.
func (w *Window[T]) placeLocked() *Place[T] {
	if !w.cfg.Unordered {
		return w.headLocked()
	}
	if len(w.ended) > 0 {
		return w.ended[0]
	}
	return nil
}

// print prints what there is of p, and if p has ended makes way for the next.
func (w *Window[T]) print(p *Place[T], b *bufio.Writer) error {
	w.mu.Lock()
	ending := p.ending
	w.mu.Unlock()
	if ending == nil { // while its task runs
		return p.drain(b)
	}
	if err := ending.Print(b); err != nil {
		return err
	}
	if err := w.tell(ending.Note(), b); err != nil {
		return err
	}
	w.mu.Lock()
	pieces := p.pieces
	w.leaveLocked(p)
	w.prints++
	if w.cfg.Unordered {
		w.ended[0] = nil
		w.ended = w.ended[1:]
	}
	if w.stalled {
		wake(w.room)
	}
	w.mu.Unlock()
	w.free(pieces)
	return nil
}

// printStored prints the next n places, which are on the disk.
func (w *Window[T]) printStored(n uint64, b *bufio.Writer) error {
	w.mu.Lock()
	first := w.prints
	w.mu.Unlock()
	r := w.store.read(first, n, make([]byte, 256<<10))
	for range n {
		note, err := r.next(b)
		if err != nil {
			return err
		}
		if err := w.tell(note, b); err != nil {
			return err
		}
		w.mu.Lock()
		w.prints++
		w.relieveLocked() // it may be somebody's turn
		w.stored--
		err = w.err
		w.mu.Unlock()
		if err != nil {
			return err
		}
	}
	w.mu.Lock()
	empty := w.stored == 0 && !w.moving // and nothing is added while the printer is not idle
	w.mu.Unlock()
	if empty {
		w.store.clear()
	}
	return nil
}

// tell tells a note, behind all output before it.
func (w *Window[T]) tell(note string, b *bufio.Writer) error {
	if note == "" || w.cfg.Tell == nil {
		return nil
	}
	if err := b.Flush(); err != nil {
		return err
	}
	w.cfg.Tell(note)
	return nil
}
