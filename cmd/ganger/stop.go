package main

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// finish waits until every task has its outcome, or those that run are to be
// killed. When the run stopped early, what has not started is taken back.
func (j *job) finish() {
	if j.taking.Err() != nil {
		j.withdraw()
	}
	stop := context.AfterFunc(j.taking, j.withdraw)
	_ = j.engine.Drain(j.going)
	if !stop() && j.taking.Err() != nil {
		j.withdraw() // what AfterFunc does may not be over; to do it twice is harmless
	}
}

// withdraw takes back the tasks that have not started, sees to it that none is
// tried again, and cancels those that run if the run is to halt now. More than once
// it does what is left to do.
func (j *job) withdraw() {
	j.engine.LastAttempts(errKilled)
	var back []ticket
	j.handsMu.Lock()
	for _, h := range j.hands {
		if h.k != nil && h.t.withdraw() {
			back = append(back, h.k)
		}
	}
	j.handsMu.Unlock()
	for _, k := range back {
		k.Cancel(errNotStarted)
	}
	if j.plan.opts.halt.now && errors.Is(context.Cause(j.taking), errEnough) {
		j.engine.CancelAll(errEnough)
	}
}

// await waits for the printer. Once the run is killed it waits only as long as
// whoever reads the standard output takes something of it in the time that tasks
// may need to end: a reader may have stopped to, and what waits for the printer
// must not wait for ever.
func (j *job) await(printed <-chan error) error {
	select {
	case err := <-printed:
		return err
	case <-j.going.Done():
	}
	patience := time.NewTimer(0)
	defer patience.Stop()
	for taken := int64(-1); ; {
		select {
		case err := <-printed:
			return err
		case <-patience.C:
		}
		if n := j.window.Printed(); n > taken {
			taken = n
			patience.Reset(j.plan.opts.grace + 2*time.Second)
			continue
		}
		j.tell(slog.LevelError, "output lost", "the standard output was not read: outputs of tasks that have ended are lost")
		j.window.Abort(errOutput)
		return errOutput
	}
}
