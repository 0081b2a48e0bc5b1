package process

import (
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// child is one process, the leader of its group, with all its descendants: from
// its start to the end of the last of them. Command and Exec share it.
type child struct {
	pid    int
	number uint64   // of the life, in its mark
	keep   bool     // spare descendants that left the group
	handle *os.File // tells the death of the leader; nil where the kernel has none
	meter  *meter   // nil: its memory is not limited
	group  *group   // of control; nil: it has none of its own
	kills  uint64   // by the kernel, for want of memory, before its start
	floor  int64    // what the kernel calls its peak may be ours up to here

	mu     sync.Mutex     // guards what follows; held across kill, because the number must not be reaped meanwhile
	reaped bool           // pid may belong to a stranger
	why    ganger.Leaving // why we ended it; "" while we did not
}

// launch is how a process is to be started.
type launch struct {
	path   string // resolved
	argv   []string
	dir    string
	env    environment
	extra  []string  // of this start, after env
	fds    []uintptr // becomes descriptors 0, 1, 2, …
	keep   bool
	limits Limits
}

// start starts the leader. The caller has entered the house, and calls end
// exactly once if start succeeds.
func start(quit func() bool, l launch) (*child, error) {
	c := &child{keep: l.keep}
	if l.keep {
		house.sweep.keeps.Store(true)
	}
	c.number = house.number()
	fd := -1
	var unlimited error
	born := func(pid int, held bool) {
		house.guard.protect(pid)
		unlimited = l.limits.impose(pid, held)
	}
	j := &job{path: l.path, argv: l.argv, core: l.limits.Core, born: born, made: make(chan struct{}, 1), attr: syscall.ProcAttr{
		Dir:   l.dir,
		Env:   l.env.with(append(l.extra, markOf(house.outer, house.token, c.number, l.keep))),
		Files: l.fds,
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, PidFD: &fd, Ptrace: l.limits.held()},
	}}
	c.kills = house.oom.before()
	if c.group = house.groups.make(c.number, l.limits); c.group != nil {
		j.attr.Sys.UseCgroupFD, j.attr.Sys.CgroupFD = true, int(c.group.dir.Fd())
	}
	pid, err := house.fork(quit, j)
	if c.group != nil {
		c.group.started()
	}
	if err != nil {
		c.endGroup()
		house.forget(c.number)
		return nil, err
	}
	c.pid = pid
	house.settle(c.number, pid)
	if fd >= 0 {
		// Non-blocking, so that the wait costs no thread.
		_ = syscall.SetNonblock(fd, true)
		c.handle = os.NewFile(uintptr(fd), "pidfd")
	}
	if unlimited != nil {
		c.kill(ganger.LeavingStartFailed)
		c.end(func() {})
		return nil, unlimited
	}
	c.floor = ownPeak()
	if l.limits.watched() {
		c.meter = newMeter(l.limits, c)
	}
	return c, nil
}

// died waits until the leader is dead, and leaves it to be reaped.
func (c *child) died() {
	if c.handle != nil {
		rc, err := c.handle.SyscallConn()
		if err == nil {
			var fault error
			err = rc.Read(func(fd uintptr) bool {
				var dead bool
				dead, fault = zombie(unix.P_PIDFD, int(fd), unix.WNOHANG)
				return dead || fault != nil
			})
			if err == nil && fault == nil {
				return
			}
		}
	}
	// A kernel without handles that can be waited for: it costs a thread.
	_, _ = zombie(unix.P_PID, c.pid, 0)
}

// zombie reports whether a child is dead and not yet reaped.
func zombie(kind, id, flags int) (bool, error) {
	for {
		var info unix.Siginfo
		err := unix.Waitid(kind, id, &info, unix.WEXITED|unix.WNOWAIT|flags, nil)
		if err == syscall.EINTR {
			continue
		}
		return err == nil && info.Signo != 0, err
	}
}

// ask notes why the life is being ended. The first reason wins, and there is
// none for a life that has ended by itself already.
func (c *child) ask(why ganger.Leaving) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why != "" || c.reaped {
		return
	}
	if dead, err := zombie(unix.P_PID, c.pid, unix.WNOHANG); dead || err != nil {
		return
	}
	c.why = why
}

// usage is the newest sample of the life, at least its number.
func (c *child) usage() wall.Usage {
	if c.meter == nil {
		return wall.Usage{PID: c.pid}
	}
	return c.meter.usage()
}

