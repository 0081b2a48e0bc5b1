package worker

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"sync"

	"github.com/ganger-dev/ganger"
)

// In makes a struct a request of protocol W whose response is an R:
//
//	type Open struct {
//		worker.In[Player, Move]
//		Game int
//	}
//
// W is any type that names the protocol; it is never made. In has no size and
// says nothing at run time: the compiler takes W and R from it.
type In[W, R any] struct{}

func (In[W, R]) request(W) (r R) { return r }
func (In[W, R]) post(W)          {}

// Request is a request of protocol W with response R: a struct that embeds
// [In].
type Request[W, R any] interface {
	request(W) R
	post(W)
}

// Post is a request of protocol W, whatever its response.
type Post[W any] interface{ post(W) }

// place says where a request is.
type place uint8

const (
	nowhere place = iota
	blocked       // waits for room
	pending       // waits for its turn
	merging       // was pending in a box, and is merged with a newer one
	inHand        // is performed
	settled       // has its end; whoever performs it may not know yet
)

// item is one request in a mailbox or in hand. Its fields are guarded by the lock
// of its worker. It is small because a mailbox may hold millions.
type item struct {
	next, prev *item
	kind       *found
	what       any // the request, or the caller that waits and has it
	id         uint64
	pushed     int64 // instant
	at         place
	waited     bool // what is a caller
	overdue    bool // its limit is over
	judged     bool // its handler has returned an error, and its limit means nothing any more
	shared     bool // settled by another than its performer, who may hold it still
	// withdrawable: its caller may give up, and its handler is told so.
	withdrawable bool
	here         bool // its caller has it performed itself, if nobody is at work
}

// caller is somebody who waits for the end of a request, or for room for it.
type caller interface {
	settle(end error) // keeps the end, before
	wake()
}

// caller returns who waits for it, nil if nobody does.
func (it *item) caller() caller {
	if !it.waited {
		return nil
	}
	return it.what.(caller)
}

// found is the handler of a type of request.
type found struct {
	t reflect.Type
	handled
}

// handled is what a worker knows of one type of request.
type handled interface {
	// perform calls the handler; a response stays with the caller's envelope.
	perform(ctx context.Context, state any, it *item) error
	// request returns the request itself.
	request(it *item) any
	// into returns where the response belongs.
	into(it *item) any
	// Of requests that cross a wall: their types, one made of bytes, and the
	// handler on that.
	types() (q, r reflect.Type)
	parse(c codec, body []byte) (any, error)
	respond(ctx context.Context, state, q any) (any, error)
}

// kind is one type of request and its handler.
type kind[Q, R any] struct {
	handle    func(ctx context.Context, state any, q Q) (R, error)
	envelopes sync.Pool // of *envelope[Q, R]
}

// envelope is a call. It is used again once its caller has read the end and its
// performer has settled it; in every other case it is left to the collector.
type envelope[Q, R any] struct {
	item
	q    Q
	r    R // written by the performer only
	end  error
	done chan struct{} // room for the one signal
}

func (e *envelope[Q, R]) settle(end error) { e.end = end }
func (e *envelope[Q, R]) wake()            { e.done <- struct{}{} }

func newKind[Q, R any](handle func(context.Context, any, Q) (R, error)) *kind[Q, R] {
	k := &kind[Q, R]{handle: handle}
	k.envelopes.New = func() any { return &envelope[Q, R]{done: make(chan struct{}, 1)} }
	return k
}

// seal returns an envelope for q.
func (k *kind[Q, R]) seal(f *found, q Q) *envelope[Q, R] {
	e := k.envelopes.Get().(*envelope[Q, R])
	e.item = item{kind: f, what: e, waited: true}
	e.q = q
	return e
}

// open returns what the caller gets, once it was woken.
func (k *kind[Q, R]) open(e *envelope[Q, R]) (r R, err error) {
	if e.shared {
		return r, e.end
	}
	r, err = e.r, e.end
	k.discard(e)
	return r, err
}

// discard keeps e, which nobody uses, for another call.
func (k *kind[Q, R]) discard(e *envelope[Q, R]) {
	e.item = item{}
	var q Q
	var r R
	e.q, e.r, e.end = q, r, nil
	k.envelopes.Put(e)
}

func (k *kind[Q, R]) perform(ctx context.Context, state any, it *item) error {
	if e, ok := it.what.(*envelope[Q, R]); ok {
		r, err := k.handle(ctx, state, e.q)
		e.r = r
		return err
	}
	_, err := k.handle(ctx, state, it.what.(Q))
	return err
}

func (k *kind[Q, R]) request(it *item) any {
	if e, ok := it.what.(*envelope[Q, R]); ok {
		return e.q
	}
	return it.what
}

func (k *kind[Q, R]) into(it *item) any {
	if e, ok := it.what.(*envelope[Q, R]); ok {
		return &e.r
	}
	return new(R)
}

// view returns what people see of a request: what it says of itself as a
// [slog.LogValuer], or the name of its type. It runs code of the request.
func view(q any) any {
	if _, ok := q.(slog.LogValuer); ok {
		return slog.AnyValue(q).Resolve().Any() // which survives its panic
	}
	return fmt.Sprintf("%T", q)
}

// unhandled is the end of a request that no handler is for.
func unhandled(worker string, t reflect.Type) error {
	do := "give the definition one with worker.Handle"
	if t != nil && t.Kind() == reflect.Pointer {
		do += ", or post the value and not its address"
	}
	return &ganger.Error{
		Outcome: ganger.Failed, Cause: ganger.CauseUnhandled, Worker: worker,
		Err: fmt.Errorf("no handler for %v: %s", t, do),
	}
}
