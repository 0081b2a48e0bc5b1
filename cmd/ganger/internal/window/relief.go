package window

import "time"

// farBeyond says how many times the bound of memory is reached before writers
// wait for a disk that takes no more.
const farBeyond = 4

// mayGrowLocked reports whether the writer of p goes on whatever is in memory.
//
// Who waits for memory waits for the printer, and that for the place whose turn it
// is. So this place must not wait; and as long as its only attempt runs, or it has
// ended, all others may. If its task does not run, it may itself be waiting until
// one of the others has ended. Then, and unordered, where it is nobody's turn, the
// first that asks goes on until it has ended: so there always is one that can end.
func (w *Window[T]) mayGrowLocked(p *Place[T]) bool {
	if !w.cfg.Unordered {
		head := w.headLocked()
		switch {
		case head == p:
			return true
		case head == nil || head.ending != nil || head.final: // it is printed, or runs
			return false
		}
	}
	if w.grows == nil {
		w.grows = p
	}
	return w.grows == p
}

// lightenLocked notes that so much less is in memory.
func (w *Window[T]) lightenLocked(n int64) {
	w.held -= n
	w.relieveLocked()
}

// relieveLocked wakes the writers that wait for memory: there may be some, or it
// may be the turn of one of them.
func (w *Window[T]) relieveLocked() {
	if w.relief != nil {
		close(w.relief)
		w.relief = nil
	}
}

// waitForReliefLocked gives the lock up until writers may look again: at memory,
// or after a while at the disk.
func (w *Window[T]) waitForReliefLocked() {
	if w.relief == nil {
		w.relief = make(chan struct{})
	}
	relief := w.relief
	w.mu.Unlock()
	t := time.NewTimer(w.cfg.retry)
	select {
	case <-relief:
	case <-t.C:
	}
	t.Stop()
	w.mu.Lock()
}
