package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Config says how a [Log] is kept. The zero Config is valid.
type Config struct {
	// Sync is how soon what was appended is synced to disk: what a power cut may
	// take. Zero means 1s; negative only by Commit, Sync and Close.
	Sync time.Duration
	// Before is called before each sync that makes records safe: what they say
	// was done elsewhere must be safe first, or a power cut could leave a record
	// of what it took. Its error breaks the log as that of the sync would. It is
	// called by one goroutine at a time; nil does nothing.
	Before func() error
	// Locked is called by Open with the file that is locked. Whoever duplicates it
	// keeps others from the log after this program has died, for as long as they
	// hold it; Close unlocks it for all. Its error is that of Open; nil does nothing.
	Locked func(f *os.File) error
}

// ErrClosed is the error for a log that was closed.
var ErrClosed = errors.New("the log is closed")

// Log is a journal that is open for writing. It is safe for concurrent use.
type Log struct {
	path   string
	config Config
	kick   chan struct{} // one token: the syncer is to look
	over   chan struct{} // closed by Close
	done   chan struct{} // closed when the syncer has ended

	mu      sync.Mutex // guards what follows; held across writes, never across a sync
	file    file
	end     int64         // of the last whole record
	synced  int64         // up to here
	wanted  int64         // somebody waits for this much to be synced
	changed chan struct{} // closed after each sync, and when it breaks
	frames  []byte        // to write from
	err     error         // not nil: nothing is written any more
}

// file is what a log needs of a file; tests have others.
type file interface {
	io.ReadWriteSeeker
	Truncate(size int64) error
	Sync() error
	Close() error
}

// Open opens the log at path, or makes one, for this program alone. It calls f
// for each record that it has, from the first, and cuts off a torn end. record is
// valid until f returns; if f errs, Open returns that and changes nothing. Errors
// are a [*HeldError], a [*DamagedError], [ErrFormat] or of the file system. The
// caller must Close.
func Open(path string, c Config, f func(record []byte) error) (*Log, error) {
	osFile, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	if err := lock(osFile, path); err != nil {
		return nil, errors.Join(err, osFile.Close())
	}
	l, err := open(path, osFile, c, f)
	if err != nil {
		return nil, errors.Join(err, osFile.Close())
	}
	if c.Locked != nil {
		if err := c.Locked(osFile); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	// The name of a new file is safe once its directory is. Not every file system
	// can do that, and then nothing more can be done.
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		_ = dir.Sync()
		_ = dir.Close()
	}
	return l, nil
}

// open is Open with a file that is locked. The file is the log's if it succeeds.
func open(path string, in file, c Config, f func(record []byte) error) (*Log, error) {
	end, err := replay(path, in, f)
	if err != nil {
		return nil, err
	}
	if c.Sync == 0 {
		c.Sync = time.Second
	}
	l := &Log{
		path: path, config: c, file: in, end: end,
		kick: make(chan struct{}, 1), over: make(chan struct{}), done: make(chan struct{}), changed: make(chan struct{}),
	}
	if err := l.begin(); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	go l.keep() // ends with Close, which waits for it
	return l, nil
}

// begin cuts off what is torn and syncs the rest: what this program appends must
// never stand behind what a power cut can still take.
func (l *Log) begin() error {
	if err := l.file.Truncate(l.end); err != nil {
		return err
	}
	if _, err := l.file.Seek(l.end, io.SeekStart); err != nil {
		return err
	}
	if l.end == 0 {
		if err := l.writeLocked([]byte(magic)); err != nil {
			return err
		}
	}
	if err := l.file.Sync(); err != nil {
		return err
	}
	l.synced = l.end
	return nil
}

// Append writes records whole, one after another, and returns when the operating
// system has them. An error is for all of them: none is in the log.
func (l *Log) Append(records ...[]byte) error {
	_, err := l.append(records)
	return err
}

func (l *Log) append(records [][]byte) (end int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return 0, l.err
	}
	b := l.frames[:0]
	for _, r := range records {
		if len(r) > maxRecord {
			return 0, fmt.Errorf("append to %s: a record of %d bytes is longer than %d", l.path, len(r), maxRecord)
		}
		b = appendFrame(b, r)
	}
	if l.frames = b; cap(b) > 1<<20 { // much at one time must not hold its memory for ever
		l.frames = nil
	}
	clean := l.end == l.synced
	if err := l.writeLocked(b); err != nil {
		return 0, err
	}
	if clean {
		l.rouse()
	}
	return l.end, nil
}

