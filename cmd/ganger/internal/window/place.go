package window

import (
	"bytes"
	"io"
)

// Place is where one task's output waits for its turn. Its zero value is
// useless; [Window.Admit] makes places.
type Place[T any] struct {
	Task T // as given to Admit; the window only returns it

	w      *Window[T]
	own    int64  // what it holds beside output
	number uint64 // in the order of the input, from 0

	// What follows is guarded by w.mu. The output is what stands in the pieces,
	// then buf.
	prev, next *Place[T]
	final      bool    // what is written stands, whatever becomes of the task
	moves      bool    // it is on its way to the disk
	pieces     []piece // on the disk
	buf        []byte
	ending     Ending
	more       chan struct{} // made by a writer that waits for the printer, closed to wake it
}

// Begin says that an attempt at the task begins: what an earlier one wrote is
// dropped. final says that no later attempt will drop what this one writes; when
// it is its turn it is then printed as it comes.
func (p *Place[T]) Begin(final bool) {
	w := p.w
	w.mu.Lock()
	gone := p.pieces
	w.lightenLocked(int64(len(p.buf)))
	p.pieces, p.buf, p.final = nil, nil, final
	w.mu.Unlock()
	w.free(gone)
}

// Write adds b to the task's output. It waits when it is its turn, for the
// printer, and when it is not and the disk takes no more and memory is at its
// bound, for either, but never all at once do: see [Window.mayGrowLocked]. It
// returns the stream's error once there is one. It does not keep b.
func (p *Place[T]) Write(b []byte) (int, error) {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.err == nil && p.flowsLocked() && len(p.buf) > 0 && len(p.buf)+len(b) > w.cfg.flow {
		more := make(chan struct{})
		p.more = more
		w.mu.Unlock()
		<-more
		w.mu.Lock()
	}
	if w.err != nil {
		return 0, w.err
	}
	p.buf = append(p.buf, b...)
	w.held += int64(len(b))
	for w.err == nil && p.heavyLocked() && !p.fileLocked() && w.held > farBeyond*w.cfg.Bytes && !w.mayGrowLocked(p) {
		w.waitForReliefLocked()
	}
	if p.flowsLocked() {
		wake(w.turn)
	}
	return len(b), w.err
}

// heavyLocked reports whether what p holds in memory is to go to the disk.
func (p *Place[T]) heavyLocked() bool {
	w := p.w
	return !p.flowsLocked() && (len(p.buf) > w.cfg.spool || w.held > w.cfg.Bytes && len(p.buf) >= w.cfg.piece)
}

// fileLocked puts what is in memory on the disk, and reports whether that took
// it. It gives the lock up meanwhile: the printer may print the pieces before, and
// there is nothing behind, because this is the one writer.
func (p *Place[T]) fileLocked() bool {
	w, b := p.w, p.buf
	p.buf = nil
	w.filed += int64(len(b))
	w.mu.Unlock()
	at, err := w.pieces.write(b)
	if err != nil {
		w.full(err)
	}
	w.mu.Lock()
	if err != nil {
		w.filed -= int64(len(b))
		p.buf = b
		return false
	}
	w.lightenLocked(int64(len(b)))
	if n := len(p.pieces); n > 0 && p.pieces[n-1].end() == at {
		p.pieces[n-1].size += int64(len(b))
	} else {
		p.pieces = append(p.pieces, piece{at, int64(len(b))})
	}
	p.buf = b[:0]
	return true
}

// End says that the task has ended and how its place is printed. size is what
// the task still holds for that beside its output. There is no Write after End,
// and one End.
func (p *Place[T]) End(size int, e Ending) {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	p.ending = e
	p.own += int64(size)
	w.held += int64(size)
	if w.cfg.Unordered {
		w.ended = append(w.ended, p)
	}
	if w.grows == p {
		w.grows = nil
		w.relieveLocked()
	}
	if w.stalled {
		wake(w.room) // there may be something to put on the disk
	}
	if w.cfg.Unordered || p.number == w.prints {
		wake(w.turn)
	}
}

// WriteTo writes what was written to the place and not yet printed. It is for
// the place's [Ending].
func (p *Place[T]) WriteTo(out io.Writer) (int64, error) {
	if len(p.pieces) == 0 { // the usual case
		n, err := out.Write(p.buf)
		return int64(n), err
	}
	return io.Copy(out, p.Reader())
}

// Reader returns a reader of what WriteTo writes, from its beginning. It is for
// the place's [Ending], which may ask for several.
func (p *Place[T]) Reader() io.Reader {
	if len(p.pieces) == 0 {
		return bytes.NewReader(p.buf)
	}
	return io.MultiReader(p.w.pieces.reader(p.pieces), bytes.NewReader(p.buf))
}

// drain prints what the place whose turn it is holds now, while its task runs.
func (p *Place[T]) drain(out io.Writer) error {
	w := p.w
	w.mu.Lock()
	pieces, buf := p.pieces, p.buf
	p.pieces, p.buf = nil, nil
	w.lightenLocked(int64(len(buf)))
	p.wakeLocked()
	w.mu.Unlock()
	if len(pieces) > 0 {
		if _, err := io.Copy(out, w.pieces.reader(pieces)); err != nil {
			return err
		}
		w.free(pieces)
	}
	_, err := out.Write(buf)
	return err
}

// flowsLocked reports whether p is printed while its task runs.
func (p *Place[T]) flowsLocked() bool {
	return p.final && p.w.cfg.Flow && !p.w.cfg.Unordered && p.number == p.w.prints
}

// printableLocked reports whether the printer has something to do for p, which is its turn.
func (p *Place[T]) printableLocked() bool {
	return p.ending != nil || p.flowsLocked() && (len(p.buf) > 0 || len(p.pieces) > 0)
}

// wakeLocked wakes the writer that waits.
func (p *Place[T]) wakeLocked() {
	if p.more != nil {
		close(p.more)
		p.more = nil
	}
}

// free gives pieces back to the disk.
func (w *Window[T]) free(pieces []piece) {
	if len(pieces) == 0 {
		return
	}
	n := w.pieces.free(pieces)
	w.mu.Lock()
	w.filed -= n
	w.mu.Unlock()
	wake(w.room)
}
