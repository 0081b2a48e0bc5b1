package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// stream is one life of a Command.
type stream struct {
	*reader
	*writer
	child *child
	grace time.Duration
	logs  []*log
	words *tail // of the standard error; owned by its log until that is done
	gone  chan struct{}
	talks atomic.Bool  // something was written on a log
	looks atomic.Int32 // how often Talks said so without knowing
	exit  ganger.Exit  // valid when gone is closed
}

func (c Command) open(ctx context.Context, s wall.Start) (*stream, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if err := c.Limits.possible("/proc"); err != nil {
		return nil, err
	}
	path, err := lookPath(c.Path, c.Dir)
	if err != nil {
		return nil, err
	}
	quit := func() bool { return ctx.Err() != nil }
	if err := house.enter(quit); err != nil {
		return nil, err
	}
	st, err := c.start(quit, s, path)
	if err != nil {
		house.leave()
		return nil, err
	}
	go st.watch() // ends with the life; Stop and Gone wait for it
	return st, nil
}

// start makes the channel and the logs, and starts the process with them.
func (c Command) start(quit func() bool, s wall.Start, path string) (_ *stream, err error) {
	empty, err := null()
	if err != nil {
		return nil, err
	}
	var theirs, ours fdList // theirs are closed here in any case
	defer func() {
		theirs.close()
		if err != nil {
			ours.close()
		}
	}()
	pipeTo := func() (r, w int, err error) { // our reading end, their writing end
		if r, w, err = pipe(quit); err == nil {
			ours.add(r)
			theirs.add(w)
		}
		return r, w, err
	}
	st := &stream{grace: c.patience(s), words: new(tail), gone: make(chan struct{})}
	null := uintptr(empty.Fd())
	fds := []uintptr{null, 0, 0}
	var channel string
	var answers, outs, errs int
	var w int
	if errs, w, err = pipeTo(); err != nil {
		return nil, err
	}
	fds[2] = uintptr(w)
	if outs, w, err = pipeTo(); err != nil {
		return nil, err
	}
	fds[1] = uintptr(w)
	switch c.Channel {
	case Pair:
		channel = "3,3"
		sock, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		theirs.add(sock[1])
		answers = ours.add(sock[0])
		requests, err := unix.FcntlInt(uintptr(answers), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			return nil, err
		}
		fds = append(fds, uintptr(sock[1]))
		st.writer = newWriter(ours.add(requests), true)
	default:
		r, requests, err := pipe(quit)
		if err != nil {
			return nil, err
		}
		theirs.add(r)
		st.writer = newWriter(ours.add(requests), false)
		if c.Channel == Stdio {
			channel, answers = "0,1", outs
			fds[0] = uintptr(r)
			break
		}
		channel = "3,4"
		if answers, w, err = pipeTo(); err != nil {
			return nil, err
		}
		fds = append(fds, uintptr(r), uintptr(w))
	}
	st.reader = newReader(answers, c.Channel == Pair)
	st.reader.heed = c.Channel == Stdio
	st.child, err = start(quit, launch{
		path: path, argv: append([]string{c.Path}, c.Args...), dir: c.Dir,
		env:   inherited().with(c.Env),
		extra: append(append([]string{}, s.Env...), fdName+"="+channel),
		fds:   fds, keep: c.KeepDaemons, limits: c.Limits,
	})
	if err != nil {
		return nil, explained(err, path, c.Dir)
	}
	st.log(errs, true, s.Line)
	if c.Channel != Stdio {
		st.log(outs, false, s.Line)
	}
	return st, nil
}

// patience is the wait on each rung.
func (c Command) patience(s wall.Start) time.Duration {
	if c.Grace == 0 {
		return s.Patience()
	}
	return max(c.Grace, 0)
}

// log begins to read an output that is not the protocol's.
func (s *stream) log(fd int, stderr bool, line func(bool, []byte)) {
	split := &splitter{line: func(p []byte) {
		if line != nil {
			line(stderr, p)
		}
	}}
	l := newLog(fd, func(p []byte) bool {
		if !s.talks.Load() { // not stored each time: it is read by others
			s.talks.Store(true)
		}
		if stderr {
			s.words.add(p)
		}
		split.add(p)
		return true
	}, split.flush)
	s.logs = append(s.logs, l)
	go l.run() // watch waits for it
}

