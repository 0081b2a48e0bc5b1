package walltest

import (
	"cmp"
	"context"
	"io"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// Pipes is a wall of streams in memory: its worker is a function of this
// program, which can be killed as a process can, and works in virtual time.
type Pipes struct {
	// Worker is one life. It ends with its return, and the exit is what it says;
	// an empty reason means "exit 0". After its death, by whatever, its end of
	// the stream reads and writes nothing more, so it should return soon.
	Worker func(st wall.Start, f *Far) ganger.Exit
	// Room is how many bytes one direction holds. Zero means 64 KiB.
	Room int
}

// kernel is what an operating system is to processes: it numbers lives and
// finds them by their numbers.
var kernel struct {
	pids  atomic.Int64
	lives sync.Map // of *pipeLife by number
}

// Strike ends a life of [Pipes] from outside, as signal 9 ends a process. It
// does nothing if the life is dead.
func Strike(l wall.Life) {
	if p, ok := kernel.lives.Load(l.Usage().PID); ok {
		p.(*pipeLife).die(ganger.Exit{Reason: ganger.LeavingSignal(9), Code: -1, Signal: "SIGKILL"})
	}
}

// Traits tells that lives can be killed.
func (p Pipes) Traits() wall.Traits {
	return wall.Traits{Name: "pipes", Command: "walltest", CanKill: true}
}

// Open starts a worker. It errs only if ctx has ended.
func (p Pipes) Open(ctx context.Context, st wall.Start) (wall.Stream, error) {
	if cause := context.Cause(ctx); cause != nil {
		return nil, &wall.StartError{Worker: st.Worker(), Command: "walltest", Err: cause}
	}
	room := cmp.Or(p.Room, 64<<10)
	l := &pipeLife{pid: int(kernel.pids.Add(1)), in: newConduit(room), out: newConduit(room), gone: make(chan struct{})}
	kernel.lives.Store(l.pid, l)
	go func() { l.die(p.Worker(st, &Far{l})) }() // ends soon after the life, which its owner waits for
	return l, nil
}

// Far is the worker's end of a stream of [Pipes].
type Far struct{ l *pipeLife }

// Read reads what the coordinator wrote, until it closed or the life is dead.
func (f *Far) Read(p []byte) (int, error) { return f.l.out.Read(p) }

// Write writes to the coordinator. It errs once the life is dead or Close was called.
func (f *Far) Write(p []byte) (int, error) { return f.l.in.Write(p) }

// Close closes both directions at the worker's end. The life goes on.
func (f *Far) Close() error {
	f.l.in.end()
	f.l.out.leave()
	return nil
}

// Dead is closed when the life is dead.
func (f *Far) Dead() <-chan struct{} { return f.l.gone }

// Die ends the life from the inside. Only the first exit counts.
func (f *Far) Die(x ganger.Exit) { f.l.die(x) }

// pipeLife is one life of [Pipes].
type pipeLife struct {
	pid     int
	in, out *conduit // to the coordinator, to the worker
	gone    chan struct{}

	mu   sync.Mutex // guards what follows
	exit ganger.Exit
	dead bool
	why  ganger.Leaving // that Stop was given first
}

func (l *pipeLife) ID() string                  { return "pipes " + strconv.Itoa(l.pid) }
func (l *pipeLife) Gone() <-chan struct{}       { return l.gone }
func (l *pipeLife) Usage() wall.Usage           { return wall.Usage{PID: l.pid} }
func (l *pipeLife) Read(p []byte) (int, error)  { return l.in.Read(p) }
func (l *pipeLife) Write(p []byte) (int, error) { return l.out.Write(p) }
func (l *pipeLife) Waiting() bool               { return l.in.waiting() > 0 }
func (l *pipeLife) Unread() (int, bool)         { return l.out.waiting(), true }
func (l *pipeLife) Room() int                   { return l.out.room }

func (l *pipeLife) Exit() ganger.Exit {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.exit
}

// Close ends the coordinator's writing.
func (l *pipeLife) Close() error {
	l.out.end()
	return nil
}

// die ends the life; only the first call does anything. What the worker wrote
// before can still be read.
func (l *pipeLife) die(x ganger.Exit) {
	l.mu.Lock()
	first := !l.dead
	if first {
		l.dead = true
		x.Reason = cmp.Or(x.Reason, ganger.LeavingExit(0))
		if l.why != "" {
			x.Reason, x.Asked = l.why, true
		}
		l.exit = x
	}
	l.mu.Unlock()
	if first {
		kernel.lives.Delete(l.pid)
		l.in.end()
		l.out.leave()
		close(l.gone)
	}
}

// note keeps the first reason that the coordinator gave.
func (l *pipeLife) note(why ganger.Leaving) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.why = cmp.Or(l.why, why)
}

func (l *pipeLife) Stop(ctx context.Context, why ganger.Leaving) {
	l.note(why)
	_ = l.Close()
	select {
	case <-l.gone:
	case <-ctx.Done():
		l.die(ganger.Exit{Reason: why, Code: -1, Signal: "SIGKILL"})
	}
}

func (l *pipeLife) Kill(why ganger.Leaving) {
	l.note(why)
	l.die(ganger.Exit{Reason: why, Code: -1, Signal: "SIGKILL"})
}

var (
	_ wall.Stream        = (*pipeLife)(nil)
	_ wall.Peeker        = (*pipeLife)(nil)
	_ wall.Unreader      = (*pipeLife)(nil)
	_ wall.Roomer        = (*pipeLife)(nil)
	_ io.ReadWriteCloser = (*Far)(nil)
)
