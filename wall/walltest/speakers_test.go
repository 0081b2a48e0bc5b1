//go:build unix

package walltest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/walltest"
)

// speaker is the worker's side of a dialect: it serves until the end of s.
type speaker func(s io.ReadWriter, slots int, w *walltest.Worker) error

var speakers = map[string]speaker{
	"native": func(s io.ReadWriter, slots int, w *walltest.Worker) error {
		return native.Serve(s, slots, native.JSON[string](), native.JSON[string](), w.Perform)
	},
	"lines": serveLines,
	"jsonl": serveJSONLines,
}

// serveLines answers a line with a line. It says nothing but answers, so a
// script that fails here is one that ends the worker.
func serveLines(s io.ReadWriter, _ int, w *walltest.Worker) error {
	if _, err := io.WriteString(s, "ready\n"); err != nil {
		return err
	}
	in := bufio.NewScanner(s)
	for in.Scan() {
		r, err := w.Perform(context.Background(), in.Text(), nil)
		if err == nil {
			_, err = fmt.Fprintln(s, r)
		}
		if err != nil {
			return err
		}
	}
	return in.Err()
}

// heard is a line of the coordinator.
type heard struct {
	ID      uint64 `json:"id"`
	Request string `json:"request"`
	Cancel  uint64 `json:"cancel"`
}

// jsonWorker is a worker that speaks JSON lines and obeys.
type jsonWorker struct {
	w *walltest.Worker

	writing chan struct{} // holds one: whoever has it may write to s
	s       io.Writer

	mu     sync.Mutex // guards what follows
	inHand map[uint64]context.CancelCauseFunc
}

var errAsked = errors.New("asked to give up")

func serveJSONLines(s io.ReadWriter, slots int, w *walltest.Worker) error {
	j := &jsonWorker{w: w, s: s, writing: make(chan struct{}, 1), inHand: map[uint64]context.CancelCauseFunc{}}
	if err := j.say(map[string]any{"ready": true, "slots": slots, "cancel": true}); err != nil {
		return err
	}
	var all sync.WaitGroup
	defer all.Wait()
	in := bufio.NewScanner(s)
	for in.Scan() {
		var h heard
		if err := json.Unmarshal(in.Bytes(), &h); err != nil {
			return err
		}
		if h.Cancel != 0 {
			j.mu.Lock()
			if stop := j.inHand[h.Cancel]; stop != nil {
				stop(errAsked)
			}
			j.mu.Unlock()
			continue
		}
		ctx, stop := context.WithCancelCause(context.Background())
		j.mu.Lock()
		j.inHand[h.ID] = stop
		j.mu.Unlock()
		all.Go(func() { j.perform(ctx, h) })
	}
	j.mu.Lock() // nobody waits for answers any more
	defer j.mu.Unlock()
	for _, stop := range j.inHand {
		stop(errAsked)
	}
	return in.Err()
}

func (j *jsonWorker) perform(ctx context.Context, h heard) {
	r, err := j.w.Perform(ctx, h.Request, jsonHost{j, h.ID})
	asked := context.Cause(ctx) != nil
	j.mu.Lock()
	j.inHand[h.ID](nil)
	delete(j.inHand, h.ID)
	j.mu.Unlock()
	line := map[string]any{"id": h.ID}
	switch {
	case err == nil:
		line["response"] = r
	case asked:
		line["cancelled"] = true
	default:
		line["error"] = map[string]string{"message": err.Error()}
	}
	_ = j.say(line) // the life may be over, and then nobody reads
}

func (j *jsonWorker) say(line map[string]any) error {
	b, err := json.Marshal(line)
	if err != nil {
		return err
	}
	j.writing <- struct{}{}
	_, err = j.s.Write(append(b, '\n'))
	<-j.writing
	return err
}

// jsonHost is the host of one request.
type jsonHost struct {
	j  *jsonWorker
	id uint64
}

// Feedback says a body that is JSON as it is, and other text as a string.
func (h jsonHost) Feedback(body []byte) {
	value := any(json.RawMessage(body))
	if !json.Valid(body) {
		value = string(body)
	}
	_ = h.j.say(map[string]any{"id": h.id, "feedback": value}) // as above
}

// Ask has no line in this dialect.
func (h jsonHost) Ask(context.Context, []byte) ([]byte, error) { return nil, errors.ErrUnsupported }
