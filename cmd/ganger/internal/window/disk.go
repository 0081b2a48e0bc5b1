package window

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// unnamed opens a temporary file that nothing is left of when the program ends,
// however it ends.
func unnamed() (*os.File, error) {
	f, err := os.CreateTemp("", "ganger-output-")
	if err != nil {
		return nil, fmt.Errorf("no temporary file can be made in %s; TMPDIR says where: %w", os.TempDir(), err)
	}
	if err := os.Remove(f.Name()); err != nil { // not on Windows, while it is open
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// reserve returns how much a file system has free, and how much of that is to be
// left to others.
type reserve func(*os.File) (free, leave int64, err error)

// most is the greatest reserve; on a small file system it is a twentieth.
const most = 1 << 30

// stride is how much is written at most between two looks at what is free; on a
// small file system it is a quarter of the reserve.
const stride = 4 << 20

// errNoRoom is why nothing more is written although the disk would take it.
var errNoRoom = errors.New("the file system of temporary files is nearly full")

// keeper leaves a file system its reserve. It is safe for concurrent use.
type keeper struct {
	reserve reserve

	mu     sync.Mutex // guards what follows
	unseen int64      // may be written before the next look
}

// spare says why n bytes must not be written to f, nil if they may.
func (k *keeper) spare(f *os.File, n int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.unseen -= int64(n); k.unseen >= 0 {
		return nil
	}
	k.unseen = 0
	free, leave, err := k.reserve(f)
	switch {
	case errors.Is(err, errors.ErrUnsupported): // then it is full when a write fails
	case err != nil:
		return err
	case free-int64(n)-min(stride, leave/4) < leave:
		return fmt.Errorf("%w: %s: %d MiB are free, and %d MiB are left to others", errNoRoom, os.TempDir(), free>>20, leave>>20)
	}
	k.unseen = min(stride, leave/4)
	return nil
}