// Commit appends and returns when the records are safe from a power cut. If ctx
// ends first it returns context.Cause(ctx); they are in the log all the same.
func (l *Log) Commit(ctx context.Context, records ...[]byte) error {
	end, err := l.append(records)
	if err != nil {
		return err
	}
	return l.wait(ctx, end)
}

// Sync returns when everything that was appended so far is safe from a power cut.
// If ctx ends first it returns context.Cause(ctx).
func (l *Log) Sync(ctx context.Context) error {
	l.mu.Lock()
	end := l.end
	l.mu.Unlock()
	return l.wait(ctx, end)
}

// wait returns when everything before the offset is synced.
func (l *Log) wait(ctx context.Context, offset int64) error {
	l.mu.Lock()
	for l.synced < offset && l.err == nil {
		l.wanted = max(l.wanted, offset)
		changed := l.changed
		l.mu.Unlock()
		l.rouse()
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		l.mu.Lock()
	}
	defer l.mu.Unlock()
	if l.synced >= offset {
		return nil
	}
	return l.err
}

// Close syncs what is left and closes the file. Who waits gets what came of it.
// Only the first call does anything.
func (l *Log) Close() error {
	l.mu.Lock()
	select {
	case <-l.over:
		l.mu.Unlock()
		return nil
	default:
	}
	close(l.over)
	l.mu.Unlock()
	<-l.done
	l.sync()
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.err
	if l.err == nil {
		l.breakLocked(ErrClosed)
	}
	if f, ok := l.file.(*os.File); ok {
		unlock(f)
	}
	return errors.Join(err, l.file.Close())
}

// writeLocked writes b at the end. What it cannot write whole it takes back.
func (l *Log) writeLocked(b []byte) error {
	_, err := l.file.Write(b)
	if err == nil {
		l.end += int64(len(b))
		return nil
	}
	err = fmt.Errorf("append to %s: %w", l.path, err)
	undone := l.file.Truncate(l.end)
	if undone != nil {
		err = errors.Join(err, fmt.Errorf("take back what was written of it: %w", undone))
	}
	l.breakLocked(err)
	return err
}

// breakLocked makes every call err from now on.
func (l *Log) breakLocked(err error) {
	l.err = err
	l.changedLocked()
}

func (l *Log) changedLocked() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *Log) rouse() {
	select {
	case l.kick <- struct{}{}:
	default: // it will look anyway
	}
}

// keep syncs: at once while somebody waits for it, and [Config].Sync after the
// first append otherwise.
func (l *Log) keep() {
	defer close(l.done)
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	defer timer.Stop()
	ticking := false
	for {
		select {
		case <-l.over:
			return
		case <-l.kick:
		case <-timer.C:
			ticking = false
			l.sync()
		}
		l.mu.Lock()
		waits, dirty := l.wanted > l.synced, l.end > l.synced
		l.mu.Unlock()
		switch {
		case waits:
			l.sync()
		case dirty && !ticking && l.config.Sync > 0:
			timer.Reset(l.config.Sync)
			ticking = true
		}
	}
}

// sync makes safe what is in the file, and marks it so. The mark is not synced
// itself: it tells the next Open what damage is.
func (l *Log) sync() {
	l.mu.Lock()
	end := l.end
	idle := l.err != nil || l.synced == end
	l.mu.Unlock()
	if idle {
		return
	}
	err := l.syncFile()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.err != nil:
	case err != nil:
		l.breakLocked(err)
	default:
		l.synced = end
		clean := l.end == end
		if l.writeLocked(appendMark(nil, end)) == nil && clean {
			l.synced = l.end
		}
		l.changedLocked()
	}
}

// syncFile syncs the file, and before it what its records speak of.
func (l *Log) syncFile() error {
	if l.config.Before != nil {
		if err := l.config.Before(); err != nil {
			return err
		}
	}
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", l.path, err)
	}
	return nil
}
