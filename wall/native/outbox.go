package native

import (
	"io"
	"sync"
)

// outbox writes the frames of several goroutines, each whole, in the order in
// which they were added. It writes without a goroutine of its own: whoever
// flushes goes on until nothing waits, also for those who add meanwhile, and
// they need not wait for it.
type outbox struct {
	w io.Writer
	// bound is how many bytes may wait behind a write of somebody else before
	// send blocks; 0: it never does.
	bound int

	mu      sync.Mutex // guards what follows; never held across a write
	changed sync.Cond  // the queue was taken, a write is over, or an error came
	writing bool
	queue   []byte
	spare   []byte // the queue's other half: one is written, one is filled
	added   int64  // bytes ever
	offered int64  // bytes that the stream took, or may just be taking
	err     error  // of the stream; nothing is written after it
}

func newOutbox(w io.Writer, bound int) *outbox {
	o := &outbox{w: w, bound: bound}
	o.changed.L = &o.mu
	return o
}

// add queues whole frames and returns the offset in the stream at which they
// end, and how many bytes wait now. It does not block. Somebody must flush.
func (o *outbox) add(b []byte) (end int64, waiting int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	end = o.addLocked(b)
	return end, len(o.queue)
}

func (o *outbox) addLocked(b []byte) int64 {
	o.added += int64(len(b))
	if o.err == nil {
		o.queue = append(o.queue, b...)
	}
	return o.added
}

// send adds and flushes. It writes b itself, without a copy, when nothing else
// waits or is written.
func (o *outbox) send(b []byte) (end int64, err error) {
	o.mu.Lock()
	for o.bound > 0 && o.writing && len(o.queue) > 0 && len(o.queue)+len(b) > o.bound {
		o.changed.Wait()
	}
	if o.writing || len(o.queue) > 0 || o.err != nil {
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
	o.wroteLocked(len(b)-n, err)
	return end, o.drainLocked()
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

// flushUntil writes what waits now if that ends at an offset of at most until,
// and nobody is writing. It reports whether something waits after that.
func (o *outbox) flushUntil(until int64) (more bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.writing && len(o.queue) > 0 && o.added <= until {
		o.writing = true
		o.writeLocked()
		o.writing = false
		o.changed.Broadcast()
	}
	return len(o.queue) > 0, o.err
}

// drainLocked writes until nothing waits, ends the writing and unlocks.
func (o *outbox) drainLocked() error {
	for len(o.queue) > 0 && o.err == nil {
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
	b := o.queue
	o.queue = o.spare[:0]
	o.offered = o.added
	o.changed.Broadcast()
	o.mu.Unlock()
	n, err := o.w.Write(b)
	o.mu.Lock()
	if o.spare = b; cap(b) > 1<<20 {
		o.spare = nil // one big frame must not hold its memory for ever
	}
	o.wroteLocked(len(b)-n, err)
}

// wroteLocked notes the end of a write, which was short by so many bytes.
func (o *outbox) wroteLocked(short int, err error) {
	o.offered -= int64(short)
	o.changed.Broadcast()
	if err != nil {
		o.err, o.queue = err, nil
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
