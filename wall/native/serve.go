package native

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/frame"
	"github.com/ganger-dev/ganger/wall"
)

// hold is how long a request may keep the goroutine that reads. One that takes
// longer, at most twice as long, hands the reading on.
const hold = 100 * time.Microsecond

// Serve performs the requests that come on s with f, up to slots of them at
// once (zero means 1), until the coordinator says bye or s ends; it returns
// when all requests in hand have ended.
//
// f is called on several goroutines at once if slots is more than 1. Its context
// is cancelled, with a cause, when the coordinator no longer wants the request
// or is gone; an error after that tells the coordinator that f obeyed. Its Host
// is valid until f returns. The text of an error crosses; a [*Failure] may add a
// trace, and a [*ganger.Error] with the cause unhandled or encode keeps that
// cause. If f panics, the coordinator is told the message and the stack, and
// Serve returns a [*ganger.Error] at once: the program should exit, as its state
// is not to be trusted.
//
// Serve returns nil after a bye and at the end of s, a [*VersionError] if the
// coordinator speaks another version, and otherwise what is wrong with s.
func Serve[Q, R any](s io.ReadWriter, slots int, qc Codec[Q], rc Codec[R], f func(context.Context, Q, wall.Host) (R, error)) error {
	if slots < 0 || slots > maxSlots {
		panic(fmt.Sprintf("native: Serve with %d slots, must be between 0 and %d", slots, maxSlots))
	}
	w := &server[Q, R]{
		in: frame.NewReader(s, helloLimit), out: newOutbox(s, outboxBound),
		slots: max(slots, 1), request: qc, response: rc, perform: f,
		inHand: make(map[uint32]*request[Q, R]), done: make(chan struct{}), drained: make(chan struct{}),
	}
	if err := w.hello(s); err != nil || w.limit == 0 {
		return err
	}
	w.lender, _ = rc.(Lender[R])
	w.watch = time.AfterFunc(time.Hour, w.sample)
	w.watch.Stop()
	defer w.watch.Stop()
	go w.read() // owned by done: it ends the serving, or hands that duty on
	<-w.done
	if _, panicked := errors.AsType[*ganger.Error](w.err); panicked {
		return w.err
	}
	<-w.drained
	_ = w.out.flush() // the coordinator may be gone, and then nobody misses it
	return w.err
}

// outboxBound is how many bytes may wait behind a write of another request
// before a request is held up.
const outboxBound = 256 << 10

// server is the worker's side of one stream.
type server[Q, R any] struct {
	in       *frame.Reader // of the goroutine that reads
	answers  []byte        // too: frames that are sent when it is about to wait
	out      *outbox
	slots    int
	limit    int64 // of the bodies that the coordinator takes
	request  Codec[Q]
	response Codec[R]
	lender   Lender[R] // response, if it is one
	perform  func(context.Context, Q, wall.Host) (R, error)

	// inline is the request that the reading goroutine performs; whoever takes
	// it out of here owns the reading from then on.
	inline atomic.Pointer[request[Q, R]]
	armed  atomic.Bool // watch will fire
	watch  *time.Timer
	seen   atomic.Pointer[request[Q, R]] // what was inline when sample last looked
	others atomic.Int32                  // how many are inHand

	mu      sync.Mutex                // guards what follows; never held across a call
	inHand  map[uint32]*request[Q, R] // without the one that is inline
	working int                       // requests not yet answered, without the one that is inline
	ended   bool
	err     error // final when done is closed

	done    chan struct{} // nothing more is read
	drained chan struct{} // and nothing is in hand
}

// hello answers the hello of the coordinator. It leaves limit at 0 if s ended
// before it came.
func (w *server[Q, R]) hello(s io.Writer) error {
	its, err := receive(w.in)
	if err != nil {
		if err == wall.ErrGone {
			return nil
		}
		return fmt.Errorf("native: the hello of the coordinator: %w", err)
	}
	mine := hello{
		Version: Version, Name: filepath.Base(os.Args[0]), Format: offered(w.request),
		Slots: w.slots, Limit: its.Limit,
	}
	if err := send(s, mine); err != nil {
		return fmt.Errorf("native: the hello could not be written: %w", err)
	}
	if its.Version != Version {
		return &VersionError{Worker: Version, Coordinator: its.Version}
	}
	w.limit = its.Limit
	if w.limit <= 0 {
		w.limit = defaultLimit
	}
	w.in.SetLimit(int(w.limit))
	return nil
}

// read reads until the end, or until a request that it performs has taken so
// long that another goroutine reads.
func (w *server[Q, R]) read() {
	for {
		if !w.in.Ready() { // about to wait
			if err := w.sendAnswers(); err != nil {
				w.end(fmt.Errorf("native: write to the coordinator: %w", err))
				return
			}
		}
		h, body, err := w.in.Next()
		switch {
		case err == io.EOF:
			w.end(errLeft)
			return
		case err != nil:
			w.stop(fmt.Errorf("native: read from the coordinator: %w", err))
			return
		}
		switch h.Kind {
		case frame.Request:
			if !w.take(h, body) {
				return
			}
		case frame.Cancel:
			w.cancel(h.ID)
		case frame.Answer, frame.Error:
			w.answer(h, body)
		case frame.Bye:
			w.stop(nil)
			return
		default:
			w.stop(broken("a coordinator must not send a %s", h.Kind))
			return
		}
	}
}