// watch sees to the end of the life.
func (s *stream) watch() {
	defer house.leave()
	x := s.child.end(func() {
		s.reader.release()
		s.writer.release()
	})
	for _, l := range s.logs {
		l.release()
	}
	x.Stderr = s.words.String()
	if x.Reason == ganger.LeavingProtocol || x.Reason == ganger.LeavingStartFailed {
		x.Stray = strings.ToValidUTF8(string(s.reader.head), "\uFFFD")
	}
	s.exit = x
	close(s.gone)
}

// quiet is how many requests a worker must have performed in silence to be taken
// for one that does not talk.
const quiet = 16

// Talks costs a silent worker nothing after the first requests, and one that talks
// a look into its pipes for each.
func (s *stream) Talks() bool {
	return s.talks.Load() || s.looks.Load() < quiet && s.looks.Add(1) <= quiet
}

// Settle waits for at most so often so long, a second, and for one who is slow to
// take lines a tenth of that: far more than a goroutine needs to be woken.
const (
	settling  = 20 * time.Millisecond
	settlings = 50
)

func (s *stream) Settle() {
	var late *time.Ticker
	for _, l := range s.logs {
		if l.settled() {
			continue // nearly always: no clock
		}
		if late == nil {
			late = time.NewTicker(settling)
			defer late.Stop()
		}
		if !l.settle(late.C) {
			return
		}
	}
}

func (s *stream) ID() string            { return "pid " + strconv.Itoa(s.child.pid) }
func (s *stream) Gone() <-chan struct{} { return s.gone }
func (s *stream) Usage() wall.Usage     { return s.child.usage() }

func (s *stream) Exit() ganger.Exit {
	select {
	case <-s.gone:
		return s.exit
	default:
		return ganger.Exit{}
	}
}

func (s *stream) Signal(sig syscall.Signal) error { return s.child.signal(sig) }

func (s *stream) Kill(why ganger.Leaving) { s.child.kill(why) }

func (s *stream) Busy() {
	if m := s.child.meter; m != nil {
		m.busy()
	}
}

func (s *stream) Idle() {
	if m := s.child.meter; m != nil {
		m.idle()
	}
}

func (s *stream) Heavy() <-chan struct{} {
	if m := s.child.meter; m != nil {
		return m.heavy
	}
	return nil
}

// Stop goes down the rungs. A life that is ended for one of its tasks gets no
// chance to finish that task: its first rung is TERM.
func (s *stream) Stop(ctx context.Context, why ganger.Leaving) {
	s.child.ask(why)
	if why != ganger.LeavingCancelled && why != ganger.LeavingExecTimeout {
		_ = s.writer.Close()
		if s.await(ctx, s.grace) {
			return
		}
	}
	if ctx.Err() == nil {
		_ = s.child.signal(syscall.SIGTERM)
		if s.await(ctx, s.grace) {
			return
		}
	}
	_ = s.child.signal(syscall.SIGKILL)
	<-s.gone
}

// await reports whether the life ended before ctx and within d.
func (s *stream) await(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-s.gone:
		return true
	case <-ctx.Done():
	case <-t.C:
	}
	return false
}

// lookPath finds the program as os/exec does, but a path with a slash is
// relative to dir, where the program will be started.
func lookPath(path, dir string) (string, error) {
	if path == "" {
		return "", errors.New("no program given")
	}
	if !strings.Contains(path, "/") {
		return exec.LookPath(path)
	}
	at := path
	if dir != "" && !filepath.IsAbs(path) {
		at = filepath.Join(dir, path)
	}
	if _, err := exec.LookPath(at); err != nil {
		return "", err
	}
	return path, nil
}

// explained says more about an error of exec than its number does.
func explained(err error, path, dir string) error {
	if dir != "" {
		if _, sick := os.Stat(dir); sick != nil {
			return sick
		}
	}
	switch {
	case errors.Is(err, syscall.ENOENT):
		return fmt.Errorf("exec %s: %w (is the interpreter in its first line there?)", path, err)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("exec %s: %w (is a script, it needs a first line such as #!/bin/sh)", path, err)
	}
	return fmt.Errorf("exec %s: %w", path, err)
}
