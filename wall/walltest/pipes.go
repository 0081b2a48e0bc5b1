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

// Pipes is a wall of streams in memory, whose lives are of type [*Near]: its
// worker is a function of this program, which can be killed as a process can, and
// works in virtual time.
type Pipes struct {
	// Worker is one life. It ends with its return, and the exit is what it says;
	// an empty reason means "exit 0". After its death, by whatever, its end of
	// the stream reads and writes nothing more, so it should return soon.
	Worker func(st wall.Start, f *Far) ganger.Exit
	// Room is how many bytes one direction holds. Zero means 64 KiB.
	Room int
}

// Pipe returns the two ends of a stream in memory, each direction of which holds
// room bytes. Nobody is the worker: who has the far end plays it.
func Pipe(room int) (*Near, *Far) {
	l := &Near{
		pid: int(kernel.pids.Add(1)), in: newConduit(room), out: newConduit(room),
		gone: make(chan struct{}), ended: make(chan struct{}),
	}
	return l, &Far{l}
}

// kernel is what an operating system is to processes: it numbers lives and
// finds them by their numbers.
var kernel struct {
	pids  atomic.Int64
	lives sync.Map // of *Near by number
}

// Strike ends a life of [Pipes] from outside, as signal 9 ends a process. It
// does nothing if the life is dead.
func Strike(l wall.Life) {
	if p, ok := kernel.lives.Load(l.Usage().PID); ok {
		p.(*Near).die(ganger.Exit{Reason: ganger.LeavingSignal(9), Code: -1, Signal: "SIGKILL"})
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
	l, far := Pipe(cmp.Or(p.Room, 64<<10))
	kernel.lives.Store(l.pid, l)
	go func() { // ends soon after the life, which its owner waits for
		defer close(l.ended)
		l.die(p.Worker(st, far))
	}()
	return l, nil
}

// Far is the worker's end of a stream of [Pipes].
type Far struct{ l *Near }

// Read reads what the coordinator wrote, until it closed or the life is dead.
func (f *Far) Read(p []byte) (int, error) { return f.l.out.Read(p) }

// Write writes to the coordinator. It errs once the life is dead or Close was called.
func (f *Far) Write(p []byte) (int, error) { return f.l.in.Write(p) }

// Close closes both directions at the worker's end. The life goes on.
func (f *Far) Close() error {
	f.CloseWrite()
	f.CloseRead()
	return nil
}

// CloseWrite ends what the coordinator can read, after what was written before.
func (f *Far) CloseWrite() { f.l.in.end() }

// CloseRead makes the coordinator's writes fail from now on.
func (f *Far) CloseRead() { f.l.out.leave() }

// Dead is closed when the life is dead.
func (f *Far) Dead() <-chan struct{} { return f.l.gone }

// Die ends the life from the inside. Only the first exit counts.
func (f *Far) Die(x ganger.Exit) { f.l.die(x) }

// Near is the coordinator's end of a stream of [Pipes], and one life.
type Near struct {
	pid     int
	in, out *conduit // to the coordinator, to the worker
	gone    chan struct{}
	ended   chan struct{} // closed when the worker has returned

	mu   sync.Mutex // guards what follows
	exit ganger.Exit
	dead bool
	why  ganger.Leaving // that Stop was given first
}

// ID names the life.
func (l *Near) ID() string { return "pipes " + strconv.Itoa(l.pid) }

// Gone is closed when the life is dead.
func (l *Near) Gone() <-chan struct{} { return l.gone }

// Usage tells the number of the life, which [Strike] knows it by.
func (l *Near) Usage() wall.Usage { return wall.Usage{PID: l.pid} }

// Read reads what the worker wrote, also after its death.
func (l *Near) Read(p []byte) (int, error) { return l.in.Read(p) }

// Write writes to the worker. It errs once that is dead or reads no more.
func (l *Near) Write(p []byte) (int, error) { return l.out.Write(p) }

// Waiting reports whether there is something to read.
func (l *Near) Waiting() bool { return l.in.waiting() > 0 }

// Unread returns how much of what was written the worker has not taken.
func (l *Near) Unread() (int, bool) { return l.out.waiting(), true }

// Room is how many bytes one direction holds.
func (l *Near) Room() int { return l.out.room }

// Exit tells how the life ended; nothing before.
func (l *Near) Exit() ganger.Exit {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.exit
}

// Close ends the coordinator's writing.
func (l *Near) Close() error {
	l.out.end()
	return nil
}

// die ends the life; only the first call does anything. What the worker wrote
// before can still be read.
func (l *Near) die(x ganger.Exit) {
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
func (l *Near) note(why ganger.Leaving) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.why = cmp.Or(l.why, why)
}

// Stop ends the coordinator's writing and waits for the worker to end of it; when
// ctx ends it is killed.
func (l *Near) Stop(ctx context.Context, why ganger.Leaving) {
	l.note(why)
	_ = l.Close()
	select {
	case <-l.gone:
	case <-ctx.Done():
		l.die(ganger.Exit{Reason: why, Code: -1, Signal: "SIGKILL"})
	}
}

// Kill ends the life at once.
func (l *Near) Kill(why ganger.Leaving) {
	l.note(why)
	l.die(ganger.Exit{Reason: why, Code: -1, Signal: "SIGKILL"})
}

var (
	_ wall.Stream        = (*Near)(nil)
	_ wall.Peeker        = (*Near)(nil)
	_ wall.Unreader      = (*Near)(nil)
	_ wall.Roomer        = (*Near)(nil)
	_ io.ReadWriteCloser = (*Far)(nil)
)
