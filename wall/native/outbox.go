package native

import (
	"io"
	"sync"
)

// outbox writes the frames of several goroutines, each whole, in the order in
// which they were added. It writes without a goroutine of its own: whoever
// flushes goes on until nothing waits, also for those who add meanwhile, and
// they need not wait for it.
//
// Small frames are copied; so one write takes many. A long body is lent: it is
// written from where it lies, and must not change until it has passed.
type outbox struct {
	w io.Writer
	// bound is how many bytes may wait behind a write of somebody else before
	// send blocks; 0: it never does.
	bound int64

	mu      sync.Mutex // guards what follows, and what its owner keeps beside it; never held across a write
	changed sync.Cond  // the queue was taken, a write is over, or an error came
	writing bool
	queue   []byte
	loans   []loan // bodies that belong in between
	spare   []byte // the queue's other half: one is written, one is filled
	added   int64  // bytes ever
	offered int64  // bytes that the stream took, or may just be taking
	passed  int64  // bytes that the stream took
	err     error  // of the stream; nothing is written after it
}

// loan is a body that is written from where it lies, behind the first at bytes
// of the queue.
type loan struct {
	at   int
	body []byte
}

// long is the length from which a body is lent: what is shorter is copied
// faster than it is written by itself.
const long = 64 << 10

func newOutbox(w io.Writer, bound int64) *outbox {
	o := &outbox{w: w, bound: bound}
	o.changed.L = &o.mu
	return o
}

// addLocked queues whole frames and returns the offset in the stream at which
// they end. It does not block. Somebody must flush.
func (o *outbox) addLocked(b []byte) int64 {
	o.added += int64(len(b))
	if o.err == nil {
		o.queue = append(o.queue, b...)
	}
	return o.added
}

// lendLocked queues a frame of a header and a body that is lent.
func (o *outbox) lendLocked(head, body []byte) int64 {
	o.addLocked(head)
	o.added += int64(len(body))
	if o.err == nil {
		o.loans = append(o.loans, loan{len(o.queue), body})
	}
	return o.added
}

// waitingLocked is how many bytes nobody writes yet.
func (o *outbox) waitingLocked() int64 {
	if o.err != nil {
		return 0
	}
	return o.added - o.offered
}

// send adds and flushes, when no more than bound waits.
func (o *outbox) send(b []byte) (end int64, err error) {
	o.mu.Lock()
	for o.bound > 0 && o.writing && o.waitingLocked() > 0 && o.waitingLocked()+int64(len(b)) > o.bound {
		o.changed.Wait()
	}
	return o.postLocked(b)
}

// post adds and flushes. It waits for nobody else's write.
func (o *outbox) post(b []byte) (end int64, err error) {
	o.mu.Lock()
	return o.postLocked(b)
}

// postLocked adds, flushes and unlocks. It writes b itself, without a copy, when
// nothing else waits or is written.
func (o *outbox) postLocked(b []byte) (end int64, err error) {
	if o.writing || o.waitingLocked() > 0 || o.err != nil {
		end = o.addLocked(b)
		o.mu.Unlock()
		return end, o.flush()
	}
	o.writing = true
	o.added += int64(len(b))
	end = o.added
	o.offered = end
	o.mu.Unlock()
	n, err := o.w.Write(b)
	o.mu.Lock()
	o.wroteLocked(int64(len(b)-n), err)
	return end, o.drainLocked()
}

// sendLong sends a frame whose body is lent, and returns when that is written
// or never will be.
func (o *outbox) sendLong(head, body []byte) (end int64, err error) {
	o.mu.Lock()
	end = o.lendLocked(head, body)
	if !o.writing {
		o.writing = true
		return end, o.drainLocked()
	}
	o.passLocked(end)
	err = o.err
	o.mu.Unlock()
	return end, err
}

// passLocked waits until everything up to end is written, or never will be.
// Somebody must be writing.
func (o *outbox) passLocked(end int64) {
	for o.passed < end && o.err == nil {
		o.changed.Wait()
	}
}

// flush writes what waits. It returns at once if another goroutine is writing,
// which then writes that too. The error is that of the stream.
func (o *outbox) flush() error {
	o.mu.Lock()
	if o.writing {
		o.mu.Unlock()
		return nil
	}
	o.writing = true
	return o.drainLocked()
}

// flushUntilLocked writes what waits now if that ends at an offset of at most
// until, and nobody is writing. It reports whether something waits after that.
func (o *outbox) flushUntilLocked(until int64) (more bool, err error) {
	if !o.writing && o.waitingLocked() > 0 && o.added <= until {
		o.writing = true
		o.writeLocked()
		o.writing = false
		o.changed.Broadcast()
	}
	return o.waitingLocked() > 0, o.err
}

// drainLocked writes until nothing waits, ends the writing and unlocks.
func (o *outbox) drainLocked() error {
	for o.waitingLocked() > 0 {
		o.writeLocked()
	}
	o.writing = false
	o.changed.Broadcast()
	err := o.err
	o.mu.Unlock()
	return err
}

// writeLocked writes what waits now, without the lock.
func (o *outbox) writeLocked() {
	b, loans, before, all := o.queue, o.loans, o.offered, o.waitingLocked()
	o.queue, o.loans = o.spare[:0], nil
	o.offered = o.added
	o.changed.Broadcast()
	o.mu.Unlock()
	n, err := o.write(b, loans, before)
	o.mu.Lock()
	if o.spare = b; cap(b) > 1<<20 {
		o.spare = nil // much at one time must not hold its memory for ever
	}
	o.wroteLocked(all-n, err)
}

// write writes b with the loans in between, behind so many bytes before, and
// returns how many the stream took. Each loan is noted as soon as it is over: who waits for it must
// not depend on what comes behind.
func (o *outbox) write(b []byte, loans []loan, before int64) (n int64, err error) {
	from := 0
	for _, l := range loans {
		if l.at > from {
			m, err := o.w.Write(b[from:l.at])
			if n += int64(m); err != nil {
				return n, err
			}
			from = l.at
		}
		m, err := o.w.Write(l.body)
		if n += int64(m); err != nil {
			return n, err
		}
		o.mu.Lock()
		o.passed = before + n
		o.changed.Broadcast()
		o.mu.Unlock()
	}
	if from < len(b) {
		m, err := o.w.Write(b[from:])
		return n + int64(m), err
	}
	return n, nil
}

// wroteLocked notes the end of a write, which was short by so many bytes.
func (o *outbox) wroteLocked(short int64, err error) {
	o.offered -= short
	o.passed = o.offered
	o.changed.Broadcast()
	if short > 0 && err == nil {
		err = io.ErrShortWrite
	}
	if err != nil {
		o.err, o.queue, o.loans = err, nil, nil
	}
}

// whole returns up to which offset the stream took what was added. A write that
// is not over counts as if it were: who was just being told may have heard.
func (o *outbox) whole() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.offered
}

// rest waits until nobody writes. It is for streams whose life has ended, on
// which no write lasts.
func (o *outbox) rest() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.writing {
		o.changed.Wait()
	}
}
