package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/input"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/runlog"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/status"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/window"
	"github.com/ganger-dev/ganger/inspect"
)

// Why a run stops taking tasks, or ends those that run.
var (
	errNotStarted = errors.New("the run stopped before it started")
	errKilled     = errors.New("the run was ended while it ran")
	errEnough     = errors.New("enough tasks had no success")
	errOutput     = errors.New("the standard output is closed")
	errLog        = errors.New("the log takes no more")
	errCannot     = errors.New("nothing can be executed")
	errOver       = errors.New("the run is over")
)

// job is one run: it reads tasks, hands them to the engine and the ends to the
// printer, and stops for many reasons. Who waits for whom: perform waits for
// the pool, the printer, the board and the two listeners; only the reader of
// the standard input, which nothing can interrupt, is left behind at the end.
type job struct {
	plan    *plan
	tally   status.Tally
	board   *status.Board
	window  *window.Window[*task]
	engine  engine
	hub     *inspect.Hub
	log     *runlog.Log // nil: none is kept
	report  *report     // nil: none is wanted
	keeping keeping
	born    time.Time

	signals <-chan os.Signal

	taking context.Context // ends, with why, when no more tasks are taken
	stop   context.CancelCauseFunc
	going  context.Context // ends when what runs is to be killed
	kill   context.CancelCauseFunc

	ran      atomic.Bool  // something was executed
	failures atomic.Int64 // tasks that ended because their program could not be
	over     atomic.Int64 // tasks that have ended
	without  atomic.Int64 // of these, tasks without success
	halted   atomic.Int64 // without, when the run halted for it
	consumed atomic.Int64 // bytes of the input
	size     int64        // of the input, if it is a file; else 0

	unsettled atomic.Int64  // tasks taken whose end is not settled
	lonely    chan struct{} // room for one: there is one such task at most, or a follow-up
	begun     chan struct{} // room for one: an attempt has begun, for the watch
	unlogged  atomic.Int64  // tasks whose end is none for the log, because they have attempts left
	logFails  atomic.Bool   // nothing can be recorded any more

	followMu sync.Mutex // guards what follows; never held across a call
	follows  []followUp // the oldest first

	handsMu   sync.Mutex // guards what follows; never held across a call
	hands     map[uint64]hand
	accepted  uint64 // by the engine
	unstarted error  // why a program could not be executed, the last time
}

// hand is a task in the hands of the engine.
type hand struct {
	t *task
	k ticket
}

// perform is ganger run. Its error is a usage error, or why nothing could run.
func perform(ctx context.Context, o options, s streams) (int, error) {
	p, err := newPlan(o)
	if err != nil {
		return exitUsage, err
	}
	in, size, err := open(o, s.in)
	if err != nil {
		return exitNotRun, err
	}
	if c, ok := in.(io.Closer); ok && o.input != "-" {
		defer func() { _ = c.Close() }()
	}
	signals, deaf := hear()
	defer deaf()
	if err := p.findFunction(); err != nil {
		return exitNotRun, err
	}
	if o.dryRun {
		deaf() // it has nothing to finish
		return p.dryRun(in, s)
	}
	if err := findDir(o.dir); err != nil {
		return exitNotRun, err
	}
	if name, fixed := p.program(); fixed {
		if err := findProgram(name, o.dir); err != nil {
			return exitNotRun, err
		}
	}
	j := &job{
		plan: p, size: size, born: time.Now(), hands: make(map[uint64]hand),
		lonely: make(chan struct{}, 1), begun: make(chan struct{}, 1),
	}
	j.signals = signals
	if j.report, err = p.openReport(); err != nil {
		return exitNotRun, err
	}
	if o.outputs.results != "" {
		release, err := p.openResults()
		if err != nil {
			return exitNotRun, err
		}
		defer release()
	}
	if o.log != "" {
		if j.log, err = p.openLog(j.keeping.unsafe.Sync, lend); err != nil {
			return exitNotRun, err
		}
	}
	return j.perform(ctx, in, s), nil
}

// open returns the input and its size, if it is a file.
func open(o options, stdin io.Reader) (io.Reader, int64, error) {
	in := stdin
	if o.input != "-" {
		f, err := os.Open(o.input)
		if err != nil {
			return nil, 0, fmt.Errorf("the input cannot be read: %w", err)
		}
		in = f
	}
	f, ok := in.(*os.File)
	if !ok {
		return in, 0, nil
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("the input cannot be read: %w", err)
	case info.IsDir():
		return nil, 0, fmt.Errorf("the input cannot be read: %s is a directory", f.Name())
	case info.Mode().IsRegular():
		return f, info.Size(), nil
	}
	return f, 0, nil
}

