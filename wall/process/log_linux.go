package process

import (
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// log reads one output of a life to its end and hands on what it holds.
type log struct {
	f    *os.File            // not blocking; closed by run
	take func(p []byte) bool // is given what was read; false: it wants no more
	end  func()              // is told that no more comes; may be nil
	done chan struct{}       // closed when run has ended
	rest atomic.Bool         // all that was found in the pipe has been taken
	held atomic.Bool         // take is being called

	waited  atomic.Bool     // somebody waits for rest; read without the lock for every emptied pipe
	waitsMu sync.Mutex      // guards waits; never held across a call
	waits   []chan struct{} // closed when rest is set
}

// newLog takes over the reading end of a pipe.
func newLog(fd int, take func([]byte) bool, end func()) *log {
	_ = syscall.SetNonblock(fd, true)
	return &log{f: os.NewFile(uintptr(fd), "log"), take: take, end: end, done: make(chan struct{})}
}

// buffers are for what is read of a log at once, so that one that is silent
// holds none.
var buffers = sync.Pool{New: func() any { return new([16 << 10]byte) }}

// run reads until nobody can write any more, until release, or until it is
// told that no more is wanted; the writers then find the pipe broken.
func (l *log) run() {
	defer close(l.done)
	if l.end != nil {
		defer l.end()
	}
	defer l.f.Close()
	rc, err := l.f.SyscallConn()
	if err != nil {
		return
	}
	for {
		var buf *[16 << 10]byte
		var n int
		err := rc.Read(func(fd uintptr) (ready bool) {
			buf = buffers.Get().(*[16 << 10]byte)
			var later bool
			l.rest.Store(false)
			if n, later = tryRead(int(fd), buf[:]); later {
				buffers.Put(buf)
				l.rest.Store(true)
				l.rested()
			}
			return !later
		})
		if err != nil {
			break
		}
		l.held.Store(true)
		more := n > 0 && l.take(buf[:n])
		l.held.Store(false)
		buffers.Put(buf)
		if !more {
			return
		}
	}
	// After release: what was written before it is still there.
	buf := buffers.Get().(*[16 << 10]byte)
	defer buffers.Put(buf)
	_ = rc.Control(func(fd uintptr) { l.drain(int(fd), buf[:]) })
}

// rested tells who waits that all in the pipe has been taken.
func (l *log) rested() {
	if !l.waited.Load() {
		return // nearly always
	}
	l.waitsMu.Lock()
	waits := l.waits
	l.waits = nil
	l.waited.Store(false)
	l.waitsMu.Unlock()
	for _, c := range waits {
		close(c)
	}
}

// settle waits until all that is in the pipe has been taken, and reports false if
// that takes too long: it hears of late every settling. Only a machine that is very
// busy does not let this log's goroutine run for as long.
func (l *log) settle(late <-chan time.Time) bool {
	for patience := settlings; !l.settled(); {
		rested := make(chan struct{})
		l.waitsMu.Lock()
		l.waits = append(l.waits, rested)
		l.waited.Store(true)
		l.waitsMu.Unlock()
		if l.settled() { // perhaps before it could know of us; it forgets us at its next rest
			return true
		}
		select {
		case <-rested:
		case <-l.done:
		case <-late:
			if patience--; l.held.Load() {
				patience -= settlings / 5
			}
			if patience <= 0 {
				return false
			}
		}
	}
	return true
}

// settled reports whether nothing is in the pipe that was not taken.
func (l *log) settled() bool {
	empty := true // as is a pipe that is closed
	rc, err := l.f.SyscallConn()
	if err == nil {
		_ = rc.Control(func(fd uintptr) {
			n, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ)
			empty = err != nil || n == 0 && l.rest.Load()
		})
	}
	return empty
}

// drain hands on what is in the pipe now, not more than it can hold.
func (l *log) drain(fd int, buf []byte) {
	for left := capacity(fd); left > 0; {
		n := readFD(fd, buf[:min(left, len(buf))])
		if n == 0 || !l.take(buf[:n]) {
			return
		}
		left -= n
	}
}

// release ends run at the death of the life although a descendant may still
// hold the other end, and waits for it.
func (l *log) release() {
	_ = l.f.SetReadDeadline(time.Unix(1, 0))
	<-l.done
}
