package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// interruption is why a run stopped when a signal stopped it.
type interruption struct{ signal syscall.Signal }

func (i interruption) Error() string {
	switch i.signal {
	case syscall.SIGINT:
		return "interrupted"
	case syscall.SIGHUP:
		return "hung up"
	}
	return "terminated"
}

// exitOf is the exit status that a signal asks for.
func exitOf(why error) (code int, ok bool) {
	i, ok := why.(interruption) // never wrapped: it is a context's cause
	return exitSignal + int(i.signal), ok
}

// echo is how long after the first INT another is taken for the same: timeout(1)
// sends one to its child and one to the group.
const echo = 250 * time.Millisecond

// hear returns where the signals to a run come in from now on, until deaf is called.
// It comes before anything that takes its time: without it a signal ends the process
// without a word, and process 1 with a status that means something else.
func hear() (signals <-chan os.Signal, deaf func()) {
	c := make(chan os.Signal, 8) // several at once are usual: a supervisor repeats itself
	watch := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE}
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		watch = append(watch, syscall.SIGHUP)
	}
	signal.Notify(c, watch...)
	return c, func() { signal.Stop(c) }
}

// listen obeys the signals until ctx ends. INT lets what runs finish, and a
// second INT, which is no echo of the first, kills it; TERM and HUP let it
// finish for the time of --drain, and more of them change nothing. PIPE is only
// kept from ending the process: the write that caused it says so as well.
func (j *job) listen(ctx context.Context) {
	told := newTeller()
	defer told.close()
	var deadline <-chan time.Time
	var interrupts int
	var interrupted time.Time // when the first INT came
	for {
		select {
		case <-ctx.Done():
			return
		case <-deadline:
			deadline = nil
			if n := j.tally.Counts().Running; n > 0 {
				told.tell(func() { j.tellKilling(n) })
			}
			j.kill(context.Cause(j.taking))
		case s := <-j.signals:
			switch s {
			case syscall.SIGINT:
				if interrupts == 1 && time.Since(interrupted) < echo {
					break
				}
				if interrupts++; interrupts == 1 {
					interrupted = time.Now()
				}
				j.interrupt(interrupts, told)
			case syscall.SIGTERM, syscall.SIGHUP:
				j.stop(interruption{s.(syscall.Signal)})
				if deadline != nil || j.going.Err() != nil {
					break
				}
				timer := time.NewTimer(j.plan.opts.drain)
				defer timer.Stop() // once: with a deadline set there is no second
				deadline = timer.C
				told.tell(func() { j.tellDraining(s) })
			}
		}
	}
}

// interrupt obeys the n-th INT.
func (j *job) interrupt(n int, told *teller) {
	j.stop(interruption{syscall.SIGINT})
	if n == 1 {
		told.tell(j.tellInterrupted)
		return
	}
	if n == 2 {
		told.tell(j.tellKilled)
	}
	j.kill(interruption{syscall.SIGINT})
	j.engine.kill()
}

// teller tells what comes of signals, in their order. Whoever reads the standard
// error may have stopped to, and then a signal is obeyed all the same.
type teller struct {
	notices chan func()
	over    chan struct{} // closed when nothing is told any more
}

// newTeller starts a teller, whose owner closes it.
func newTeller() *teller {
	t := &teller{
		notices: make(chan func(), 4), // one for each notice that listen has, each told once: it is never full
		over:    make(chan struct{}),
	}
	go func() { // close waits for it
		defer close(t.over)
		for tell := range t.notices {
			tell()
		}
	}()
	return t
}

// patience is how long a signal waits for its notice, which people read before what
// comes of it.
const patience = 100 * time.Millisecond

// tell has a notice told.
func (t *teller) tell(notice func()) {
	done := make(chan struct{})
	t.notices <- func() { notice(); close(done) }
	select {
	case <-done:
	case <-time.After(patience):
	}
}

// close returns when everything is told.
func (t *teller) close() {
	close(t.notices)
	<-t.over
}
