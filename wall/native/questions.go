package native

import (
	"bytes"
	"context"
	"errors"
	"sync"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/frame"
	"github.com/ganger-dev/ganger/wall"
)

// maxQuestions is how many questions of one request may be unanswered.
const maxQuestions = 64

var errNobodyAnswers = errors.New("the coordinator answers no questions here")

// questions answers what a worker asks during one request. Each question has a
// goroutine, whose owner is the request: end waits for it.
type questions struct {
	host  wall.Host
	reply func(frame []byte) // sends; may block, but ends with the stream

	ctx    context.Context // of this request; ends when it is cancelled or has ended
	cancel context.CancelCauseFunc
	asking sync.WaitGroup // inside of host.Ask

	mu    sync.Mutex // guards what follows
	open  int
	ended bool // nobody waits for an answer any more
}

func newQuestions(host wall.Host, reply func([]byte)) *questions {
	q := &questions{host: host, reply: reply}
	q.ctx, q.cancel = context.WithCancelCause(context.Background())
	return q
}

// ask takes one question, and reports false if there are too many. It does not
// block.
func (q *questions) ask(h frame.Header, question []byte) bool {
	q.mu.Lock()
	q.open++
	few := q.open <= maxQuestions
	q.mu.Unlock()
	if !few {
		return false
	}
	question = bytes.Clone(question) // the reader goes on
	var answer []byte
	err := errNobodyAnswers
	q.asking.Add(1)
	go func() {
		if q.host != nil {
			answer, err = q.host.Ask(q.ctx, question)
		}
		q.mu.Lock()
		q.open--
		ended := q.ended
		q.mu.Unlock()
		// From here on nothing of the caller's is used: the request may end
		// although the worker does not read its answer.
		q.asking.Done()
		if !ended {
			q.reply(answerFrame(h, answer, err))
		}
	}()
	return true
}

// end ends what is asked and waits until the caller's Host is left alone.
func (q *questions) end() {
	q.mu.Lock()
	q.ended = true
	q.mu.Unlock()
	q.cancel(errAnswerUnwanted)
	q.asking.Wait()
}

var errAnswerUnwanted = errors.New("the request that asked has ended")

// answerFrame is the answer to the question of h, or why there is none.
func answerFrame(h frame.Header, answer []byte, err error) []byte {
	kind, body := frame.Answer, answer
	if err != nil {
		kind, body = frame.Error, (&Failure{Message: err.Error()}).append(nil)
	}
	b := frame.Append(make([]byte, 0, frame.Size+len(body)), frame.Header{
		Kind: kind, Length: uint32(len(body)), ID: h.ID, Ask: h.Ask,
	})
	return append(b, body...)
}

// why returns what a call was asked to end as, for the context of its questions.
func why(as *ganger.Error) error {
	if as == nil {
		return context.Canceled
	}
	return as
}
