package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// ErrFormat is the error for a file that is no journal, or one of a later format.
var ErrFormat = errors.New("not a journal of this format")

// DamagedError says that what once was synced can be read no more.
type DamagedError struct {
	Path   string
	Offset int64 // where what is readable ends
}

// Error names the file and the place.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s: damaged at byte %d, before a place that was safe on disk; what is before it can be read, and nothing was changed: keep a copy, then cut it there or begin a new log", e.Path, e.Offset)
}

// Read calls f for each whole record of the log at path, from the first, until
// one errs. It takes no lock and changes nothing: the log may be in use. record
// is valid until f returns. torn is how many bytes behind the last whole record
// are none: what a crash left, or what is just being written.
func Read(path string, f func(record []byte) error) (torn int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	end, err := replay(path, file, f)
	if err != nil {
		return 0, err
	}
	size, err := file.Seek(0, io.SeekEnd)
	return size - end, err
}

// replay reads in from its beginning and returns where the last whole frame ends,
// 0 if there is not even a whole first line.
func replay(path string, in io.ReadSeeker, f func(record []byte) error) (end int64, err error) {
	fail := func(err error) (int64, error) { return 0, fmt.Errorf("read %s: %w", path, err) }
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return fail(err)
	}
	r := bufio.NewReaderSize(in, 1<<16)
	first := make([]byte, len(magic))
	n, err := io.ReadFull(r, first)
	switch {
	case (err == io.EOF || err == io.ErrUnexpectedEOF) && strings.HasPrefix(magic, string(first[:n])):
		return 0, nil
	case err != nil && err != io.ErrUnexpectedEOF:
		return fail(err)
	case string(first) != magic:
		return fail(ErrFormat)
	}
	s := &scanner{in: r, offset: int64(len(magic))}
	for {
		body, mark, err := s.next()
		switch {
		case err == io.EOF:
			return s.offset, nil
		case err == errTorn:
			return s.offset, damage(path, in, s.offset)
		case err != nil:
			return fail(err)
		case mark:
			continue
		}
		if err := f(body); err != nil {
			return 0, err
		}
	}
}

// damage tells what a crash can have left at the offset, nil, from damage.
func damage(path string, in io.ReadSeeker, offset int64) error {
	if _, err := in.Seek(offset, io.SeekStart); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	past, err := syncedPast(in, offset)
	switch {
	case err != nil:
		return fmt.Errorf("read %s: %w", path, err)
	case past:
		return &DamagedError{path, offset}
	}
	return nil
}
