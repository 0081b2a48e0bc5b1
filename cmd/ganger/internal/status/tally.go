// Package status counts what becomes of tasks and shows it to people: a status
// line that is drawn over and over on a terminal, a plain line now and then
// elsewhere, and a summary at the end.
//
// [Tally] counts, [Counts] is what it counted and writes it as text without a
// clock or a terminal, and [Board] owns the standard error while a run goes on.
package status

import (
	"maps"
	"sync"
	"time"

	"github.com/ganger-dev/ganger"
)

// Tally counts the tasks of one run. The zero Tally is ready. It is safe for
// concurrent use.
type Tally struct {
	mu             sync.Mutex // guards what follows; never held across a call
	c              Counts
	oldest, newest *Running // tasks that run, in the order of their beginnings
}

// Running is a task that runs, as its tally knows it. It is embedded in the
// caller's own record of the task, so that counting allocates nothing.
type Running struct {
	Label []byte // what people are shown; set before Begin

	report     string
	since      time.Time // zero while it does not run
	begun      int       // attempts
	prev, next *Running
}

// Counts is what a tally counted at one moment.
type Counts struct {
	Read       int // tasks taken from the input
	Total      int // tasks of the input, 0 while not known
	Running    int
	NotStarted int // of those read, withdrawn before they ran
	Skipped    int // of those read, with an outcome from an earlier run
	Ended      [ganger.Lost + 1]int
	Reasons    map[Reason]int         // why tasks had no success
	Left       map[ganger.Leaving]int // why workers ended, and starts that came to nothing
	Oldest     string                 // label of the task that runs longest
	Since      time.Time              // of Oldest
	Report     string                 // what its worker said last of it
}

// Reason is why a task had no success, as the summary groups them.
type Reason struct {
	Outcome ganger.Outcome
	Why     string // such as "exit 1" or "SIGSEGV"; "" when the outcome says all
}

// Read counts a task that was taken from the input.
func (t *Tally) Read() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.readLocked()
}

func (t *Tally) readLocked() {
	t.c.Read++
	if t.c.Total > 0 { // it came of another
		t.c.Total++
	}
}

// Total says that the whole input was read.
func (t *Tally) Total() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.c.Total = t.c.Read
}

// Begin says that an attempt at r begins now; it may be its second.
func (t *Tally) Begin(r *Running, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.removeLocked(r)
	r.since, r.prev, r.report = now, t.newest, ""
	if t.newest != nil {
		t.newest.next = r
	} else {
		t.oldest = r
	}
	t.newest = r
	r.begun++
	t.c.Running++
}

// Pause says that the attempt of that number at r came to nothing, and that another
// follows. It does nothing if that has begun: who says so may be late.
func (t *Tally) Pause(r *Running, attempt int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.begun == attempt {
		t.removeLocked(r)
	}
}

// Report notes what the worker of r says of it.
func (t *Tally) Report(r *Running, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.report = text
}

// End says that r has ended, whether or not it ever began.
func (t *Tally) End(r *Running, why Reason) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.removeLocked(r)
	t.endLocked(why)
}

// Skip counts a task that was taken from the input and has its outcome from an
// earlier run.
func (t *Tally) Skip(why Reason) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.readLocked()
	t.c.Skipped++
	t.endLocked(why)
}

func (t *Tally) endLocked(why Reason) {
	t.c.Ended[why.Outcome]++
	if why.Outcome != ganger.Done && why.Why != "" {
		if t.c.Reasons == nil {
			t.c.Reasons = make(map[Reason]int)
		}
		t.c.Reasons[why]++
	}
}

// NotStarted says that r was withdrawn before it ran.
func (t *Tally) NotStarted(r *Running) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.removeLocked(r)
	t.c.NotStarted++
}

func (t *Tally) removeLocked(r *Running) {
	if r.since.IsZero() {
		return
	}
	if r.prev != nil {
		r.prev.next = r.next
	} else {
		t.oldest = r.next
	}
	if r.next != nil {
		r.next.prev = r.prev
	} else {
		t.newest = r.prev
	}
	r.since, r.prev, r.next = time.Time{}, nil, nil
	t.c.Running--
}

// Left counts the end of a worker, or of a start that came to nothing.
func (t *Tally) Left(why ganger.Leaving) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.c.Left == nil {
		t.c.Left = make(map[ganger.Leaving]int)
	}
	t.c.Left[why]++
}

// Counts returns what was counted so far.
func (t *Tally) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.c
	c.Reasons = make(map[Reason]int, len(t.c.Reasons))
	maps.Copy(c.Reasons, t.c.Reasons)
	c.Left = maps.Clone(t.c.Left)
	if t.oldest != nil {
		c.Oldest, c.Since, c.Report = string(t.oldest.Label), t.oldest.since, t.oldest.report
	}
	return c
}

// All is how many tasks have an outcome.
func (c Counts) All() int {
	n := 0
	for _, o := range c.Ended {
		n += o
	}
	return n
}

// WithoutSuccess is how many tasks have an outcome that is not done.
func (c Counts) WithoutSuccess() int { return c.All() - c.Ended[ganger.Done] }

// Lost is how many tasks have no outcome or were lost. It is only true when
// nothing runs any more.
func (c Counts) Lost() int {
	return c.Read - c.NotStarted - c.All() + c.Ended[ganger.Lost]
}
