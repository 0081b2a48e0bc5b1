package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"unicode"
	"unicode/utf16"

	"github.com/ganger-dev/ganger/cmd/ganger/internal/input"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/status"
)

// midtask is what a worker of the native protocol says while it performs a task.
// It is safe for concurrent use: one that performs several answers out of order.
type midtask struct {
	mu     sync.Mutex // guards what follows; never held across a call that waits
	report []byte     // the newest, one JSON value
	// What the task submitted, JSON values. They become tasks when it is done, so
	// that an attempt that comes to nothing leaves nothing behind, and one that is
	// made again submits nothing twice.
	submitted []json.RawMessage
	size      int // of submitted
}

const (
	reportKept    = 64 << 10 // bytes of a report; longer ones are not kept
	submittedKept = 64 << 20 // bytes that one task may submit
	overTask      = 64       // what a task counts there beside its text
)

// reset forgets everything, for the next attempt.
func (m *midtask) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.report, m.submitted, m.size = nil, nil, 0
}

// said returns the newest report, and what was submitted.
func (m *midtask) said() (report []byte, submitted []json.RawMessage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.report, m.submitted
}

// reported takes a report of the worker that performs t.
func (j *job) reported(t *task, body []byte) {
	if len(body) > reportKept {
		return
	}
	var compact bytes.Buffer
	if json.Compact(&compact, body) != nil {
		compact.Reset()
		compact.Write(jsonText(string(body)))
	}
	report := compact.Bytes()
	t.said.mu.Lock()
	t.said.report = report
	t.said.mu.Unlock()
	text := report
	if text[0] == '"' {
		text = characters(text)
	}
	j.tally.Report(&t.Running, status.Label(string(text), 40))
}

// asked answers a question of the worker that performs t.
func (j *job) asked(_ context.Context, t *task, question []byte) ([]byte, error) {
	var q struct {
		Submit *[]json.RawMessage `json:"submit"`
	}
	d := json.NewDecoder(bytes.NewReader(question))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil || q.Submit == nil {
		return nil, errors.New(`this run can only be asked {"submit": [TASK, ...]}`)
	}
	size := 0
	for i, v := range *q.Submit {
		if j.plan.format != input.JSON && v[0] != '"' {
			return nil, fmt.Errorf("submit: task %d is no string; other values need --ndjson", i+1)
		}
		if j.plan.format != input.JSON && halved(v) {
			return nil, fmt.Errorf("submit: task %d holds half a surrogate pair, as names of files that are not UTF-8 do in Python; only --ndjson can carry it", i+1)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, v); err != nil {
			return nil, fmt.Errorf("submit: task %d: %w", i+1, err) // it was decoded, so this does not happen
		}
		(*q.Submit)[i] = compact.Bytes()
		size += compact.Len() + overTask
	}
	m := &t.said
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.size+size > submittedKept {
		return nil, fmt.Errorf("submit: one task may submit %d MiB", submittedKept>>20)
	}
	m.submitted, m.size = append(m.submitted, *q.Submit...), m.size+size
	return []byte(`{"submitted":` + strconv.Itoa(len(*q.Submit)) + `}`), nil
}

// halved reports whether a JSON string holds half a surrogate pair, for which
// UTF-8 has no bytes: decoded, it would be another text.
func halved(text []byte) bool {
	escape := func(i int) (rune, bool) {
		if !bytes.HasPrefix(text[i:], []byte(`\u`)) {
			return 0, false
		}
		n, err := strconv.ParseUint(string(text[i+2:i+6]), 16, 16)
		return rune(n), err == nil
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		r, ok := escape(i)
		switch {
		case !ok:
			i++ // what is escaped is no escape
			continue
		case utf16.IsSurrogate(r):
			low, _ := escape(i + 6)
			if utf16.DecodeRune(r, low) == unicode.ReplacementChar {
				return true
			}
			i += 6
		}
		i += 5
	}
	return false
}

// followUp is a task that came of another and has not been taken yet.
type followUp struct {
	from  origin
	value json.RawMessage
}

// origin says which task of the input a task came of, and how: "2.1" is the first
// that came of the second that came of it. Of a task of the input it is "".
type origin struct {
	index, line int
	path        string
}

// child is the origin of the n-th that came of what has this one.
func (o origin) child(n int) origin {
	if o.path != "" {
		o.path += "."
	}
	o.path += strconv.Itoa(n)
	if len(o.path) > longestPath {
		sum := sha256.Sum256([]byte(o.path))
		o.path = "~" + hex.EncodeToString(sum[:8])
	}
	return o
}

// longestPath bounds the path of a follow-up: tasks that submit one another in a
// long chain would else have longer and longer ones.
const longestPath = 100

// follow has the tasks taken that came of t, which is done.
func (j *job) follow(t *task, values []json.RawMessage) {
	if len(values) == 0 {
		return
	}
	from := origin{t.Index, t.Line, t.path}
	j.followMu.Lock()
	for i, v := range values {
		j.follows = append(j.follows, followUp{from.child(i + 1), v})
	}
	j.followMu.Unlock()
	signalOne(j.lonely)
}

// nextFollow returns the follow-up that has waited longest, nil if none waits.
func (j *job) nextFollow() *task {
	j.followMu.Lock()
	defer j.followMu.Unlock()
	if len(j.follows) == 0 {
		return nil
	}
	f := j.follows[0]
	j.follows[0] = followUp{}
	if j.follows = j.follows[1:]; len(j.follows) == 0 {
		j.follows = nil // with the memory of all that was there
	}
	b := []byte(f.value)
	if j.plan.format != input.JSON {
		b = characters(b)
	}
	t := j.plan.newTask(input.Task{Index: f.from.index, Line: f.from.line, Bytes: b})
	t.path = f.from.path
	return t
}

// takeFollows takes the follow-ups that wait.
func (j *job) takeFollows() {
	for j.taking.Err() == nil {
		t := j.nextFollow()
		if t == nil {
			return
		}
		j.take(t)
	}
}

// feedFollows takes what comes of the tasks that have not ended, until all have,
// or the run stops.
func (j *job) feedFollows() {
	for j.taking.Err() == nil {
		settled := j.unsettled.Load() == 0 // asked first: what a task leaves is there before it is settled
		if t := j.nextFollow(); t != nil {
			j.take(t)
			continue
		}
		if settled {
			return
		}
		select {
		case <-j.lonely:
		case <-j.taking.Done():
		}
	}
}

// leaveFollows counts the follow-ups that the end of the run leaves behind.
func (j *job) leaveFollows() {
	j.followMu.Lock()
	defer j.followMu.Unlock()
	for range j.follows {
		j.tally.Read()
		j.tally.NotStarted(&status.Running{})
	}
}
