package walltest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ganger-dev/ganger/wall"
)

// Worker is the worker's side of a subject. The zero Worker is one behind the
// goroutine wall: it has no life of its own to end.
type Worker struct {
	// Die ends the life at once, as "kill" or "exit N" says. It may return: the
	// script ends then.
	Die func(how string)
	// Wire is the channel of the protocol, for what is below the protocol.
	Wire io.WriteCloser
	// Dead is closed at the death of a life that is not a process, which would
	// take its waits with it. Nil: nothing has to end them.
	Dead <-chan struct{}

	mu   sync.Mutex // guards what follows; never held across a call or a channel operation
	here int        // scripts that wait in gather
	all  chan struct{}
}

// Perform performs a script: steps separated by ";", each a verb and its
// argument. The value of the last step is the response.
//
//	echo TEXT     respond with TEXT
//	fail TEXT     return TEXT as an error
//	sleep D       wait, and give up when the context ends
//	deaf D        wait, whatever the context says
//	tell TEXT     one feedback
//	feedback N    N of them: 0, 1, …
//	ask TEXT      ask the coordinator, respond with the answer
//	gather N      wait until N scripts are here
//	panic TEXT    panic
//	kill, exit N  end the life
//	raw QUOTED    write these bytes to the channel of the protocol
//	late QUOTED   write them, some time after the response
//	close         close the worker's own end of the channel, and live on
//	print TEXT    write a line to standard output
func (w *Worker) Perform(ctx context.Context, script string, h wall.Host) (value string, err error) {
	for step := range strings.SplitSeq(script, ";") {
		verb, arg, _ := strings.Cut(strings.TrimSpace(step), " ")
		if value, err = w.do(ctx, verb, arg, h); err != nil {
			return "", err
		}
	}
	return value, nil
}

var errDying = errors.New("the life ends")

func (w *Worker) do(ctx context.Context, verb, arg string, h wall.Host) (string, error) {
	switch verb {
	case "echo":
		return arg, nil
	case "fail":
		return "", errors.New(arg)
	case "sleep", "deaf":
		return "", w.wait(ctx, verb == "deaf", arg)
	case "tell":
		h.Feedback([]byte(arg))
	case "feedback":
		n, err := strconv.Atoi(arg)
		for i := range n {
			h.Feedback([]byte(strconv.Itoa(i)))
		}
		return "", err
	case "ask":
		answer, err := h.Ask(ctx, []byte(arg))
		return string(answer), err
	case "gather":
		n, err := strconv.Atoi(arg)
		if err != nil {
			return "", err
		}
		return w.gather(ctx, n)
	case "panic":
		panic(arg)
	case "kill", "exit":
		w.Die(strings.TrimSpace(verb + " " + arg))
		return "", errDying
	case "raw", "late":
		return "", w.raw(verb == "late", arg)
	case "close":
		return "", w.Wire.Close()
	case "print":
		fmt.Fprintln(os.Stdout, arg)
	default:
		return "", fmt.Errorf("walltest: no step is called %q", verb)
	}
	return "", nil
}

// wait waits for the time that arg says, or until ctx ends.
func (w *Worker) wait(ctx context.Context, deaf bool, arg string) error {
	d, err := time.ParseDuration(arg)
	if err != nil {
		return err
	}
	asked := ctx.Done()
	if deaf {
		asked = nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-asked:
		return context.Cause(ctx)
	case <-w.Dead:
		return errDying
	}
}

// gather waits until n scripts are here.
func (w *Worker) gather(ctx context.Context, n int) (string, error) {
	w.mu.Lock()
	if w.all == nil {
		w.all = make(chan struct{})
	}
	all := w.all
	w.here++
	last := w.here == n
	if last {
		w.here, w.all = 0, nil
	}
	w.mu.Unlock()
	if last {
		close(all)
	}
	select {
	case <-all:
		return "together", nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// raw writes bytes that the protocol knows nothing of.
func (w *Worker) raw(late bool, quoted string) error {
	text, err := strconv.Unquote(quoted)
	if err != nil {
		return fmt.Errorf("walltest: %s: %w", quoted, err)
	}
	write := func() error {
		_, err := io.WriteString(w.Wire, text)
		return err
	}
	if late {
		time.AfterFunc(lateness, func() { _ = write() }) // the life may be gone by then
		return nil
	}
	return write()
}

// lateness is how long after its step the bytes of late are written.
const lateness = 20 * time.Millisecond
