package window

import (
	"bufio"
	"encoding/binary"
	"io"
	"os"
)

// store holds places that are on the disk whole: a file of their outputs and
// notes, printed, and an index of it by the places' numbers. One goroutine adds
// and commits, and one reads what was committed. The zero store has no files yet.
type store struct {
	keep    *keeper
	records *os.File
	index   *os.File
	base    uint64 // number of the place whose entry is the first of the index
	end     int64  // of the records that were committed

	out     *bufio.Writer // to the records behind end
	written int64         // behind end, out's buffer not counted
	entries []entry       // not committed yet, in the order of their numbers
	page    []byte        // for entries that follow on one another
}

// entry is where a place stands among the records.
type entry struct {
	number     uint64
	at         int64
	size, note int64 // of the output, and of the note behind it
}

// entrySize is that of an entry in the index, where its place says its number.
const entrySize = 24

// begin makes the files if there are none. With empty, nothing that was
// committed is needed any more, and none that will be is before first.
func (s *store) begin(empty bool, first uint64) (err error) {
	if s.records == nil {
		if s.records, err = unnamed(); err != nil {
			return err
		}
		s.out = bufio.NewWriterSize(nil, 256<<10)
	}
	if s.index == nil {
		if s.index, err = unnamed(); err != nil {
			return err
		}
	}
	if empty {
		s.clear()
		s.base = first
	}
	s.written, s.entries = 0, s.entries[:0]
	s.out.Reset((*recordWriter)(s))
	return nil
}

// clear gives the disk back what nobody needs any more.
func (s *store) clear() {
	if s.end > 0 {
		_, _ = s.records.Truncate(0), s.index.Truncate(0) // else it is overwritten
		s.end = 0
	}
}

// close lets go of the files, when nobody uses them any more.
func (s *store) close() {
	for _, f := range []*os.File{s.records, s.index} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// recordWriter writes to the records behind what was written.
type recordWriter store

func (w *recordWriter) Write(b []byte) (int, error) {
	if err := w.keep.spare(w.records, len(b)); err != nil {
		return 0, err
	}
	n, err := w.records.WriteAt(b, w.end+w.written)
	w.written += int64(n)
	return n, err
}

// add adds a place; numbers must grow.
func (s *store) add(number uint64, e Ending) error {
	begin := s.written + int64(s.out.Buffered())
	if err := e.Print(s.out); err != nil {
		return err
	}
	size := s.written + int64(s.out.Buffered()) - begin
	note := e.Note()
	_, err := s.out.WriteString(note)
	s.entries = append(s.entries, entry{number, s.end + begin, size, int64(len(note))})
	return err
}

// commit makes everything that was added readable. After an error nothing of it is.
func (s *store) commit() error {
	if err := s.out.Flush(); err != nil {
		return err
	}
	for i, e := range s.entries {
		s.page = binary.LittleEndian.AppendUint64(s.page, uint64(e.at))
		s.page = binary.LittleEndian.AppendUint64(s.page, uint64(e.size))
		s.page = binary.LittleEndian.AppendUint64(s.page, uint64(e.note))
		if i+1 < len(s.entries) && s.entries[i+1].number == e.number+1 {
			continue
		}
		n := len(s.page)
		_, err := s.index.WriteAt(s.page, int64(e.number+1-s.base)*entrySize-int64(n))
		s.page = s.page[:0]
		if err != nil {
			return err
		}
	}
	s.end += s.written
	s.written = 0
	return nil
}

// storeReader reads places that follow on one another. It is used by one
// goroutine, and not longer than until the store is empty.
type storeReader struct {
	s     *store
	index *bufio.Reader
	ahead []byte // of the records, from from on
	from  int64
	buf   []byte
}

// read returns a reader of n places from the one of that number on.
func (s *store) read(first, n uint64, buf []byte) *storeReader {
	from := int64(first-s.base) * entrySize
	return &storeReader{s: s, index: bufio.NewReader(io.NewSectionReader(s.index, from, int64(n)*entrySize)), buf: buf}
}

// next writes the output of the next place to out and returns its note.
func (r *storeReader) next(out io.Writer) (note string, err error) {
	var raw [entrySize]byte
	if _, err := io.ReadFull(r.index, raw[:]); err != nil {
		return "", err
	}
	at := int64(binary.LittleEndian.Uint64(raw[0:]))
	size := int64(binary.LittleEndian.Uint64(raw[8:]))
	behind := int64(binary.LittleEndian.Uint64(raw[16:]))
	if size+behind > int64(len(r.buf)) {
		if _, err := io.Copy(out, io.NewSectionReader(r.s.records, at, size)); err != nil {
			return "", err
		}
		text := make([]byte, behind)
		_, err := r.s.records.ReadAt(text, at+size)
		return string(text), err
	}
	if at < r.from || at+size+behind > r.from+int64(len(r.ahead)) {
		n, err := r.s.records.ReadAt(r.buf, at)
		if int64(n) < size+behind {
			return "", err
		}
		r.ahead, r.from = r.buf[:n], at
	}
	text := r.ahead[at-r.from:][:size+behind]
	_, err = out.Write(text[:size])
	return string(text[size:]), err
}
