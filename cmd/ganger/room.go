package main

import (
	"cmp"
	"fmt"

	"github.com/ganger-dev/ganger/cmd/ganger/internal/status"
)

// What a process of a worker takes of this one. Measured with the exec protocol
// are three descriptors for each, four with lines, five with native; while it
// is started it has one more. A life of a warm worker also has a thread that waits
// for its end, of which the Go runtime allows 10,000.
const (
	descriptorsEach  = 6
	descriptorsSpare = 64 // for all else
	mostWarm         = 9_000
)

// room is how many processes may run at once here, and why not more.
type room struct {
	processes int // 0: nothing is known that limits them
	why       string
}

// lesser returns the room that holds fewer.
func (r room) lesser(other room) room {
	if r.processes == 0 || other.processes != 0 && other.processes < r.processes {
		return other
	}
	return r
}

// roomFor is the room for workers: descriptors and processes are what this user
// and process may have, 0 if that is not known or not limited.
func roomFor(warm bool, descriptors, processes uint64) room {
	var r room
	if warm {
		r = room{mostWarm, "each has a thread that waits for it"}
	}
	const far = 1 << 30 // no flag takes more
	if descriptors > 0 && descriptors < far {
		n := max(1, (int(descriptors)-descriptorsSpare)/descriptorsEach)
		r = r.lesser(room{n, fmt.Sprintf("each takes up to %d of the %s open files that are allowed (ulimit -n)", descriptorsEach, status.Number(int(descriptors)))})
	}
	if processes > 0 && processes < far {
		r = r.lesser(room{int(processes), "that many processes are allowed (ulimit -u)"})
	}
	return r
}

// checkRoom refuses more processes at once than there can be: started all the
// same, tasks would end rejected for want of a descriptor, or the tool for want of
// memory.
func (o *options) checkRoom(wrong func(hint, format string, args ...any) error) error {
	r := roomFor(o.warm(), descriptorLimit(), processLimit())
	what, n := fmt.Sprintf("--workers %d", o.workers), int64(cmp.Or(o.workers, 1)) // one for each CPU always has room
	if o.slots > 1 && !o.warm() {
		what, n = fmt.Sprintf("%s with --slots %d", what, o.slots), n*int64(o.slots)
	}
	if r.processes == 0 || n <= int64(r.processes) {
		return nil
	}
	return wrong("", "%s: allowed here: %s processes at once; %s", what, status.Number(r.processes), r.why)
}