// perform performs the tasks of in and returns the exit status.
func (j *job) perform(ctx context.Context, in io.Reader, s streams) int {
	o := j.plan.opts
	j.taking, j.stop = context.WithCancelCause(ctx)
	defer j.stop(nil)
	j.going, j.kill = context.WithCancelCause(context.WithoutCancel(ctx))
	defer j.kill(nil)
	j.board = newBoard(s, o, j.statusLine(), j.progress)
	j.window = window.New[*task](window.Config{
		Unordered: o.unordered || o.outputs.lineBuffer, Flow: o.proto == "exec" && !o.json && j.log == nil, // with a log nothing is printed before it is recorded
		Tell: j.board.Say, Full: j.diskFull,
	})
	j.tellStarted()
	var others sync.WaitGroup // what ends with the run
	over, end := context.WithCancel(context.WithoutCancel(ctx))
	others.Go(func() { j.board.Run(over) })
	if o.proto != "exec" && !o.quiet {
		j.hub = &inspect.Hub{}
		events := j.hub.Events(over)
		others.Go(func() { j.tellDeaths(events) })
	}
	if j.log != nil {
		others.Go(func() { j.watch(over) })
	}
	j.engine = newEngine(j.plan, j)
	others.Go(func() { j.listen(over) })
	workers := make(chan struct{})
	go func() { _ = j.engine.Run(j.going); close(workers) }() // waited for below
	printed := make(chan error, 1)
	go func() { // waited for below, or given up with the stream that it waits for
		err := j.window.Run(j.stdout(s))
		if err != nil {
			j.stop(errOutput)
			j.kill(errOutput)
		}
		printed <- err
	}()

	readErr := j.feed(in)
	j.finish()
	j.window.Close()
	outErr := j.await(printed)
	j.kill(errOver) // no task is left; the workers go
	<-workers
	end()
	others.Wait()
	j.closeLog()
	j.leaveFollows()
	return j.conclude(readErr, outErr)
}

// batch is what was read at once: as much as was there, so that a fast input does
// not cost a change of goroutine for each task.
type batch struct {
	tasks []input.Task
	err   error // of the input, behind the tasks
}

// batchTasks bounds a batch.
const batchTasks = 64

// feed hands the tasks of in to the engine until there are no more or the run
// stops. Its error is that of the input.
func (j *job) feed(in io.Reader) error {
	batches := make(chan batch)
	go j.read(in, batches) // nobody can wait for it: nothing interrupts a read that waits for a person or a pipe
	for j.taking.Err() == nil {
		select {
		case b := <-batches:
			for _, t := range b.tasks {
				if j.taking.Err() != nil {
					return nil
				}
				j.takeFollows()
				j.take(j.plan.newTask(t))
			}
			j.takeFollows() // a task that had to run alone has used up the signals
			if errors.Is(b.err, io.EOF) && j.taking.Err() == nil {
				j.tally.Total()
				j.feedFollows()
				return nil
			}
			if b.err != nil && !errors.Is(b.err, io.EOF) {
				return fmt.Errorf("the input cannot be read: %w", b.err)
			}
		case <-j.lonely:
			j.takeFollows()
		case <-j.taking.Done():
		}
	}
	return nil
}

// read reads the tasks of in until there are no more or the run stops.
func (j *job) read(in io.Reader, batches chan<- batch) {
	r := input.New(in, j.plan.format, 0)
	for {
		var b batch
		for ok := true; ok && b.err == nil; ok = len(b.tasks) < batchTasks && r.Ready() {
			var t input.Task
			if t, b.err = r.Next(); b.err == nil {
				b.tasks = append(b.tasks, t)
			}
		}
		j.consumed.Store(r.Consumed())
		select {
		case batches <- b:
		case <-j.taking.Done():
			return
		}
		if b.err != nil {
			return
		}
	}
}

// take finds a place for t and submits it, unless the log has its outcome.
func (j *job) take(t *task) {
	j.plan.claim(t, &j.keeping.claims) // also if it is skipped
	j.plan.expect(t)
	var f runlog.Fate
	if j.log != nil {
		if f = j.recall(t); f.Outcome != 0 {
			j.follow(t, f.Submitted)
			return
		}
	}
	place, err := j.window.Admit(j.taking, t, len(t.Bytes))
	if err != nil {
		return // the run stops; t was never taken
	}
	t.place = place
	j.tally.Read()
	j.unsettled.Add(1)
	if err := j.plan.refuse(t); err != nil {
		j.ended(t, end{err: &ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseInput, Err: err}})
		return
	}
	if err := j.plan.givenUp(f); err != nil {
		j.ended(t, end{err: err, deaths: f.Deaths})
		return
	}
	if f.Alone {
		j.alone(t)
		return
	}
	j.submit(t)
}

// submit hands t, which has a place, to the engine.
func (j *job) submit(t *task) {
	// The pool numbers tasks as they are accepted, and nobody else submits; so
	// what a worker says at once finds its task.
	j.handsMu.Lock()
	t.number = j.accepted + 1
	j.hands[t.number] = hand{t: t}
	j.handsMu.Unlock()
	k, err := j.engine.submit(j.taking, t)
	if err != nil {
		j.ended(t, end{err: err})
		return
	}
	j.handsMu.Lock()
	defer j.handsMu.Unlock()
	j.accepted++
	if h, ok := j.hands[t.number]; ok { // it has not ended already
		h.k = k
		j.hands[t.number] = h
	}
}
