package main

import (
	"encoding/json"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/ganger-dev/ganger/cmd/ganger/internal/input"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/runlog"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/status"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/window"
)

// task is one task of the input on its way through the run.
type task struct {
	input.Task
	status.Running
	text     []byte  // what replacement strings stand for: Bytes, or the characters of a JSON string
	key      string  // for --key
	priority int     // for --priority
	wrong    error   // why its key or its priority is none, or it can have no file
	result   *result // of --results; nil: none is kept
	shown    []shown // by its attempt, line by line; used by one attempt at a time
	file     *file   // of --out; nil: it makes none
	number   uint64  // in the engine; guarded by the job's handsMu while it is being submitted
	place    *window.Place[*task]
	phase    atomic.Uint32
	lost     loss
	stderr   tail
	said     midtask
	path     string // which follow-up it is; "" for a task of the input

	logged  runlog.Task
	deaths  int          // of workers under it, as the log has them; used by one attempt at a time
	since   atomic.Int64 // when its attempt began, on the job's clock; 0: none has
	noticed bool         // that it runs for long; used by the job's watch
}

// The phases of a task. It leaves queued once, by a swap: to started when a
// worker is about to get it, to withdrawn when the run takes no more.
const (
	queued uint32 = iota
	started
	withdrawn
)

// newTask makes a task of what was read.
func (p *plan) newTask(in input.Task) *task {
	t := &task{Task: in, text: in.Bytes}
	if p.format == input.JSON && in.Err == nil {
		if in.Bytes[0] == '"' {
			t.text = characters(in.Bytes)
		}
		t.key, t.priority, t.wrong = p.place(in.Bytes)
	}
	t.Label = t.text
	return t
}

// characters are what a JSON string stands for.
func characters(text []byte) []byte {
	var s string
	if json.Unmarshal(text, &s) != nil {
		return text // it is one, so this does not happen
	}
	return []byte(s)
}

// start says that a worker is about to get the task. It reports false if it was
// withdrawn before.
func (t *task) start() bool {
	return t.phase.CompareAndSwap(queued, started) || t.phase.Load() == started
}

// withdraw takes the task back and reports whether it had not started.
func (t *task) withdraw() bool { return t.phase.CompareAndSwap(queued, withdrawn) }

// validText reports whether a task can be a JSON string.
func validText(b []byte) bool { return utf8.Valid(b) }

// tailBytes is how much of a task's standard error is kept: enough for a stack
// trace, little enough for all tasks of a window.
const tailBytes = 16 << 10

// tail keeps the last bytes that are written to it. It is safe for concurrent use.
type tail struct {
	mu      sync.Mutex // guards what follows
	b       []byte
	dropped int
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	// Cut only when twice the size is reached, so that a byte moves but once.
	if n := len(t.b) - tailBytes; n > tailBytes {
		t.dropped += n
		t.b = append(t.b[:0], t.b[n:]...)
	}
	return len(p), nil
}

// reset forgets everything, for the next attempt.
func (t *tail) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b, t.dropped = nil, 0
}

// size is how many bytes it takes.
func (t *tail) size() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.b)
}

// text returns what is kept and how many bytes before it are not.
func (t *tail) text() (b []byte, dropped int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	cut := max(len(t.b)-tailBytes, 0)
	return t.b[cut:], t.dropped + cut
}
