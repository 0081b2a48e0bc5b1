package window

import (
	"io"
	"os"
	"sync"
)

// pieces is the file where the outputs of tasks that run wait, in pieces. The
// zero pieces has no file yet. It is safe for concurrent use.
type pieces struct {
	keep *keeper

	mu   sync.Mutex // guards what follows; held while the file is made, which is once
	file *os.File
	end  int64 // of what was ever written
	used int64 // of that, what was not freed
}

// piece is a part of an output in the file.
type piece struct{ at, size int64 }

func (p piece) end() int64 { return p.at + p.size }

// write writes b to the file and returns where.
func (f *pieces) write(b []byte) (at int64, err error) {
	f.mu.Lock()
	if f.file == nil {
		f.file, err = unnamed()
	}
	if err == nil {
		err = f.keep.spare(f.file, len(b))
	}
	if err != nil {
		f.mu.Unlock()
		return 0, err
	}
	file, at := f.file, f.end
	f.end += int64(len(b))
	f.used += int64(len(b))
	f.mu.Unlock()
	if _, err := file.WriteAt(b, at); err != nil {
		f.free([]piece{{at, int64(len(b))}})
		return 0, err
	}
	return at, nil
}

// free gives the disk back what pieces take, and returns how much that was.
func (f *pieces) free(pieces []piece) (n int64) {
	for _, p := range pieces {
		punch(f.file, p.at, p.size)
		n += p.size
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.used -= n; f.used == 0 {
		f.end = 0 // nobody writes or reads there now
	}
	return n
}

// reader reads pieces one after another.
func (f *pieces) reader(pieces []piece) io.Reader {
	all := make([]io.Reader, len(pieces))
	for i, p := range pieces {
		all[i] = io.NewSectionReader(f.file, p.at, p.size)
	}
	return io.MultiReader(all...)
}

// close lets go of the file, when nobody uses it any more.
func (f *pieces) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file != nil {
		_ = f.file.Close()
	}
}
