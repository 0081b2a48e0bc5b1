package runlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/ganger-dev/ganger/journal"
)

// Options say how a log is opened.
type Options struct {
	Header Header // of the session that begins; its version is set
	Resume bool   // the log may have a session already
	Force  bool   // which may have been of another command
	// Before is called before records become safe from a power cut, to make safe
	// what they say was done, as [journal.Config] says. Nil does nothing.
	Before func() error
	// Locked is called with the file, as [journal.Config] says. Nil does nothing.
	Locked func(*os.File) error
	// Why is what narrows the outcome of an end, for [Fate].
	Why func(*End) string
}

// UsedError says that the log has a session, and nobody said to resume it.
type UsedError struct {
	Path     string
	Outcomes int
}

// Error names the log and how much there is in it.
func (e *UsedError) Error() string {
	return fmt.Sprintf("%s has %d outcomes of an earlier run", e.Path, e.Outcomes)
}

// OtherError says that the log is of another command.
type OtherError struct{ Path, Difference string }

// Error names the log and the difference.
func (e *OtherError) Error() string {
	return fmt.Sprintf("%s is the log of another command: %s", e.Path, e.Difference)
}

// Waiter is told what became of its record.
type Waiter interface {
	// Recorded is called once, when the record has been written, or with the
	// reason why it has not. It must not block.
	Recorded(err error)
}

// Task is a task of a session, to be noted in its log. One zero Task with ID and
// Nth set belongs to each task that runs.
type Task struct {
	ID  ID
	Nth int

	began, ended bool // guarded by the log's queueMu: noted, or about to be
}

// Log is a log that is open for a session. But for Take, which one goroutine
// calls, it is safe for concurrent use.
type Log struct {
	journal *journal.Log
	past    *past
	kick    chan struct{} // room for one: there is something to write; closed by Close
	done    chan struct{} // closed when nothing is left to write

	queueMu sync.Mutex // guards what follows and tasks; never held across a write
	queue   []queued
}

// queued is what waits to be written: the end of a task, or that it began.
type queued struct {
	task   *Task
	end    *End   // nil: it began
	waiter Waiter // nil: nobody waits
}

// pace is the least time between two writes. What ends meanwhile is written
// together, which at a hundred thousand tasks a second is most of what a log costs.
const pace = time.Millisecond

// A coordinator that was killed holds its log for a moment longer: through a child
// that it was just starting, or through whoever ends what its workers left, which
// takes some milliseconds, and is given up after ten seconds.
const (
	patience = 12 * time.Second
	patch    = 20 * time.Millisecond
)

// Open opens the log at path, or makes one, and begins a session. Errors are a
// [*UsedError], an [*OtherError], [ErrForeign], [ErrLater], or of package journal.
// The caller must Close.
func Open(path string, o Options) (*Log, error) {
	var l *Log
	for end := time.Now().Add(patience); ; time.Sleep(patch) {
		p := newPast(o.Why)
		j, err := journal.Open(path, journal.Config{Before: o.Before, Locked: o.Locked}, func(b []byte) error { return name(path, p.add(b)) })
		if held, ok := errors.AsType[*journal.HeldError](err); ok && held.Command == "" && time.Now().Before(end) {
			continue // that process is no more
		}
		if errors.Is(err, journal.ErrFormat) {
			return nil, name(path, ErrForeign)
		}
		if err != nil {
			return nil, err
		}
		l = &Log{journal: j, past: p, kick: make(chan struct{}, 1), done: make(chan struct{})}
		break
	}
	if err := l.begin(path, o); err != nil {
		return nil, errors.Join(err, l.journal.Close())
	}
	go l.keep() // ends with Close, which waits for it
	return l, nil
}

// name puts the path before an error that does not hold it.
func name(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", path, err)
}

