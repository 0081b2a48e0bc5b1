// Package input cuts a stream of bytes into tasks: lines, NUL-separated
// records, or JSON values one a line.
//
// # What a task is
//
// A task is the bytes between two separators, exactly as they came: a carriage
// return before the newline belongs to the task, an empty line is a task of no
// bytes, bytes that are not UTF-8 pass through. The last task needs no
// separator behind it, and a separator at the very end begins no further task,
// so that empty input holds none.
//
// In the JSON form white space around a value is dropped and a blank line is no
// task. A line that is no JSON value is a task all the same: one with an error,
// so that it is counted, told and numbered like the others.
//
// # Failure handling
//
// What is wrong with one task is in [Task.Err] and the next task follows. What
// is wrong with the stream ends it: [Reader.Next] returns that error for ever.
package input

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Format says how a stream is cut into tasks.
type Format uint8

// The formats.
const (
	Lines Format = iota // one a line
	Null                // each ended by a NUL byte
	JSON                // one JSON value a line
)

// MaxTask is the greatest length of one task in bytes.
const MaxTask = 64 << 20

// shown is how much of a task that is too long is kept for messages.
const shown = 100

// Task is one task of the input. It owns Bytes.
type Task struct {
	Index int    // its number among the tasks, from 1
	Line  int    // where it began: the line, or with Null the record, from 1
	Bytes []byte // without the separator; of a task with Err perhaps only the beginning
	Err   error  // why it cannot be performed; nil usually
}

// ErrTooLong is in the Err of a task of more than the reader's limit.
var ErrTooLong = errors.New("task is too long")

// Reader cuts one stream into tasks. It is not safe for concurrent use.
type Reader struct {
	src    *bufio.Reader
	format Format
	limit  int
	index  int
	line   int
	read   int64
	err    error
}

// New returns a reader of the tasks of r. limit is the greatest length of a
// task; zero means [MaxTask]. It reads ahead by 64 KiB at most.
func New(r io.Reader, f Format, limit int) *Reader {
	if limit == 0 {
		limit = MaxTask
	}
	return &Reader{src: bufio.NewReaderSize(r, 64<<10), format: f, limit: limit}
}

// Consumed is how many bytes of the stream belong to the tasks returned so far.
func (r *Reader) Consumed() int64 { return r.read }

// Ready reports whether Next surely returns a task without reading the stream.
func (r *Reader) Ready() bool {
	if r.err != nil || r.format == JSON {
		return false // a blank line is no task, and a value takes its time anyhow
	}
	there, _ := r.src.Peek(r.src.Buffered())
	return bytes.IndexByte(there, r.separator()) >= 0
}

// Next returns the next task. At the end of the stream the error is io.EOF;
// any other error is the stream's own, and names the line that was being read.
// It blocks as reading the stream does.
func (r *Reader) Next() (Task, error) {
	for r.err == nil {
		before := r.read
		raw, size, err := r.cut()
		if err != nil && !errors.Is(err, io.EOF) {
			r.err = fmt.Errorf("%s %d: %w", r.unit(), r.line+1, err)
			break
		}
		r.err = err
		if err != nil && r.read == before {
			break // the last separator was the end
		}
		r.line++
		if t, ok := r.task(raw, size); ok {
			return t, nil
		}
	}
	return Task{}, r.err
}

// task makes a task of the size bytes that stood between two separators, of
// which raw may be the beginning only; ok is false when there is none.
func (r *Reader) task(raw []byte, size int) (t Task, ok bool) {
	t = Task{Line: r.line, Bytes: raw}
	if size > r.limit {
		t.Err = fmt.Errorf("%s %d: %w: %d bytes, at most %d are allowed", r.unit(), t.Line, ErrTooLong, size, r.limit)
	} else if r.format == JSON {
		t.Bytes = bytes.Trim(raw, " \t\r\n")
		if len(t.Bytes) == 0 {
			return t, false
		}
		if err := checkJSON(t.Bytes); err != nil {
			t.Err = fmt.Errorf("line %d: not a JSON value: %w", t.Line, err)
		}
	}
	r.index++
	t.Index = r.index
	return t, true
}

// unit is what the format counts, for messages.
func (r *Reader) unit() string {
	if r.format == Null {
		return "record"
	}
	return "line"
}

func (r *Reader) separator() byte {
	if r.format == Null {
		return 0
	}
	return '\n'
}

// cut returns the bytes up to the next separator and how many they were. Of
// more than the limit it keeps the beginning only, so that an endless line
// takes no memory. The error is nil if there was a separator.
func (r *Reader) cut() (raw []byte, size int, err error) {
	sep := r.separator()
	for {
		var piece []byte
		piece, err = r.src.ReadSlice(sep)
		r.read += int64(len(piece))
		if err == nil {
			piece = piece[:len(piece)-1]
		}
		size += len(piece)
		switch {
		case size <= r.limit:
			raw = append(raw, piece...)
		case len(raw) < shown:
			raw = append(raw, piece[:min(len(piece), shown-len(raw))]...)
		case len(raw) > shown:
			raw = bytes.Clone(raw[:shown]) // so that the memory of the rest can go
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return raw, size, err
		}
	}
}

// checkJSON says why text is not one JSON value. encoding/json would silently
// replace what is not UTF-8, so that is refused here.
func checkJSON(text []byte) error {
	if !json.Valid(text) {
		var v json.RawMessage
		if err := json.Unmarshal(text, &v); err != nil {
			return err
		}
	}
	if !utf8.Valid(text) {
		return errors.New("it is not UTF-8")
	}
	return nil
}
