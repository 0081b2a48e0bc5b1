package main

import (
	"context"
	"errors"
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

// withdraw takes back the tasks that have not started, and cancels those that
// run if the run is to halt now.
func (j *job) withdraw() {
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
// the tasks may take to end, because whoever reads the standard output may have
// stopped to, and what waits for the printer must not wait for ever.
func (j *job) await(printed <-chan error) error {
	select {
	case err := <-printed:
		return err
	case <-j.going.Done():
	}
	patience := time.NewTimer(j.plan.opts.grace + 2*time.Second)
	defer patience.Stop()
	select {
	case err := <-printed:
		return err
	case <-patience.C:
		j.window.Abort(errOutput)
		return errOutput
	}
}
