package window

import (
	"bufio"
	"bytes"
	"io"
	"os"
)

// Place is where one task's output waits for its turn. Its zero value is
// useless; [Window.Admit] makes places.
type Place[T any] struct {
	Task T // as given to Admit; the window only returns it

	w   *Window[T]
	own int64 // what it holds beside output

	// What follows is guarded by w.mu, file's bytes by the offsets: the writer
	// owns those from end on, the printer those before.
	final        bool   // what is written stands, whatever becomes of the task
	mem          []byte // printed before what is in the file
	tail         []byte // printed after it: what the file had no room for
	file         *os.File
	printed, end int64 // of the file: first byte not printed, first byte not written
	finish       func(*bufio.Writer) error
	more         chan struct{} // made by a writer that waits for the printer, closed to wake it
}

// Begin says that an attempt at the task begins: what an earlier one wrote is
// dropped. final says that no later attempt will drop what this one writes; at
// the head it is then printed as it comes.
func (p *Place[T]) Begin(final bool) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.dropLocked()
	p.final = final
}

// Write adds b to the task's output. It waits only at the head, for the printer.
// It returns the stream's error once there is one. It does not keep b.
func (p *Place[T]) Write(b []byte) (int, error) {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		if w.err != nil {
			return 0, w.err
		}
		inFile, inMemory := p.end > p.printed, len(p.mem)+len(p.tail)
		switch flows := p.flowsLocked(); {
		case flows && !inFile && inMemory > 0 && inMemory+len(b) > w.cfg.flow:
			p.waitLocked()
			continue
		case len(p.tail) > 0:
			p.tail = append(p.tail, b...)
		case inFile, !flows && (inMemory+len(b) > w.cfg.spool || w.memory+int64(len(b)) > w.cfg.Bytes):
			if p.spillLocked(b) {
				w.held += int64(len(b))
				return len(b), nil
			}
			p.tail = append(p.tail, b...)
		default:
			p.mem = append(p.mem, b...)
		}
		w.held += int64(len(b))
		w.memory += int64(len(b))
		if p.flowsLocked() {
			wake(w.turn)
		}
		return len(b), nil
	}
}

// End says that the task has ended and how its place is printed: print is called
// by the printer when it is its turn, and prints the output through the place's
// [Place.WriteTo] or [Place.Reader]. size is what the task still holds for print
// beside its output. There is no Write after End, and one End.
func (p *Place[T]) End(size int, print func(out *bufio.Writer) error) {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	p.finish = print
	p.own += int64(size)
	w.held += int64(size)
	if w.cfg.Unordered {
		w.ended = append(w.ended, p)
	}
	wake(w.turn)
}

// WriteTo writes what was written to the place and not yet printed. It is for
// the print function of [Place.End].
func (p *Place[T]) WriteTo(out io.Writer) (int64, error) {
	if p.end == p.printed && len(p.tail) == 0 { // the usual case
		n, err := out.Write(p.mem)
		return int64(n), err
	}
	return io.Copy(out, p.Reader())
}

// Reader returns a reader of what WriteTo writes, from its beginning. It is for
// the print function of [Place.End], which may ask for several.
func (p *Place[T]) Reader() io.Reader {
	if p.end == p.printed {
		return io.MultiReader(bytes.NewReader(p.mem), bytes.NewReader(p.tail))
	}
	return io.MultiReader(bytes.NewReader(p.mem), p.fileReader(), bytes.NewReader(p.tail))
}

func (p *Place[T]) fileReader() io.Reader {
	return io.NewSectionReader(p.file, p.printed, p.end-p.printed)
}

// drain prints what the place at the head holds now.
func (p *Place[T]) drain(out io.Writer) error {
	w := p.w
	w.mu.Lock()
	mem, file, from, to := p.mem, p.file, p.printed, p.end
	p.mem = nil
	if len(mem) == 0 && from == to {
		mem, p.tail = p.tail, nil
	}
	w.held -= int64(len(mem))
	w.memory -= int64(len(mem))
	p.wakeLocked()
	w.mu.Unlock()
	if len(mem) > 0 {
		_, err := out.Write(mem)
		return err
	}
	if _, err := io.Copy(out, io.NewSectionReader(file, from, to-from)); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p.printed = to
	w.held -= to - from
	return nil
}

// flowsLocked reports whether p is printed while its task runs.
func (p *Place[T]) flowsLocked() bool {
	return p.final && p.w.cfg.Flow && len(p.w.queue) > 0 && p.w.queue[0] == p
}

// printableLocked reports whether the printer has something to do for p, which is its turn.
func (p *Place[T]) printableLocked() bool {
	return p.finish != nil || p.flowsLocked() && (len(p.mem) > 0 || p.end > p.printed)
}

// waitLocked waits until the printer has taken something, or failed.
func (p *Place[T]) waitLocked() {
	more := make(chan struct{})
	p.more = more
	p.w.mu.Unlock()
	<-more
	p.w.mu.Lock()
}

// wakeLocked wakes the writer that waits.
func (p *Place[T]) wakeLocked() {
	if p.more != nil {
		close(p.more)
		p.more = nil
	}
}

// dropLocked forgets what was written. The file stays, for the next attempt.
func (p *Place[T]) dropLocked() {
	memory := int64(len(p.mem) + len(p.tail))
	p.w.held -= memory + p.end - p.printed
	p.w.memory -= memory
	p.mem, p.tail, p.printed, p.end = nil, nil, 0, 0
}

// spillLocked appends b to the file and reports whether that went well. It
// gives the lock up while it writes; the offsets say which bytes are whose.
func (p *Place[T]) spillLocked(b []byte) bool {
	file, end := p.file, p.end
	p.w.mu.Unlock()
	var err error
	if file == nil {
		file, err = unnamed()
	}
	if err == nil {
		_, err = file.WriteAt(b, end)
	}
	p.w.mu.Lock()
	p.file = file
	if err == nil {
		p.end = end + int64(len(b))
		if p.flowsLocked() {
			wake(p.w.turn)
		}
	}
	return err == nil
}

// unnamed opens a temporary file that nothing is left of when the program ends,
// however it ends.
func unnamed() (*os.File, error) {
	f, err := os.CreateTemp("", "ganger-output-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil { // not on Windows, while it is open
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
