package native

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/frame"
	"github.com/ganger-dev/ganger/internal/late"
)

// request is one request in a worker's hand, and the context and the Host of its
// performer.
type request[Q, R any] struct {
	late.Context
	w    *server[Q, R]
	h    frame.Header
	q    Q
	kept bool // in the server's inHand once; guarded by its lock

	reads   bool                    // its goroutine surely is the one that reads; of that goroutine
	over    atomic.Bool             // the performer has returned: its Host is no longer valid
	refused atomic.Pointer[Failure] // the first feedback that could not be sent

	mu    sync.Mutex // guards what follows; never held across a call
	asked uint32     // questions ever
	asks  map[uint32]chan<- answer
}

type answer struct {
	body []byte
	err  error
}

// run performs the request and answers it. It reports whether the caller, which
// reads if the request is inline, still reads.
func (r *request[Q, R]) run() bool {
	w := r.w
	sound := r.guard(func() {
		v, err := w.perform(r, r.q, r)
		r.over.Store(true)
		// Who takes r back from inline has the reading again, and the answers.
		if r.reads = w.inline.CompareAndSwap(r, nil); !r.reads {
			w.leave(r.h.ID)
			b, lent := r.conclude(nil, v, err)
			_ = w.reply(b, lent) // an error comes again where the reader sends
			return
		}
		b, lent := r.conclude(w.answers, v, err)
		if lent == nil {
			if w.answers = b; len(b) > long {
				_ = w.sendAnswers()
			}
			return
		}
		w.answers = b[:len(b)-frame.Size]
		head := [frame.Size]byte(b[len(w.answers):])
		if w.sendAnswers() == nil {
			_ = w.reply(head[:], lent)
		}
	})
	r.Finish()
	if !r.reads {
		w.rest(r)
	}
	return sound && r.reads
}

// reply sends the frame that ends a request.
func (w *server[Q, R]) reply(b, lent []byte) (err error) {
	if lent == nil {
		_, err = w.out.send(b)
	} else {
		_, err = w.out.sendLong(b, lent)
	}
	return err
}

// conclude appends the frame that ends the request to b, or its header alone if
// the body is lent; nothing when the request was given up because the
// coordinator is gone.
func (r *request[Q, R]) conclude(b []byte, v R, err error) (full, lent []byte) {
	switch {
	case err != nil && r.Err() != nil:
		if r.Cause() != errUnwanted {
			return b, nil // whoever is gone needs no answer, least of all one to what it did not ask
		}
		return frame.Append(b, frame.Header{Kind: frame.Cancelled, ID: r.h.ID}), nil
	case err != nil:
		return r.fail(b, failureOf(err)), nil
	}
	if refused := r.refused.Load(); refused != nil {
		return r.fail(b, refused), nil
	}
	at := len(b)
	full, lent, err = body(r.w.response, r.w.lender, b, v)
	n := len(full) - at - frame.Size + len(lent)
	if err == nil {
		err = r.fits("response", n)
	}
	if err != nil {
		return r.fail(b, &Failure{Message: err.Error(), Cause: ganger.CauseEncode}), nil
	}
	frame.Put(full[at:], frame.Header{Kind: frame.Response, Length: uint32(n), ID: r.h.ID})
	return full, lent
}

// fail appends an error frame to b. Words that are too long for the coordinator
// are cut.
func (r *request[Q, R]) fail(b []byte, f *Failure) []byte {
	const most = 16 << 10
	if len(f.Message) > most || len(f.Trace) > 2*most {
		f = &Failure{Message: f.Message[:min(len(f.Message), most)], Trace: f.Trace[:min(len(f.Trace), 2*most)], Cause: f.Cause}
	}
	at := len(b)
	b = f.append(frame.Append(b, frame.Header{}))
	frame.Put(b[at:], frame.Header{Kind: frame.Error, Length: uint32(len(b) - at - frame.Size), ID: r.h.ID})
	return b
}

// fits reports as an error that something is longer than the coordinator takes.
func (r *request[Q, R]) fits(what string, n int) error {
	if int64(n) > r.w.limit {
		return fmt.Errorf("the %s has %d bytes, the coordinator takes at most %d", what, n, r.w.limit)
	}
	return nil
}

// Feedback sends a report, and waits while the coordinator takes nothing. One
// that the coordinator would not take makes the request fail at its end.
func (r *request[Q, R]) Feedback(body []byte) {
	err := r.fits("feedback", len(body))
	if err != nil {
		r.refused.CompareAndSwap(nil, &Failure{Message: err.Error(), Cause: ganger.CauseEncode})
	}
	if r.over.Load() || err != nil {
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
	if r.over.Load() {
		return nil, errOver
	}
	r.mu.Lock()
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
	case <-r.Done():
		return nil, context.Cause(r)
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