// signal sends s to the group, which nobody else's can be as long as the
// leader is not reaped.
func (c *child) signal(s syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reaped {
		return os.ErrProcessDone
	}
	return syscall.Kill(-c.pid, s)
}

// kill ends the group at once.
func (c *child) kill(why ganger.Leaving) {
	c.ask(why)
	_ = c.signal(syscall.SIGKILL)
}

// end waits for the death of the leader, then ends what is left of the life in
// the order of the package comment. freed is called when no process of the
// group can write or read any more; descendants that left it may.
func (c *child) end(freed func()) ganger.Exit {
	c.died()
	// The leader is a zombie: its number, and so its group, is still its own.
	_ = c.signal(syscall.SIGKILL)
	var peak int64
	if c.meter != nil {
		peak = c.meter.end()
	}
	freed()
	house.guard.retire(c.pid)
	var status syscall.WaitStatus
	var usage syscall.Rusage
	c.mu.Lock()
	err := wait(c.pid, &status, &usage)
	c.reaped = true
	why := c.why
	c.mu.Unlock()
	asked := why != ""
	if c.handle != nil {
		_ = c.handle.Close()
	}
	house.forget(c.number)
	house.sweepAfter(c)
	if err == nil && why == "" && status.Signaled() && status.Signal() == syscall.SIGKILL && c.starved() {
		why = ganger.LeavingMemoryHard
	}
	c.endGroup()
	if err != nil { // somebody else waited for it: wait4(-1) in this program
		return ganger.Exit{Reason: orElse(why, ganger.LeavingEnded), Asked: asked}
	}
	x := exitOf(status, &usage, why)
	x.Asked = asked
	if x.PeakMemory <= c.floor {
		x.PeakMemory = 0
	}
	x.PeakMemory = max(x.PeakMemory, peak)
	return x
}

// starved reports whether it was the kernel that killed the leader, for want of
// memory: somebody of its group or, which is a guess, somebody near this program
// since the life began.
func (c *child) starved() bool {
	return c.group != nil && c.group.kills() > 0 || house.oom.now() > c.kills
}

// endGroup gives the control group up.
func (c *child) endGroup() {
	if c.group != nil {
		c.group.end()
		c.group = nil
	}
}

// ownPeak is the most memory that this program held so far. The kernel counts
// it as a peak of every process that it forks, because a new process runs in our
// memory until it executes its program.
func ownPeak() int64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return usage.Maxrss << 10
}

// wait reaps pid, which is dead.
func wait(pid int, status *syscall.WaitStatus, usage *syscall.Rusage) error {
	for {
		if _, err := syscall.Wait4(pid, status, 0, usage); err != syscall.EINTR {
			return err
		}
	}
}

// exitOf puts what the kernel says of an end into words.
func exitOf(status syscall.WaitStatus, usage *syscall.Rusage, why ganger.Leaving) ganger.Exit {
	x := ganger.Exit{
		Reason:     why,
		Asked:      why != "",
		Code:       status.ExitStatus(), // -1 for a signal
		CPU:        time.Duration(usage.Utime.Nano() + usage.Stime.Nano()),
		PeakMemory: int64(usage.Maxrss) << 10,
	}
	if status.Signaled() {
		x.Signal = signalName(status.Signal())
		x.Reason = orElse(why, ganger.LeavingSignal(int(status.Signal())))
	}
	x.Reason = orElse(x.Reason, ganger.LeavingExit(x.Code))
	return x
}

func orElse(why, other ganger.Leaving) ganger.Leaving {
	if why != "" {
		return why
	}
	return other
}

// signalName is "SIGKILL", or the number of a signal that has no name.
func signalName(s syscall.Signal) string {
	if n := unix.SignalName(s); n != "" {
		return n
	}
	return "signal " + strconv.Itoa(int(s))
}

// pipe makes a pipe whose ends are closed in every child.
func pipe(quit func() bool) (r, w int, err error) {
	var fds [2]int
	err = retried(quit, func() error { return syscall.Pipe2(fds[:], syscall.O_CLOEXEC) })
	return fds[0], fds[1], err
}

// fdList collects descriptors to be closed together.
type fdList []int

func (l *fdList) add(fd int) int {
	*l = append(*l, fd)
	return fd
}

func (l fdList) close() {
	for _, fd := range l {
		_ = syscall.Close(fd)
	}
}
