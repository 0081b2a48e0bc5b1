package process

import (
	"crypto/rand"
	"errors"
	"math"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// household is what all lives of this program share: the thread that forks, the
// guard, the sweep, and the numbers of the living. There is one for each
// program, because each of them is a property of the process: its threads, its
// children.
type household struct {
	token  string        // names this coordinator in marks
	outer  string        // the mark that it carries itself
	serial atomic.Uint64 // numbers lives, from 1
	door   chan struct{} // held by whoever enters or leaves; guards users, first, stop and done
	broom  chan struct{} // held by whoever looks after orphans; guards sweep

	users   int  // lives and instances that need the forker
	first   bool // this is process 1: reap runs until the program ends
	stop    chan struct{}
	done    chan struct{} // closed when reap has ended; nil: it does not run
	guard   guard
	sweep   sweeper
	sampler sampler
	groups  groups
	oom     oomWatch

	mu     sync.Mutex     // guards what follows; never held across a call
	forker *forker        // not nil while there are users
	living map[uint64]int // lives that have not ended, and their leaders, 0 before the fork
}

// house is the household of this program.
var house = &household{
	token:  rand.Text(),
	outer:  os.Getenv(markName),
	door:   make(chan struct{}, 1),
	broom:  make(chan struct{}, 1),
	living: make(map[uint64]int),
	sweep:  sweeper{orphans: make(map[int]orphan), killed: make(map[int]bool)},
}

// enter makes sure that there is a forker, and a guard if the program can have
// one, before any life is started. Every enter that succeeds is followed by one
// leave.
func (h *household) enter(quit func() bool) error {
	h.door <- struct{}{}
	defer func() { <-h.door }()
	if h.users > 0 {
		h.users++
		return nil
	}
	f := newForker()
	if err := h.guard.watch(quit, f); err != nil {
		f.end()
		return err
	}
	if h.guard.wanted.Load() && !h.first {
		h.stop, h.done = make(chan struct{}), make(chan struct{})
		go func() { // leave waits for it
			defer close(h.done)
			h.reap(h.stop)
		}()
	}
	h.users = 1
	h.mu.Lock()
	h.forker = f
	h.mu.Unlock()
	return nil
}

// leave gives up what enter took. The last to leave waits until the goroutines
// of the household have ended; the guard process stays, for the next to enter.
func (h *household) leave() {
	h.door <- struct{}{}
	defer func() { <-h.door }()
	if h.users--; h.users > 0 {
		return
	}
	if h.done != nil {
		close(h.stop)
		<-h.done
		h.done = nil
	}
	h.guard.unwatch()
	h.sampler.end()
	h.mu.Lock()
	f := h.forker
	h.forker = nil
	h.mu.Unlock()
	f.end()
}

// fork runs j on the forking thread. The caller has entered.
func (h *household) fork(quit func() bool, j *job) (pid int, err error) {
	h.mu.Lock()
	f := h.forker
	h.mu.Unlock()
	return f.fork(quit, j)
}

// number returns the number of a new life, which no life had before.
func (h *household) number() uint64 {
	n := h.serial.Add(1)
	h.settle(n, 0)
	return n
}

// settle notes the leader of life n.
func (h *household) settle(n uint64, pid int) {
	h.mu.Lock()
	h.living[n] = pid
	h.mu.Unlock()
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
	_, ok := h.living[n]
	return ok
}

// leader reports whether pid leads a life that has not ended.
func (h *household) leader(pid int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.living {
		if p == pid {
			return true
		}
	}
	return false
}

// oldest is the number of the oldest life that has not ended, the greatest
// number when there is none.
func (h *household) oldest() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	oldest := uint64(math.MaxUint64)
	for n := range h.living {
		oldest = min(oldest, n)
	}
	return oldest
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
	core bool                     // may dump core
	born func(pid int, held bool) // called at once, on the forking thread; may be nil
	made chan struct{}            // has room for one; told when pid and err are set
}

func newForker() *forker {
	f := &forker{make(chan *job), make(chan struct{})}
	go f.run() // end waits for it
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
		if j.core {
			j.fork()
		} else {
			withoutCore(j.fork)
		}
		if j.born != nil && j.err == nil {
			j.born(j.pid, j.attr.Sys.Ptrace)
		}
		j.made <- struct{}{}
	}
}

// fork makes the process, on the forking thread. One that is to be born into a
// control group is not where the kernel refuses that; one that is to be held is
// not where that is forbidden, or where somebody traces this program.
func (j *job) fork() {
	sys := j.attr.Sys
	for {
		j.pid, j.err = syscall.ForkExec(j.path, j.argv, &j.attr)
		switch {
		case j.err != nil && sys.UseCgroupFD:
			sys.UseCgroupFD = false
		case j.err == syscall.EPERM && sys.Ptrace:
			sys.Ptrace = false
		default:
			return
		}
	}
}

// end ends the goroutine and waits for it. Nobody forks any more.
func (f *forker) end() {
	close(f.jobs)
	<-f.done
}

// fork makes a process and returns its number.
func (f *forker) fork(quit func() bool, j *job) (pid int, err error) {
	err = retried(quit, func() error {
		f.jobs <- j
		<-j.made
		return j.err
	})
	return j.pid, err
}

// How long is waited for what a fork lacks, at all and at once.
const (
	forkPatience = 3 * time.Second
	longestDelay = 50 * time.Millisecond
)

// retried waits out, with growing delay, errors of f that pass: no process, no
// memory, no descriptor, a program that is just being written. It gives up after
// a short time, and soon after quit, if that is not nil, says so.
func retried(quit func() bool, f func() error) error {
	delay := time.Millisecond
	for begun := time.Now(); ; delay = min(2*delay, longestDelay) {
		err := f()
		if err == nil || !passing(err) || time.Since(begun)+delay > forkPatience || quit != nil && quit() {
			return err
		}
		time.Sleep(delay)
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
