package process

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// performance is one process of a launcher with its inputs and outputs.
type performance struct {
	child    *child
	stdin    *os.File // not nil: feed writes the rest of the input to it
	fed      chan struct{}
	out, err sink
	shared   bool // one pipe for both outputs

	timer *time.Timer // calls follow
	mu    sync.Mutex  // guards over and the sinks' logs
	over  bool        // finish reads what is left itself
}

// unread is how long the outputs of a new process are left in their pipes: most
// processes of a heap are gone by then, and what they wrote can be taken at
// once, without the goroutines and registrations that following them costs.
const unread = 2 * time.Millisecond

// launch starts the process of q.
func (l *launcher) launch(p *performance, q Request, quit func() bool) (err error) {
	name, dir := cmp.Or(q.Path, l.exec.Path), cmp.Or(q.Dir, l.exec.Dir)
	path, err := l.find(name, dir)
	if err != nil {
		return err
	}
	var theirs, ours fdList
	defer func() {
		theirs.close()
		if err != nil {
			ours.close()
		}
	}()
	empty, err := null()
	if err != nil {
		return err
	}
	fds := [3]uintptr{empty.Fd()}
	var rest []byte
	in := -1
	if len(q.Stdin) > 0 {
		r, w, err := pipe(quit)
		if err != nil {
			return err
		}
		theirs.add(r)
		fds[0] = uintptr(r)
		if rest = prefill(w, q.Stdin); len(rest) == 0 {
			_ = syscall.Close(w)
		} else {
			in = ours.add(w)
		}
	}
	p.shared = q.Stdout != nil && q.Stdout == q.Stderr
	outs, w, err := pipe(quit)
	if err != nil {
		return err
	}
	ours.add(outs)
	fds[1], fds[2] = uintptr(theirs.add(w)), uintptr(w)
	errs := -1
	if !p.shared {
		if errs, w, err = pipe(quit); err != nil {
			return err
		}
		ours.add(errs)
		fds[2] = uintptr(theirs.add(w))
	}
	p.child, err = start(quit, launch{
		path: path, argv: append([]string{name}, q.Args...), dir: dir,
		env: l.env, extra: q.Env, fds: fds[:], keep: l.exec.KeepDaemons, limits: l.exec.Limits,
	})
	if err != nil {
		return explained(err, path, dir)
	}
	p.out.begin(outs, q.Stdout, l.exec.Limit, p.shared)
	if !p.shared {
		p.err.begin(errs, q.Stderr, l.exec.Limit, true)
	}
	p.timer = time.AfterFunc(unread, p.follow)
	if in >= 0 {
		p.stdin, p.fed = os.NewFile(uintptr(in), "stdin"), make(chan struct{})
		go p.feed(rest) // finish waits for it
	}
	return nil
}

// find is lookPath that remembers the last program.
func (l *launcher) find(name, dir string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil // exec itself says what is wrong with it
	}
	l.mu.Lock()
	known, path := l.name, l.path
	l.mu.Unlock()
	if known == name && name != "" {
		return path, nil
	}
	path, err := lookPath(name, dir)
	if err == nil {
		l.mu.Lock()
		l.name, l.path = name, path
		l.mu.Unlock()
	}
	return path, err
}

// prefill writes to a new pipe what it can hold and returns the rest. Small
// inputs need no goroutine that way.
func prefill(w int, p []byte) (rest []byte) {
	_ = syscall.SetNonblock(w, true)
	for len(p) > 0 {
		n, err := syscall.Write(w, p)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return p
		}
		p = p[n:]
	}
	return nil
}

// feed writes the rest of the input. A process that does not want it is no error.
func (p *performance) feed(rest []byte) {
	defer close(p.fed)
	_, _ = p.stdin.Write(rest)
	_ = p.stdin.Close()
}

// follow begins to read the outputs as they are written.
func (p *performance) follow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return
	}
	p.out.follow()
	if !p.shared {
		p.err.follow()
	}
}

// finish waits for the end of the process and of all that it wrote.
func (p *performance) finish() Result {
	x := p.child.end(func() {
		if p.stdin != nil {
			_ = p.stdin.SetWriteDeadline(time.Unix(1, 0))
			<-p.fed
		}
	})
	p.timer.Stop()
	p.mu.Lock()
	p.over = true // from here on the sinks are this goroutine's
	p.mu.Unlock()
	p.out.end()
	words := &p.out.words
	if !p.shared {
		p.err.end()
		words = &p.err.words
	}
	x.Stderr = words.String()
	return Result{Stdout: p.out.kept, Stderr: p.err.kept, Exit: x, PID: p.child.pid}
}

// fault is what went wrong with the outputs.
func (p *performance) fault() error {
	if p.out.fault != nil {
		return fmt.Errorf("standard output: %w", p.out.fault)
	}
	if p.err.fault != nil {
		return fmt.Errorf("standard error: %w", p.err.fault)
	}
	return nil
}

// sink is where one output goes. It belongs to its log until that is done.
type sink struct {
	fd    int
	log   *log      // nil before follow
	to    io.Writer // nil: kept
	limit int
	heed  bool // it has the last words
	words tail
	kept  []byte
	fault error
}

// begin takes over the reading end of a pipe.
func (s *sink) begin(fd int, to io.Writer, limit int, heed bool) {
	s.fd, s.to, s.limit, s.heed = fd, to, limit, heed
}

func (s *sink) follow() {
	s.log = newLog(s.fd, s.take, nil)
	go s.log.run() // end waits for it
}

// end takes what is left after the death of the process.
func (s *sink) end() {
	if s.log != nil {
		s.log.release()
		return
	}
	_ = syscall.SetNonblock(s.fd, true) // a descendant may hold the other end
	buf := buffers.Get().(*[16 << 10]byte)
	(&log{take: s.take}).drain(s.fd, buf[:])
	buffers.Put(buf)
	_ = syscall.Close(s.fd)
}

func (s *sink) take(p []byte) bool {
	if s.heed {
		s.words.add(p)
	}
	switch {
	case s.to != nil:
		_, s.fault = s.to.Write(p)
	case len(s.kept)+len(p) > s.limit:
		s.kept = append(s.kept, p[:s.limit-len(s.kept)]...)
		s.fault = fmt.Errorf("more than the %d bytes that are collected", s.limit)
	default:
		s.kept = append(s.kept, p...)
	}
	return s.fault == nil
}
