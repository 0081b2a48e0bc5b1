package process

import (
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// writer is the coordinator's end of the requests of one life. Like reader's,
// its descriptor blocks. A write that is blocked at the death of the life ends
// because no reader is left or, while a descendant holds the other end, because
// release empties the pipe.
type writer struct {
	state atomic.Uint32
	pair  bool
	idle  chan struct{} // closed with the descriptor
	// emptied says that what a blocked write wrote was thrown away.
	emptied atomic.Bool

	mu     sync.Mutex // guards what follows; held across quick system calls on fd, so that it is still ours
	fd     int        // -1: closed
	unread int        // what the worker had not taken at its death
	known  bool       // unread is valid
}

func newWriter(fd int, pair bool) *writer {
	return &writer{fd: fd, pair: pair, idle: make(chan struct{})}
}

// Write is as io.Writer says; one goroutine at a time may write. It ends with
// io.ErrClosedPipe after Close and after the death of the life.
func (w *writer) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !w.state.CompareAndSwap(0, engaged) {
		if w.state.Load()&(released|shut) == 0 {
			panic("process: two goroutines write one stream")
		}
		return 0, io.ErrClosedPipe
	}
	n, err := w.writeAll(p)
	if !w.state.CompareAndSwap(engaged, 0) {
		w.close()
		if w.emptied.Load() { // the worker never had all of it
			n = min(n, len(p)-1)
		}
		if n < len(p) {
			err = io.ErrClosedPipe
		}
	}
	return n, err
}

// writeAll writes all of p. The caller is engaged, so the descriptor stays.
func (w *writer) writeAll(p []byte) (n int, err error) {
	for n < len(p) {
		m, err := syscall.Write(w.fd, p[n:])
		switch {
		case err == syscall.EINTR:
		case err == syscall.EPIPE, err == syscall.ECONNRESET:
			return n, io.ErrClosedPipe
		case err != nil:
			return n, err
		}
		n += max(m, 0)
	}
	return n, nil
}

// Close ends the requests: the worker reads the end of its input when it has
// read what was written. It may be called more than once.
func (w *writer) Close() error {
	if w.state.Or(shut) == 0 {
		w.close()
	}
	return nil
}

// close closes the descriptor. Who calls it has found nobody engaged, and
// nobody can be any more.
func (w *writer) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fd < 0 {
		return
	}
	w.noteUnreadLocked()
	if w.pair {
		_ = syscall.Shutdown(w.fd, syscall.SHUT_WR)
	}
	_ = syscall.Close(w.fd)
	w.fd = -1
	close(w.idle)
}

// noteUnreadLocked remembers, once the life is over, what it had not taken.
func (w *writer) noteUnreadLocked() {
	if w.known || w.pair || w.fd < 0 || w.state.Load()&released == 0 {
		return
	}
	n, err := unix.IoctlGetInt(w.fd, unix.TIOCINQ)
	w.unread, w.known = n, err == nil
}

// Unread is as wall.Unreader says. It is not known for a pair, nor after Close.
func (w *writer) Unread() (int, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pair || w.known || w.fd < 0 {
		return w.unread, w.known
	}
	n, err := unix.IoctlGetInt(w.fd, unix.TIOCINQ)
	return n, err == nil
}

// page is the least that a pipe holds, in one piece.
const page = 4 << 10

// Room is as wall.Roomer says. A write that does not fit behind the one before
// begins a page of its own, so at the worst every other page is nearly empty.
func (w *writer) Room() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pair || w.fd < 0 {
		return page // far less than a socket takes, whose count of it is its own
	}
	return max(page, capacity(w.fd)/2-page)
}

// release ends writing at the death of the life. It returns when the
// descriptor is closed. It is called once.
func (w *writer) release() {
	before := w.state.Or(released)
	w.mu.Lock()
	w.noteUnreadLocked()
	w.mu.Unlock()
	if before&engaged == 0 {
		w.close()
		return
	}
	if w.pair {
		w.mu.Lock()
		if w.fd >= 0 {
			_ = syscall.Shutdown(w.fd, syscall.SHUT_RDWR)
		}
		w.mu.Unlock()
		<-w.idle
		return
	}
	t := time.NewTimer(time.Millisecond)
	defer t.Stop()
	select {
	case <-w.idle: // the usual case: no reader was left
	case <-t.C:
		w.empty()
	}
}

// empty reads what a blocked write wrote, until that write has ended.
func (w *writer) empty() {
	w.emptied.Store(true)
	w.mu.Lock()
	fd := w.fd
	if fd >= 0 {
		fd, _ = reopen(fd, syscall.O_RDONLY)
	}
	w.mu.Unlock()
	if fd < 0 {
		<-w.idle
		return
	}
	defer syscall.Close(fd)
	buf := make([]byte, 64<<10)
	for {
		for readFD(fd, buf) > 0 {
			// It is nobody's any more.
		}
		select {
		case <-w.idle:
			return
		case <-time.After(time.Millisecond):
		}
	}
}