// stop ends the serving, for the goroutine that reads.
func (w *server[Q, R]) stop(err error) {
	_ = w.sendAnswers() // whoever is gone misses nothing
	w.end(err)
}

// sendAnswers sends what the goroutine that reads, which calls it, has answered.
func (w *server[Q, R]) sendAnswers() error {
	if len(w.answers) == 0 {
		return nil
	}
	_, err := w.out.post(w.answers)
	if w.answers = w.answers[:0]; cap(w.answers) > 1<<20 {
		w.answers = nil // much at one time must not hold its memory for ever
	}
	return err
}

var (
	errLeft     = errors.New("native: the coordinator is gone")
	errUnwanted = errors.New("native: the coordinator no longer wants this request")
)

// take performs a request, or has it performed. It reports whether the caller
// still reads.
func (w *server[Q, R]) take(h frame.Header, body []byte) bool {
	r := &request[Q, R]{w: w, h: h, reads: true}
	r.Init(background)
	if !r.parse(body) {
		return !w.over()
	}
	r.reads = false // from here on somebody may take the reading away
	// Only the goroutine that reads, which this is, adds to those in hand.
	others := int(w.others.Load())
	switch {
	case others >= w.slots:
		w.stop(broken("request %d came while %d were in hand, which are all slots", h.ID, others))
		return false
	case others > 0: // requests take long here: do not even try to keep the reading
		w.mu.Lock()
		w.keepLocked(r)
		w.mu.Unlock()
		go r.run() // owned by inHand
		return true
	}
	w.inline.Store(r)
	if !w.armed.Load() {
		w.armed.Store(true)
		w.watch.Reset(hold)
	}
	return r.run()
}

var background = context.Background()

// over reports whether the serving has ended.
func (w *server[Q, R]) over() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// sample looks again and again, while requests are performed inline, whether it
// is still the same one, and then has another goroutine read. One look for many
// requests costs less than a timer for each.
func (w *server[Q, R]) sample() {
	r := w.inline.Load()
	if r == nil { // sleep until something is begun
		w.seen.Store(nil)
		w.armed.Store(false)
		if r = w.inline.Load(); r == nil || w.armed.Swap(true) {
			return
		}
	}
	if r == w.seen.Swap(r) {
		w.handOn(r)
	}
	w.watch.Reset(hold)
}

// handOn makes another goroutine read, if r still keeps the reading.
func (w *server[Q, R]) handOn(r *request[Q, R]) {
	w.mu.Lock()
	mine := w.inline.CompareAndSwap(r, nil)
	if mine {
		w.keepLocked(r)
	}
	w.mu.Unlock()
	if mine {
		go w.read() // as in Serve
	}
}

// cancel passes on that the coordinator no longer wants a request. It may have
// ended meanwhile.
func (w *server[Q, R]) cancel(id uint32) {
	w.mu.Lock()
	r := w.inHand[id]
	w.mu.Unlock()
	if r != nil {
		r.Cancel(errUnwanted)
	}
}

// answer passes on an answer to whoever asked. Nobody may be waiting any more.
func (w *server[Q, R]) answer(h frame.Header, body []byte) {
	w.mu.Lock()
	r := w.inHand[h.ID]
	w.mu.Unlock()
	if r != nil {
		r.answered(h, body)
	}
}

// end ends the serving, once: nil after a bye, which lets the requests in hand
// go on; an error otherwise, which is their cause to stop.
func (w *server[Q, R]) end(err error) {
	w.mu.Lock()
	if w.ended {
		w.mu.Unlock()
		return
	}
	w.ended = true
	if w.err = err; err == errLeft {
		w.err = nil
	}
	var stop []*request[Q, R]
	if err != nil {
		for _, r := range w.inHand {
			stop = append(stop, r)
		}
	}
	idle := w.working == 0
	w.mu.Unlock()
	for _, r := range stop {
		r.Cancel(err)
	}
	close(w.done)
	if idle {
		close(w.drained)
	}
}

// keepLocked takes a request that is not inline in hand.
func (w *server[Q, R]) keepLocked(r *request[Q, R]) {
	w.inHand[r.h.ID], r.kept = r, true
	w.others.Store(int32(len(w.inHand)))
	w.working++
}

// leave takes a request out of hand, before its answer is sent, because the
// coordinator may use its slot as soon as it has that.
func (w *server[Q, R]) leave(id uint32) {
	w.mu.Lock()
	delete(w.inHand, id)
	w.others.Store(int32(len(w.inHand)))
	w.mu.Unlock()
}

// rest notes that r, if it was ever in inHand, is answered.
func (w *server[Q, R]) rest(r *request[Q, R]) {
	w.mu.Lock()
	if r.kept {
		w.working--
	}
	last := r.kept && w.ended && w.working == 0
	w.mu.Unlock()
	if last {
		close(w.drained)
	}
}
