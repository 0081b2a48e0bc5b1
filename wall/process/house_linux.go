package process

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// household is what all lives of this program share: the thread that forks, the
// guard, and the numbers of the living. There is one for each program, because
// each of them is a property of the process: its threads, its children.
type household struct {
	token  string        // names this coordinator in marks
	serial atomic.Uint64 // numbers lives, from 1
	broom  chan struct{} // held by the one goroutine that looks after orphans

	mu     sync.Mutex      // guards what follows; never held across a call
	users  int             // lives and instances that need the forker
	forker *forker         // not nil while there are users
	living map[uint64]bool // numbers of lives that have not ended

	guard guard
	sweep sweeper
}

// house is the household of this program.
var house = &household{
	token:  rand.Text(),
	broom:  make(chan struct{}, 1),
	living: make(map[uint64]bool),
}

// enter makes sure that there is a forker, and a guard if the program can have
// one. Every enter that succeeds is followed by one leave.
func (h *household) enter(ctx context.Context) error {
	h.mu.Lock()
	h.users++
	f := h.forker
	if f == nil {
		f = newForker()
		h.forker = f
	}
	h.mu.Unlock()
	if err := h.guard.watch(ctx, f); err != nil {
		h.leave()
		return err
	}
	return nil
}

// leave gives up what enter took. The last to leave waits until the goroutines
// of the household have ended; the guard process stays, for the next to enter.
func (h *household) leave() {
	h.mu.Lock()
	h.users--
	var f *forker
	if h.users == 0 {
		f, h.forker = h.forker, nil
	}
	h.mu.Unlock()
	if f != nil {
		h.guard.unwatch(f)
		close(f.jobs)
		<-f.done
	}
}

// fork runs j on the forking thread. The caller has entered.
func (h *household) fork(ctx context.Context, j *job) (pid int, err error) {
	h.mu.Lock()
	f := h.forker
	h.mu.Unlock()
	return f.fork(ctx, j)
}

// number returns the number of a new life, which no life had before.
func (h *household) number() uint64 {
	n := h.serial.Add(1)
	h.mu.Lock()
	h.living[n] = true
	h.mu.Unlock()
	return n
}

// forget says that what carries the mark of life n has no right to live.
func (h *household) forget(n uint64) {
	h.mu.Lock()
	delete(h.living, n)
	h.mu.Unlock()
}

// alive reports whether life n has not ended.
func (h *household) alive(n uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.living[n]
}

// forker is the thread that makes all forks of this package.
//
// A child with a parent-death signal dies when the thread that forked it ends,
// not when the process does; so this thread outlives its children. It is not
// the main thread, so that the kernel's list of the main thread's children
// holds only orphans that fell to this program.
type forker struct {
	jobs chan *job
	done chan struct{} // closed when its goroutine ends
}

// job is one fork.
type job struct {
	path string
	argv []string
	attr syscall.ProcAttr
	pid  int
	err  error
	made chan struct{} // has room for one; told when pid and err are set
}

func newForker() *forker {
	f := &forker{make(chan *job), make(chan struct{})}
	go f.run() // ended and waited for by household.leave
	return f
}

// run forks until the last life has left.
func (f *forker) run() {
	runtime.LockOSThread()
	// Children are gone when this returns, so the thread may go back to the
	// scheduler, which may end it.
	defer runtime.UnlockOSThread()
	if syscall.Gettid() == syscall.Getpid() {
		// While this goroutine holds the main thread, another one cannot get it.
		go f.run()
		<-f.done
		return
	}
	defer close(f.done)
	for j := range f.jobs {
		j.pid, j.err = syscall.ForkExec(j.path, j.argv, &j.attr)
		j.made <- struct{}{}
	}
}

// fork makes a process and returns its number.
func (f *forker) fork(ctx context.Context, j *job) (pid int, err error) {
	err = retried(ctx, func() error {
		f.jobs <- j
		<-j.made
		return j.err
	})
	return j.pid, err
}

// forkPatience bounds how long is waited for what a fork lacks.
const forkPatience = 3 * time.Second

// retried waits out, with growing delay, errors of f that pass: no process, no
// memory, no descriptor, a program that is just being written.
func retried(ctx context.Context, f func() error) error {
	delay := time.Millisecond
	for begun := time.Now(); ; delay *= 2 {
		err := f()
		if err == nil || !passing(err) || time.Since(begun)+delay > forkPatience {
			return err
		}
		t := time.NewTimer(delay)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return err
		}
	}
}

// passing reports whether err may be gone in a moment.
func passing(err error) bool {
	for _, e := range []error{syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE, syscall.ETXTBSY} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// null is the empty input of workers. It stays open for the life of the program.
var null = sync.OnceValues(func() (*os.File, error) { return os.OpenFile(os.DevNull, os.O_RDWR, 0) })

// mark is the entry of the environment by which the descendants of life n are
// known. A coordinator that is itself a worker hands its own mark on, so that
// its coordinator finds them too.
func (h *household) mark(n uint64, keep bool) string {
	m := markKey + h.token + "." + strconv.FormatUint(n, 10)
	if keep {
		m += kept
	}
	if outer := os.Getenv(markName); outer != "" {
		m = markKey + outer + ":" + m[len(markKey):]
	}
	return m
}

const (
	markName = "GANGER_LIFE"
	markKey  = markName + "="
	kept     = "k" // ends the mark of a life whose daemons are kept
)
