package pool

import "time"

// clock tells entries when the next of their clocks has run out. All share one
// timer, because most never need theirs: a task sets it and is done long before.
// It is a heap of four children a node by the time, which is counted from the
// pool's beginning, and knows each entry's place in it. It is guarded by the
// pool's lock.
//
// The timer is never put off, only brought forward. So it may fire for nothing,
// once, for an entry that has left; that costs less than touching it for each task.
type clock[T, Q, R, C any] struct {
	fire  func() // called on a goroutine of its own, without the lock
	heap  []alarm[T, Q, R, C]
	timer *time.Timer
	fires time.Duration // when the timer does; zero while it is not set
}

// alarm has the time beside the entry, so that to compare two reads no entry.
type alarm[T, Q, R, C any] struct {
	at time.Duration
	e  *entry[T, Q, R, C]
}

// setLocked has e told at the given time.
func (k *clock[T, Q, R, C]) setLocked(e *entry[T, Q, R, C], at, now time.Duration) {
	if e.slot == 0 {
		k.heap = append(k.heap, alarm[T, Q, R, C]{})
		e.slot = int32(len(k.heap))
	}
	k.placeLocked(int(e.slot)-1, alarm[T, Q, R, C]{at, e})
	k.armLocked(now)
}

// unsetLocked forgets e.
func (k *clock[T, Q, R, C]) unsetLocked(e *entry[T, Q, R, C]) {
	if e.slot == 0 {
		return
	}
	i, n := int(e.slot)-1, len(k.heap)-1
	last := k.heap[n]
	k.heap[n] = alarm[T, Q, R, C]{}
	k.heap = k.heap[:n]
	e.slot = 0
	if i < n {
		k.placeLocked(i, last)
	}
}

// armLocked has the timer fire for the first entry at the latest.
func (k *clock[T, Q, R, C]) armLocked(now time.Duration) {
	if len(k.heap) == 0 {
		return
	}
	at := k.heap[0].at
	if k.fires != 0 && at >= k.fires {
		return
	}
	k.fires = at
	if k.timer == nil {
		k.timer = time.AfterFunc(at-now, k.fire)
	} else {
		k.timer.Reset(at - now)
	}
}

// stopLocked is for the end of the pool.
func (k *clock[T, Q, R, C]) stopLocked() {
	if k.timer != nil {
		k.timer.Stop()
	}
}

// firedLocked takes the first entry if its time has come.
func (k *clock[T, Q, R, C]) firedLocked(now time.Duration) *entry[T, Q, R, C] {
	if len(k.heap) == 0 || now < k.heap[0].at {
		return nil
	}
	e := k.heap[0].e
	k.unsetLocked(e)
	return e
}

// placeLocked puts a where it belongs, from the place i, which is free.
func (k *clock[T, Q, R, C]) placeLocked(i int, a alarm[T, Q, R, C]) {
	for i > 0 && a.at < k.heap[(i-1)/4].at {
		i = k.moveLocked(i, (i-1)/4)
	}
	for {
		least := i
		at := a.at
		for child := 4*i + 1; child <= 4*i+4 && child < len(k.heap); child++ {
			if k.heap[child].at < at {
				least, at = child, k.heap[child].at
			}
		}
		if least == i {
			break
		}
		i = k.moveLocked(i, least)
	}
	k.heap[i] = a
	a.e.slot = int32(i) + 1
}

// moveLocked fills the free place to with what is at from, which is free then.
func (k *clock[T, Q, R, C]) moveLocked(to, from int) (free int) {
	k.heap[to] = k.heap[from]
	k.heap[to].e.slot = int32(to) + 1 // from 1, so that 0 is for entries that are not in it
	return from
}
