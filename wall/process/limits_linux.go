package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// possible checks l, and that memory can be looked at where the processes are to
// be seen.
func (l Limits) possible(proc string) error {
	if err := l.check(); err != nil {
		return err
	}
	if !l.watched() {
		return nil
	}
	if _, err := os.ReadFile(proc + "/self/stat"); err != nil {
		return fmt.Errorf("resident memory cannot be limited here: %w (is %s mounted?)", err, proc)
	}
	return nil
}

// held reports whether a process is to be held until its limits are set.
//
// Limits belong to all threads of a process, so setting our own around a fork
// would for that time be ours: we might fail to allocate, or be killed. So they
// are set from outside, and the process is held meanwhile, as one that is traced
// is at the first instruction of its program. To set them while it runs would
// be too late for a program that begins with what is forbidden: measured, one
// that crashed at once was faster every other time.
func (l Limits) held() bool { return l.AddressSpace > 0 || l.CPU > 0 }

// impose sets the limits that the kernel keeps for each process, and lets it go
// on if it is held. It is called on the forking thread, which is the one that
// may. A process that could not be held runs already: it may have got away with
// more, but not for long.
func (l Limits) impose(pid int, held bool) error {
	if !l.held() {
		return nil
	}
	if held {
		if !executed(pid) {
			return nil // it died before
		}
		defer func() { _ = unix.PtraceDetach(pid) }()
	}
	if l.CPU > 0 {
		s := uint64((l.CPU + time.Second - 1) / time.Second)
		if err := lower(pid, unix.RLIMIT_CPU, s, s+1); err != nil {
			return fmt.Errorf("limit its processor time: %w", err)
		}
	}
	if l.AddressSpace > 0 {
		if n := mapped(pid); n > l.AddressSpace {
			return fmt.Errorf("it has mapped %d bytes at its start, more than the AddressSpace of %d that it may", n, l.AddressSpace)
		}
		if err := lower(pid, unix.RLIMIT_AS, uint64(l.AddressSpace), uint64(l.AddressSpace)); err != nil {
			return fmt.Errorf("limit its address space: %w", err)
		}
	}
	return nil
}

// executed waits until a process that is traced from its birth has executed its
// program and stands still, and reports whether it has. Its death is left to be
// reaped by others.
func executed(pid int) bool {
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil || info.Code != cldTrapped:
			return false
		}
		signal := stopSignal(&info)
		if signal == int(unix.SIGTRAP) {
			return true
		}
		// Somebody sent it a signal in its first moment: it gets it.
		if unix.PtraceCont(pid, signal) != nil {
			return false
		}
	}
}

// cldTrapped is the code of a child that is traced and stands still.
const cldTrapped = 4

// stopSignal is the status in what waitid tells of a stop. It lies behind the
// number and the owner of the process, in a union that is aligned as a pointer.
func stopSignal(info *unix.Siginfo) int {
	const align = unsafe.Sizeof(uintptr(0))
	const at = (3*4+align-1)/align*align + 2*4
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(info), at)))
}

// withoutCore calls f while this program may dump no core, which what it forks
// inherits.
func withoutCore(f func()) {
	var was unix.Rlimit
	// One byte: no file is that small, and where the kernel hands cores to a
	// program, which it does whatever the limit, one byte means that it does not.
	err := unix.Prlimit(0, unix.RLIMIT_CORE, nil, &was)
	if err == nil && was.Cur != 1 && was.Max >= 1 {
		err = unix.Prlimit(0, unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1, Max: was.Max}, nil)
		if err == nil {
			defer func() { _ = unix.Prlimit(0, unix.RLIMIT_CORE, &was, nil) }()
		}
	}
	f()
}

// lower sets a limit of a process, but never above what it was.
func lower(pid, resource int, soft, hard uint64) error {
	var was unix.Rlimit
	if err := unix.Prlimit(pid, resource, nil, &was); err != nil {
		return err
	}
	return unix.Prlimit(pid, resource, &unix.Rlimit{Cur: min(soft, was.Max), Max: min(hard, was.Max)}, nil)
}

// mapped is the size of the address space of a process, 0 if it has none.
func mapped(pid int) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	size, _, _ := bytes.Cut(b, []byte{' '})
	pages, _ := strconv.ParseInt(string(size), 10, 64)
	return pages * pageSize
}

var pageSize = int64(os.Getpagesize())
