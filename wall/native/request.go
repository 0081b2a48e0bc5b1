package native

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/frame"
)

// request is one request in a worker's hand, and the Host of its performer.
type request[Q, R any] struct {
	w    *server[Q, R]
	h    frame.Header
	q    Q
	kept bool // in the server's inHand once; guarded by its lock

	ctx    context.Context // of the performer; here because cancel frames end it
	cancel context.CancelCauseFunc

	mu      sync.Mutex // guards what follows; never held across a call
	over    bool       // the performer has returned: its Host is no longer valid
	refused error      // a feedback that could not be sent
	asked   uint32     // questions ever
	asks    map[uint32]chan<- answer
}

type answer struct {
	body []byte
	err  error
}

// run performs the request and answers it. It reports whether the caller, which
// reads if the request is inline, still reads.
func (r *request[Q, R]) run() (reads bool) {
	sound := r.guard(func() {
		v, err := r.w.perform(r.ctx, r.q, r)
		r.close()
		// Who takes r back from inline has the reading again, and the scratch.
		if reads = r.w.inline.CompareAndSwap(r, nil); !reads {
			r.w.leave(r.h.ID)
			_, _ = r.w.out.send(r.conclude(nil, v, err))
			return
		}
		b := r.conclude(r.w.scratch, v, err)
		if len(b) > 64<<10 {
			_, _ = r.w.out.send(b)
			return
		}
		r.w.scratch = b
		if _, waiting := r.w.out.add(b); waiting > 64<<10 {
			_ = r.w.out.flush() // an error comes again where the reader flushes
		}
	})
	r.cancel(nil)
	if !reads {
		r.w.rest(r)
	}
	return sound && reads
}

// conclude makes the frame that ends the request, in the memory of b; none when
// the request was given up because the coordinator is gone.
func (r *request[Q, R]) conclude(b []byte, v R, err error) []byte {
	switch {
	case err != nil && r.ctx.Err() != nil:
		if context.Cause(r.ctx) != errUnwanted {
			return b[:0] // whoever is gone needs no answer, least of all one to what it did not ask
		}
		return frame.Append(b[:0], frame.Header{Kind: frame.Cancelled, ID: r.h.ID})
	case err != nil:
		return r.fail(b, failureOf(err))
	case r.refused != nil:
		return r.fail(b, &Failure{Message: r.refused.Error(), Cause: ganger.CauseEncode})
	}
	var room [frame.Size]byte
	full, err := r.w.response.Append(append(b[:0], room[:]...), v)
	if err == nil {
		err = r.fits("response", len(full)-frame.Size)
	}
	if err != nil {
		return r.fail(b, &Failure{Message: err.Error(), Cause: ganger.CauseEncode})
	}
	frame.Put(full, frame.Header{Kind: frame.Response, Length: uint32(len(full) - frame.Size), ID: r.h.ID})
	return full
}

// fail makes an error frame in the memory of b. Words that are too long for the
// coordinator are cut.
func (r *request[Q, R]) fail(b []byte, f *Failure) []byte {
	const most = 16 << 10
	if len(f.Message) > most || len(f.Trace) > 2*most {
		f = &Failure{Message: f.Message[:min(len(f.Message), most)], Trace: f.Trace[:min(len(f.Trace), 2*most)], Cause: f.Cause}
	}
	var room [frame.Size]byte
	b = f.append(append(b[:0], room[:]...))
	frame.Put(b, frame.Header{Kind: frame.Error, Length: uint32(len(b) - frame.Size), ID: r.h.ID})
	return b
}

// fits reports as an error that something is longer than the coordinator takes.
func (r *request[Q, R]) fits(what string, n int) error {
	if int64(n) > r.w.limit {
		return fmt.Errorf("the %s has %d bytes, the coordinator takes at most %d", what, n, r.w.limit)
	}
	return nil
}

// close ends the validity of the Host.
func (r *request[Q, R]) close() {
	r.mu.Lock()
	r.over = true
	r.mu.Unlock()
}

// Feedback sends a report, and waits while the coordinator takes nothing. One
// that the coordinator would not take makes the request fail at its end.
func (r *request[Q, R]) Feedback(body []byte) {
	err := r.fits("feedback", len(body))
	r.mu.Lock()
	over := r.over
	if err != nil && r.refused == nil {
		r.refused = err
	}
	r.mu.Unlock()
	if over || err != nil {
		return
	}
	b := frame.Append(make([]byte, 0, frame.Size+len(body)), frame.Header{
		Kind: frame.Feedback, Length: uint32(len(body)), ID: r.h.ID,
	})
	_, _ = r.w.out.send(append(b, body...)) // the end of the stream is seen by its reader
}

var errOver = errors.New("native: the request that asks has ended")

// Ask sends a question and waits for its answer, the end of ctx or of the
// request.
func (r *request[Q, R]) Ask(ctx context.Context, question []byte) ([]byte, error) {
	if err := r.fits("question", len(question)); err != nil {
		return nil, err
	}
	r.w.handOn(r)               // somebody must read the answer
	got := make(chan answer, 1) // room for the one answer, which nobody may want
	r.mu.Lock()
	if r.over {
		r.mu.Unlock()
		return nil, errOver
	}
	r.asked++
	n := r.asked
	if r.asks == nil {
		r.asks = make(map[uint32]chan<- answer)
	}
	r.asks[n] = got
	r.mu.Unlock()
	defer r.forget(n)
	b := frame.Append(nil, frame.Header{Kind: frame.Ask, Length: uint32(len(question)), ID: r.h.ID, Ask: n})
	if _, err := r.w.out.send(append(b, question...)); err != nil {
		return nil, err
	}
	select {
	case a := <-got:
		return a.body, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-r.ctx.Done():
		return nil, context.Cause(r.ctx)
	case <-r.w.done:
		return nil, errLeft
	}
}

func (r *request[Q, R]) forget(n uint32) {
	r.mu.Lock()
	delete(r.asks, n)
	r.mu.Unlock()
}

// answered passes on what came for a question, if it is still asked.
func (r *request[Q, R]) answered(h frame.Header, body []byte) {
	r.mu.Lock()
	got := r.asks[h.Ask]
	delete(r.asks, h.Ask)
	r.mu.Unlock()
	if got == nil {
		return
	}
	a := answer{body: append([]byte(nil), body...)}
	if h.Kind == frame.Error {
		f, err := parseFailure(body)
		if err == nil {
			err = f
		}
		a = answer{err: err}
	}
	got <- a
}
