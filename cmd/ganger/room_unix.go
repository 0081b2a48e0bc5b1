//go:build linux || darwin

package main

import (
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// descriptorLimit is how many descriptors this process may have, 0 if that is not known.
func descriptorLimit() uint64 { return softLimit(unix.RLIMIT_NOFILE) }

// processLimit is how many processes this user may have, 0 if that is not known
// or not limited, as for root.
func processLimit() uint64 {
	if os.Geteuid() == 0 {
		return 0
	}
	return softLimit(unix.RLIMIT_NPROC)
}

func softLimit(resource int) uint64 {
	var l unix.Rlimit
	if unix.Getrlimit(resource, &l) != nil || l.Cur > math.MaxInt64 { // infinite
		return 0
	}
	return l.Cur
}
