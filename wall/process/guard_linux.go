package process

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// guard is this program's hold on the process that ends its workers when it is
// killed. The guard process holds the reading end of a pipe into which nothing
// is ever written: its end of file is the death of this program. Which groups
// live stands in memory that both share, one bit for each process number. So
// telling the guard costs no system call, a guard that is stopped holds nobody
// up, and a new guard knows what the old one knew.
//
// Its fields, but for the guarded ones, belong to whoever holds the household's
// door, and from watch to unwatch to the goroutine that keeps the guard.
type guard struct {
	wanted atomic.Bool // Main was called
	table  table
	memory *os.File
	lent   *os.File    // what the guard holds too; nil: nothing
	pipe   [2]*os.File // the writing end is what the guard waits for
	pid    atomic.Int64
	stop   chan struct{} // closed by unwatch
	done   chan struct{} // closed when the goroutine has ended; nil: it does not run

	mu       sync.Mutex // guards what follows; held across setting a deadline, so that it hits the right handle
	handle   *os.File   // tells the death of the guard; nil: there is none
	stopping bool       // the wait for that death is to end at once
}

// table has one bit for each process number: it leads a group that lives.
type table []atomic.Uint32

const tableBytes = (1 << 22) / 8 // process numbers end at 1<<22

func newTable(fd int) (table, error) {
	b, err := unix.Mmap(fd, 0, tableBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	return unsafe.Slice((*atomic.Uint32)(unsafe.Pointer(&b[0])), tableBytes/4), nil
}

// protect tells that pid leads a group.
func (g *guard) protect(pid int) {
	if i := pid / 32; i < len(g.table) {
		g.table[i].Or(1 << (pid % 32))
	}
}

// retire tells that the group of pid has ended. It comes before the leader is
// reaped: afterwards the number may be a stranger's.
func (g *guard) retire(pid int) {
	if i := pid / 32; i < len(g.table) {
		g.table[i].And(^uint32(1 << (pid % 32)))
	}
}

// number is the process number of the guard, 0 when there is none.
func (g *guard) number() int { return int(g.pid.Load()) }

// watch makes sure that there is a guard, and that there always will be.
func (g *guard) watch(quit func() bool, f *forker) error {
	if !g.wanted.Load() {
		return nil
	}
	if err := g.prepare(); err != nil {
		return fmt.Errorf("prepare the guard: %w", err)
	}
	if g.handle != nil && !g.running() {
		g.bury()
	}
	if g.handle == nil {
		if err := g.spawn(quit, f); err != nil {
			return fmt.Errorf("start the guard: %w", err)
		}
	}
	g.stop, g.done = make(chan struct{}), make(chan struct{})
	go g.keep(f) // unwatch waits for it
	return nil
}

// unwatch ends the goroutine that keeps the guard; the guard itself stays.
func (g *guard) unwatch() {
	if g.done == nil {
		return
	}
	close(g.stop)
	g.wait(false)
	<-g.done
	g.done = nil
	g.wait(true)
}

// wait says whether the death of the guard may be waited for.
func (g *guard) wait(may bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stopping = !may
	g.limitLocked()
}

// limitLocked makes waits for the present guard end at once, or not.
func (g *guard) limitLocked() {
	var deadline time.Time
	if g.stopping {
		deadline = time.Unix(1, 0)
	}
	if g.handle != nil {
		_ = g.handle.SetReadDeadline(deadline)
	}
}

// prepare makes, once, what guard after guard is given.
func (g *guard) prepare() error {
	if g.table != nil {
		return nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	fd, err := unix.MemfdCreate("ganger-guard", unix.MFD_CLOEXEC)
	if err == nil {
		g.memory = os.NewFile(uintptr(fd), "memfd")
		err = g.memory.Truncate(tableBytes)
	}
	if err == nil {
		g.table, err = newTable(fd)
	}
	if err != nil {
		_, _ = r.Close(), w.Close()
		return err
	}
	g.pipe = [2]*os.File{r, w}
	return nil
}

// spawn starts the guard process: this program once more, in a session of its
// own, away from the terminal's signals.
func (g *guard) spawn(quit func() bool, f *forker) error {
	empty, err := null()
	if err != nil {
		return err
	}
	lent := empty
	if g.lent != nil {
		lent = g.lent
	}
	fd := -1
	env := inherited().without([]string{markKey}).with([]string{guardName + "=" + house.token})
	pid, err := f.fork(quit, &job{
		path: "/proc/self/exe", argv: []string{"ganger-guard"}, made: make(chan struct{}, 1),
		attr: syscall.ProcAttr{
			Dir: "/", Env: env,
			Files: []uintptr{g.pipe[0].Fd(), empty.Fd(), empty.Fd(), g.memory.Fd(), lent.Fd()},
			Sys:   &syscall.SysProcAttr{Setsid: true, PidFD: &fd},
		},
	})
	if err != nil {
		return err
	}
	g.pid.Store(int64(pid))
	_ = syscall.SetNonblock(fd, true)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.handle = os.NewFile(uintptr(fd), "pidfd")
	g.limitLocked()
	return nil
}

// running reports whether the guard process has not died.
func (g *guard) running() bool {
	dead, err := zombie(unix.P_PID, g.number(), unix.WNOHANG)
	return !dead && err == nil
}

// bury reaps a dead guard.
func (g *guard) bury() {
	g.mu.Lock()
	_ = g.handle.Close()
	g.handle = nil
	g.mu.Unlock()
	var status syscall.WaitStatus
	_ = wait(g.number(), &status, nil)
	g.pid.Store(0)
}

// keep replaces the guard whenever it dies, until unwatch. One that dies young
// is replaced ever more slowly, so that a guard that cannot work at all does
// not fill the machine with starts.
func (g *guard) keep(f *forker) {
	defer close(g.done)
	const youngest, slowest = 10 * time.Millisecond, time.Second
	for pause := time.Duration(0); ; {
		born := time.Now()
		if !g.awaitDeath() {
			return
		}
		if time.Since(born) > slowest {
			pause = 0
		}
		for replaced := false; !replaced; pause = min(2*max(pause, youngest), slowest) {
			if !g.pauseFor(pause) {
				return
			}
			if g.handle != nil {
				g.bury()
			}
			replaced = g.spawn(g.stopped, f) == nil
		}
	}
}

// awaitDeath waits for the death of the guard; false: told to stop.
func (g *guard) awaitDeath() bool {
	rc, err := g.handle.SyscallConn()
	if err != nil {
		return false
	}
	return rc.Read(func(uintptr) bool { return !g.running() }) == nil
}

// stopped reports whether unwatch was called.
func (g *guard) stopped() bool {
	select {
	case <-g.stop:
		return true
	default:
		return false
	}
}

// pauseFor waits for d; false: told to stop.
func (g *guard) pauseFor(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-g.stop:
		return false
	}
}

// groups are the leaders that the table holds.
func (t table) groups() []int {
	var pids []int
	for i := range t {
		for word, bit := t[i].Load(), 0; word != 0; word, bit = word>>1, bit+1 {
			if word&1 != 0 {
				pids = append(pids, i*32+bit)
			}
		}
	}
	return pids
}
