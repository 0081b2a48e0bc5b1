package process

import (
	"errors"
	"fmt"
	"time"
)

// Limits bound what the processes of a life use. The zero Limits bound nothing,
// but keep crashes from dumping core.
//
// Resident memory is that of the leader and all its descendants together, those
// that left the group included as long as one that is known is their parent, or
// [Main] was called. It is looked at about ten times a second, less often on a
// machine with thousands of processes, and only while a life has something to
// do. What several processes share is counted for each of them, until the sum
// passes a limit: then the shares are told apart before anything is done. What
// is swapped out does not count.
type Limits struct {
	// MemorySoft is the resident memory in bytes at which a life should be
	// replaced when it has done what it has in hand: its Heavy closes. Zero means
	// no limit; [Exec] allows no other.
	MemorySoft int64
	// MemoryHard is the resident memory in bytes at which a life, or the process
	// of a call, is killed with the reason memory-hard. Where a control group of
	// version 2 with a memory controller is delegated to this program, the life
	// gets one of its own, in which the kernel enforces the same limit between
	// two looks. Zero means no limit.
	MemoryHard int64
	// AddressSpace is how many bytes each process may map (RLIMIT_AS): beyond it
	// allocations fail, and the program itself says so. Go and Node map about 1 GB
	// before they do anything, and a browser much more: limit them by MemoryHard.
	// Zero means no limit.
	AddressSpace int64
	// CPU is how much processor time each process may use (RLIMIT_CPU), rounded
	// up to seconds: then it ends by signal 24, and one second later by signal 9 if
	// it ignores that. Of a life that performs many tasks it is the time of all of
	// them. Zero means no limit.
	CPU time.Duration
	// Core lets a crash dump core, as far as this program may itself. Without it
	// neither a file is written nor a program called that takes cores; in the
	// moments in which it starts processes this program then dumps none either.
	Core bool
}

// check reports everything that is wrong with l.
func (l Limits) check() error {
	var errs []error
	for _, v := range []struct {
		name  string
		value int64
	}{
		{"MemorySoft", l.MemorySoft},
		{"MemoryHard", l.MemoryHard},
		{"AddressSpace", l.AddressSpace},
		{"CPU", int64(l.CPU)},
	} {
		if v.value < 0 {
			errs = append(errs, fmt.Errorf("%s is %d; it may not be negative", v.name, v.value))
		}
	}
	if l.MemoryHard > 0 && l.MemorySoft > l.MemoryHard {
		errs = append(errs, fmt.Errorf("a MemorySoft of %d is more than the MemoryHard of %d", l.MemorySoft, l.MemoryHard))
	}
	return errors.Join(errs...)
}

// watched reports whether resident memory has to be looked at.
func (l Limits) watched() bool { return l.MemorySoft > 0 || l.MemoryHard > 0 }
