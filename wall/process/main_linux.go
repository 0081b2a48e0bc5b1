package process

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Main is called once, at the top of main, before anything else.
//
// In a program that was started as the guard of another run of itself it is
// the guard, and never returns. Otherwise it makes sure that no descendant of a
// worker outlives it: this program becomes a child subreaper, so that orphans
// below it fall to it, and the first life that is opened starts the guard, which
// is this program executed again. What runs before main, such as the
// initialisation of packages, runs in the guard too.
//
// A program that never calls Main has no guard: when it is killed the leaders
// of its workers die with it, what they have started may not.
func Main() {
	if token := os.Getenv(guardName); token != "" {
		stand(token)
		os.Exit(0)
	}
	if unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == nil {
		house.broom <- struct{}{}
		house.sweep.reaper = true
		<-house.broom
	}
	house.guard.wanted.Store(true)
}

// Adopt says that this program starts processes only through this package. It
// comes after Main. Whatever falls to the program is then its own: every zombie
// is reaped, and an orphan that wiped its environment ends with the last life that
// can have left it. Children that the program already has are spared. Descriptors
// that it was left with, beside the standard ones, are kept from its workers.
//
// As process 1 of a container the program owes that to every process there, so it
// reaps until it ends, also while there is no life. What carries no mark may be
// another's, who entered the container, and is left alone; it ends with process 1.
func Adopt() {
	for _, fd := range inheritedFDs(2) {
		syscall.CloseOnExec(fd)
	}
	house.broom <- struct{}{}
	house.sweep.adopts = true
	house.sweep.spared = house.sweep.children()
	<-house.broom
	if os.Getpid() == 1 {
		house.door <- struct{}{}
		house.first = true
		<-house.door
		go house.reap(nil) // until the program ends: nobody outlives process 1 to wait for it
	}
}

// Lend has the guard hold f too, and so a lock on it, until nothing is left of this
// program's workers after it was killed: who waits for the lock then finds none of
// them at work. It comes after Main and before the first life; f may be closed.
func Lend(f *os.File) error {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return fmt.Errorf("lend %s to the guard: %w", f.Name(), err)
	}
	house.door <- struct{}{}
	defer func() { <-house.door }()
	if house.guard.lent != nil {
		_ = house.guard.lent.Close()
	}
	house.guard.lent = os.NewFile(uintptr(fd), f.Name())
	return nil
}

// How the guard ends what it finds.
const (
	guardPatience = 10 * time.Second
	guardPause    = 2 * time.Millisecond
	cleanScans    = 2 // a process that is being forked can hide from one
)

// stand is the life of the guard: it waits for the death of its coordinator and
// ends what that left.
func stand(token string) {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE,
		syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU)
	closeInherited()
	groups, _ := newTable(3)
	for b := make([]byte, 1); ; {
		n, err := syscall.Read(0, b)
		if err != syscall.EINTR && n <= 0 {
			break
		}
	}
	for _, pid := range groups.groups() {
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	}
	begun := time.Now()
	for clean := 0; clean < cleanScans && time.Since(begun) < guardPatience; time.Sleep(guardPause) {
		clean++
		for _, pid := range processes() {
			env, told := environ(pid)
			_, ours := lifeOf(env, token)
			if ours {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
			if ours || !told {
				clean = 0
			}
		}
	}
}

// closeInherited closes what this program was left with beside its own five
// descriptors, so that nobody waits for the end of a pipe that the guard holds.
func closeInherited() {
	for _, fd := range inheritedFDs(4) {
		_ = syscall.Close(fd)
	}
}

// inheritedFDs lists the descriptors above last that the program has, but for
// those that the Go runtime made for itself.
func inheritedFDs(last int) (fds []int) {
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil
	}
	for _, e := range dir {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if fd, sick := strconv.Atoi(e.Name()); err == nil && sick == nil && fd > last && !strings.HasPrefix(to, "anon_inode:[event") {
			fds = append(fds, fd)
		}
	}
	return fds
}
