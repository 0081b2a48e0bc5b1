package worker_test

import (
	"errors"
	"fmt"
	"maps"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/worker"
)

// deed is what is known of one request.
type deed struct {
	Deed
	asked     bool // somebody waits for its end
	posted    bool // accepted, by somebody who does not wait
	ended     bool
	end       error
	response  int
	performed int
}

// look checks what is true whenever nothing moves.
func (w *world) look() {
	w.table.group.Snapshot(func(d inspect.Worker) bool {
		switch {
		case w.shape.Kind == 3: // what it posts to itself waits for the pull that goes on
		case d.State == ganger.Idle && d.PendingLen > 0:
			w.t.Errorf("%s is idle, and %d wait", d.Name, d.PendingLen)
		case d.State == ganger.Busy && len(d.Current) != 1 && d.PendingLen > 0:
			w.t.Errorf("%s is busy with nothing, and %d wait", d.Name, d.PendingLen)
		case d.State == ganger.Dead && d.Detail == "":
			w.t.Errorf("%s is in the table, dead for no reason", d.Name)
		case w.shape.Kind == 1 && d.PendingLen > w.shape.Size, w.shape.Kind == 2 && d.PendingLen > 1:
			w.t.Errorf("%s has %d waiting, more than there is room for", d.Name, d.PendingLen)
		case d.Extra["blocked"] != nil && d.PendingLen < w.shape.Size:
			w.t.Errorf("%s has room for %d, has %d, and %v wait for room", d.Name, w.shape.Size, d.PendingLen, d.Extra["blocked"])
		}
		return true
	})
}

// owing checks that nobody waits for what has been performed, when there was time
// for everything but what waits to be let go.
func (w *world) owing() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.deeds {
		if d.asked && !d.ended && d.performed > 0 && d.Op != "park" && d.Op != "deaf" {
			w.t.Errorf("request %d (%s) was performed and has no end", d.ID, d.Op)
		}
	}
}

// reckon checks the ends, when all is over.
func (w *world) reckon() {
	for _, d := range w.deeds {
		if err := d.wrong(); err != "" {
			w.t.Errorf("request %d (%s), performed %d times, ended %v (response %d): %s", d.ID, d.Op, d.performed, d.end, d.response, err)
		}
	}
	for ref := range maps.Keys(w.refs) {
		d := ref.Describe()
		select {
		case <-ref.Done():
		default:
			w.t.Errorf("%s is not over", d.Name)
		}
		if d.State != ganger.Dead || d.PendingLen != 0 || len(d.Current) != 0 {
			w.t.Errorf("%s at the end: %v, %d pending, %d in hand", d.Name, d.State, d.PendingLen, len(d.Current))
		}
		if w.shape.Kind == 3 {
			continue // what it pulls as it ends is nobody's
		}
		least, most, done := w.counts(w.refs[ref])
		if n := d.Done + d.Failed; n < least || n > most || d.Done < done {
			w.t.Errorf("%s counts %d done and %d failed, want %d to %d in all, %d at least done", d.Name, d.Done, d.Failed, least, most, done)
		}
	}
}

// counts returns how many of the deeds sent to a worker were accepted, at least and
// at most, and how many were surely done.
func (w *world) counts(ids map[int]bool) (least, most, done uint64) {
	for id := range ids {
		l, m, d := w.deeds[id].counts()
		least, most, done = least+l, most+m, done+d
	}
	return max(least, uint64(w.merges)) - uint64(w.merges), most, done // a merge makes one of two, or none
}

// counts returns how many accepted requests it is, at least and at most, and
// whether it was surely done.
func (d *deed) counts() (least, most, done uint64) {
	_, told := errors.AsType[*ganger.Error](d.end)
	cause := ganger.CauseOf(d.end)
	switch {
	case d.posted:
		return 1, 1, 0
	case !d.asked, errors.Is(d.end, worker.ErrSelf): // refused
		return 0, 0, 0
	case d.end == nil:
		return 1, 1, 1
	case told && (cause == ganger.CauseClosed || cause == ganger.CauseWithdrawn):
		return 0, 1, 0
	}
	return 1, 1, 0
}

// wrong says what is wrong with an end, "" if nothing is.
func (d *deed) wrong() string {
	if d.performed > 1 {
		return "performed more than once"
	}
	if !d.asked {
		return ""
	}
	outcome, cause := ganger.OutcomeOf(d.end), ganger.CauseOf(d.end)
	switch {
	case !d.ended:
		return "it has no end"
	case d.end == nil && (d.response != d.ID || d.performed != 1):
		return "the response is not its own"
	case d.end == nil, errors.Is(d.end, worker.ErrSelf) && d.performed == 0:
	case d.end == errAsTold && d.performed == 1:
	case outcome == ganger.Crashed && cause == ganger.CausePanic && d.performed == 1:
	case outcome == ganger.TimedOut && cause == ganger.CauseExec && d.performed == 1:
	case outcome == ganger.Rejected && cause == ganger.CauseClosed && d.performed == 0:
	case outcome == ganger.Cancelled && cause == ganger.CauseSuperseded && d.performed == 0:
	case outcome == ganger.Cancelled:
		switch cause {
		case ganger.CauseWithdrawn, ganger.CauseShutdown, ganger.CauseHolder:
		default:
			return "no such cause"
		}
	default:
		return fmt.Sprintf("%v (%s) is not promised", outcome, cause)
	}
	return ""
}
