package journal

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

// disk is a file in memory that knows what is safe, and fails when it is told to.
type disk struct {
	mu      sync.Mutex
	now     []byte // what the operating system has
	safe    []byte // what a power cut leaves for sure
	at      int64
	writes  int
	syncs   int
	fail    int           // the write with this number, from 1, fails
	partly  int           // after so many bytes
	stuck   bool          // and cannot be taken back
	unsafe  error         // of every sync
	syncing chan struct{} // if not nil: each sync sends one token and takes one
}

var errFull = errors.New("no space left on device")

func (d *disk) Read(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at >= int64(len(d.now)) {
		return 0, io.EOF
	}
	n := copy(b, d.now[d.at:])
	d.at += int64(n)
	return n, nil
}

func (d *disk) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writes++
	failed := d.writes == d.fail
	if failed {
		b = b[:min(d.partly, len(b))]
	}
	d.now = append(d.now[:d.at:d.at], b...)
	d.at += int64(len(b))
	if failed {
		return len(b), errFull
	}
	return len(b), nil
}

func (d *disk) Seek(offset int64, whence int) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if whence == io.SeekEnd {
		offset += int64(len(d.now))
	}
	d.at = offset
	return d.at, nil
}

func (d *disk) Truncate(size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stuck {
		return errFull
	}
	d.now = d.now[:size:size]
	return nil
}

func (d *disk) Sync() error {
	if d.syncing != nil {
		d.syncing <- struct{}{}
		<-d.syncing
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.syncs++
	if d.unsafe != nil {
		return d.unsafe
	}
	d.safe = bytes.Clone(d.now)
	return nil
}

func (d *disk) Close() error { return nil }
