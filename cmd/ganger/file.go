package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/outfile"
)

// errDisk is why a run stops that cannot keep what its tasks make.
var errDisk = errors.New("what the tasks make cannot be kept")

// file is the file of --out that a task makes.
type file struct {
	name string // as the pattern says
	path string // where it is for this process
	made bool   // it has its name; used by one attempt at a time
	data stream // what is written to it here, if the task does not make it itself
}

// temporary is how it is called while it is being made, for this process.
func (f *file) temporary() string { return outfile.Temporary(f.path) }

// stream is a file that is written as output comes. It is safe for concurrent use.
type stream struct {
	mu   sync.Mutex // guards file; held across writes, so that they are in order
	file *os.File   // nil: it is not open, and what is written is dropped
	lost *loss
}

func (s *stream) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return len(b), nil
	}
	n, err := s.file.Write(b)
	if err != nil {
		s.lost.note(err)
	}
	return n, err
}

// open makes the file, which is not there.
func (s *stream) open(path string, lost *loss) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.file, s.lost = f, lost
	return err
}

// is reports whether info tells of the file that is open.
func (s *stream) is(info os.FileInfo) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil || info == nil {
		return false
	}
	own, err := s.file.Stat()
	return err == nil && os.SameFile(own, info)
}

// close closes the file, if it is open.
func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return
	}
	if err := s.file.Close(); err != nil {
		s.lost.note(err)
	}
	s.file = nil
}

// loss is why what a task made could not be kept: then it runs again another
// time. Its zero value is none. It is safe for concurrent use.
type loss struct{ why atomic.Pointer[error] }

func (l *loss) note(err error) { l.why.CompareAndSwap(nil, &err) }

func (l *loss) err() error {
	if why := l.why.Load(); why != nil {
		return *why
	}
	return nil
}

// keeping is what a job knows of the files of its tasks.
type keeping struct {
	claims outfile.Claims // used by who takes the tasks
	unsafe outfile.Unsafe
	fails  atomic.Bool // nothing can be kept any more
}

// prepare makes way for an attempt at t: nothing of an earlier one is left, be it
// of this run or of one that was killed. Its error is how the attempt ends.
func (j *job) prepare(t *task) error {
	if j.keeping.fails.Load() {
		return &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseShutdown, Err: errDisk}
	}
	var what string
	var err error
	if t.file != nil {
		what, err = t.file.name, j.makeWay(t)
	}
	if t.result != nil && err == nil {
		what, err = t.result.path, t.result.begin(j.plan.out.captures(), &t.lost)
	}
	if err == nil {
		return nil
	}
	if full(err) {
		t.lost.note(err)
		return &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseShutdown, Err: err}
	}
	return &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseStart, Err: fmt.Errorf("its output %q cannot be made: %w", what, err)}
}

// makeWay removes what there is under the temporary name of t's file and makes
// its directory, and the file itself if it is written here as output comes.
func (j *job) makeWay(t *task) error {
	temporary := t.file.temporary()
	t.file.data.close()
	if err := outfile.Remove(temporary); err != nil {
		return err
	}
	if err := j.makeDir(filepath.Dir(t.file.path)); err != nil {
		return err
	}
	if j.plan.out.captures() {
		return t.file.data.open(temporary, &t.lost)
	}
	return nil
}

// makeDir makes a directory for files that are to be safe, if it is not there.
func (j *job) makeDir(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	j.keeping.unsafe.AddTree(dir)
	return nil
}

// deliver gives the file of a task that is done its name. If there is none, or it
// cannot have the name, the task has failed. What a warm worker answered is
// written first.
func (j *job) deliver(t *task, response []byte) error {
	f := t.file
	if f == nil {
		return nil
	}
	temporary := f.temporary()
	if j.plan.opts.warm() {
		_, _ = f.data.Write(append(response[:len(response):len(response)], '\n'))
	}
	info, err := os.Lstat(temporary)
	own := !j.plan.out.captures() || f.data.is(info)
	f.data.close()
	if err := t.lost.err(); err != nil {
		return err
	}
	if !own { // else what another run has begun would get the name
		return fmt.Errorf("its output %q was removed or replaced under its temporary name, by itself or by another run that makes the same file", f.name)
	}
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("the command had success and did not make its output %q under the name that {out} is", f.name)
	}
	if err == nil {
		err = os.Rename(temporary, f.path)
	}
	if full(err) {
		t.lost.note(err)
		return err
	}
	if there, no := os.Lstat(f.path); err != nil && no == nil && there.IsDir() {
		return fmt.Errorf("its output cannot get its name: %q is there already and is a directory, which is not replaced", f.name)
	}
	if err != nil {
		return fmt.Errorf("its output cannot get its name: %w", err)
	}
	f.made = true
	switch {
	case j.log == nil:
	case info.IsDir():
		j.keeping.unsafe.AddTree(f.path)
	case info.Mode().IsRegular():
		j.keeping.unsafe.Add(f.path)
	}
	return nil
}

// putAway settles the files of a task that has ended, before anything is told of
// its end: what is not done leaves nothing, and what could not be kept is as if
// it had been cancelled, so that it runs again another time.
func (j *job) putAway(x *ending) {
	t := x.t
	if t.phase.Load() == withdrawn {
		return
	}
	if f := t.file; f != nil {
		f.data.close()
		if x.v.outcome != ganger.Done {
			j.tellLeft(outfile.Remove(f.temporary()))
		}
	}
	if t.result != nil && t.lost.err() == nil {
		if err := t.result.finish(x); err != nil {
			t.lost.note(err)
		} else if j.log != nil {
			j.keeping.unsafe.AddTree(t.result.path)
		}
	}
	if j.plan.out.captures() {
		x.e.output = nil // it is in the file
	}
	if err := t.lost.err(); err != nil {
		if t.result != nil {
			j.tellLeft(t.result.abandon())
		}
		j.keepFailed(err)
		x.v = verdict{outcome: ganger.Cancelled, cause: ganger.CauseShutdown, words: "what it made could not be kept: " + err.Error()}
		x.e.output, x.dropped = nil, true
	}
}

// tellLeft tells that something could not be removed, if so.
func (j *job) tellLeft(err error) {
	if err != nil {
		j.tell(slog.LevelWarn, "output left", fmt.Sprintf("what is left of an output cannot be removed: %v", err), errorOf(err))
	}
}

// keepFailed stops the run, because nothing can be kept any more.
func (j *job) keepFailed(err error) {
	if j.keeping.fails.CompareAndSwap(false, true) {
		further := "run them again"
		if j.log != nil {
			further = "--resume runs them again"
		}
		j.tell(slog.LevelError, "output failed", fmt.Sprintf("%v; no more tasks are taken, and those whose output cannot be kept have no outcome: %s", err, further), errorOf(err))
	}
	j.stop(errDisk)
}

// full reports whether err says that the disk takes no more, which is not the
// fault of one task.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) ||
		errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EROFS)
}