// begin looks whether the session may begin, and begins it.
func (l *Log) begin(path string, o Options) error {
	was := l.past.session
	if l.past.blank() {
		was = nil // a session that came to nothing, such as one whose command was misspelt
	}
	if was != nil && !o.Resume {
		return &UsedError{path, l.past.ended}
	}
	if was != nil && !o.Force {
		if d := o.Header.Difference(was); d != "" {
			return &OtherError{path, d}
		}
	}
	l.past.died()
	o.Header.Version = version
	b, err := json.Marshal(o.Header)
	if err != nil {
		return err
	}
	return l.journal.Append(b)
}

// Take returns the fate of the next task of the input, whose text has the ID.
func (l *Log) Take(id ID) Fate { return l.past.take(id) }

// End notes the end of t and returns before it is written: w is told when it is.
// The log has e and what it points to until then.
func (l *Log) End(t *Task, e *End, w Waiter) {
	l.queueMu.Lock()
	t.ended = true
	l.queue = append(l.queue, queued{t, e, w})
	l.queueMu.Unlock()
	l.rouse()
}

// Began notes that the tasks have been running for a while, and returns when that
// is safe from a power cut, or with context.Cause(ctx). What has ended or was
// noted already is left out.
func (l *Log) Began(ctx context.Context, tasks ...*Task) error {
	last := make(told, 1)
	l.queueMu.Lock()
	n := len(l.queue)
	for _, t := range tasks {
		if !t.began && !t.ended {
			t.began = true
			l.queue = append(l.queue, queued{task: t})
		}
	}
	if n == len(l.queue) {
		l.queueMu.Unlock()
		return nil
	}
	l.queue[len(l.queue)-1].waiter = last
	l.queueMu.Unlock()
	l.rouse()
	if err := <-last; err != nil { // the writer tells everybody
		return err
	}
	return l.journal.Sync(ctx)
}

// told is a waiter who waits; it has room for one.
type told chan error

func (t told) Recorded(err error) { t <- err }

func (l *Log) rouse() {
	select {
	case l.kick <- struct{}{}:
	default: // it will look anyway
	}
}

// keep writes what is in the queue until the log is closed.
func (l *Log) keep() {
	defer close(l.done)
	var b batch
	var last time.Time
	for range l.kick {
		if early := pace - time.Since(last); early > 0 {
			time.Sleep(early)
		}
		l.write(&b)
		last = time.Now()
	}
	l.write(&b)
}

// batch is the memory of the writer.
type batch struct {
	all     []queued
	bytes   []byte
	ends    []int // of the records in bytes
	records [][]byte
}

// write writes all that is in the queue at once, and tells who waits.
func (l *Log) write(b *batch) {
	l.queueMu.Lock()
	b.all, l.queue = l.queue, b.all[:0]
	l.queueMu.Unlock()
	if len(b.all) == 0 {
		return
	}
	now := time.Now().UTC().AppendFormat(nil, timeFormat)
	b.bytes, b.ends, b.records = b.bytes[:0], b.ends[:0], b.records[:0]
	for _, q := range b.all {
		if q.end != nil {
			b.bytes = q.end.append(b.bytes, q.task, now)
		} else {
			b.bytes = appendSmall(b.bytes, "began", q.task, 0)
		}
		b.ends = append(b.ends, len(b.bytes))
	}
	from := 0
	for _, end := range b.ends {
		b.records = append(b.records, b.bytes[from:end])
		from = end
	}
	err := l.journal.Append(b.records...)
	for _, q := range b.all {
		if q.waiter != nil {
			q.waiter.Recorded(err)
		}
	}
	clear(b.all)
	if cap(b.bytes) > 1<<20 { // much at one time must not hold its memory for ever
		*b = batch{}
	}
}

// Died notes that so many workers died under t, which is to run again.
func (l *Log) Died(t *Task, deaths int) error {
	return l.journal.Append(appendSmall(nil, "died", t, deaths))
}

// Close writes what is left, ends the session and closes the log: what is in it
// is safe then. Nothing may be noted after it was called, which is once.
func (l *Log) Close() error {
	close(l.kick)
	<-l.done
	err := l.journal.Append(time.Now().UTC().AppendFormat(nil, `{"closed":"`+timeFormat+`"}`))
	return errors.Join(err, l.journal.Close())
}
