package pool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/life"
)

// Held is what a kind may know of the life that would perform a task.
type Held[C any] struct {
	Warm        bool   // it has performed at least one task
	Value       C      // its competence, as [Next] left it; zero while not warm
	Worker      string // name of the worker, such as "w0"
	Seat        int    // its place among the pool's workers, from 0
	Incarnation uint64 // which life of the worker
	Attempt     int    // of the task that is asked about, from 1; 0 in Match
	Deaths      int    // that counted against that task before; 0 in Match
}

// Next says what follows the use of a response.
type Next[T, C any] struct {
	Held C // competence of the life from now on
	// Follow are tasks that follow from this one, accepted before it ends and
	// whatever its outcome. The queue's limit does not hold them up. They are of
	// its group unless they name another, and are cancelled with it: a cancel that
	// comes after its end reaches those that have not ended. Nobody has a ticket of
	// them; Ended and Commit are told.
	Follow []Task[T]
	// Bound has them performed by this life alone, before anything else and
	// without asking Match, because it holds what they need. When it goes, or
	// End is set, those that have not started end Cancelled (holder).
	Bound bool
	End   bool // the life leaves, and a fresh one takes its place
}

// Kind says how a task becomes a request and what its response means. Every
// function may be nil but Request.
//
// They are the coordinator's own code: a panic in one ends the program. They are
// called several at once for different tasks (Commit one at a time), never with a
// lock held but for Match, Order and View, on goroutines of the pool, of the
// instance that performs, or of whoever calls [Pool.Do] or cancels a task. So a
// caller that cancels must hold no lock that Ended takes; and a function that
// submits to its own pool, where the queue may be full, must do so on a goroutine
// of its own, because the room may be made by the very life that it keeps waiting.
// [Next].Follow, and what Ask submits with its context, need no room.
type Kind[T, Q, R, C any] struct {
	Name string // of the sort of task, for people
	// Match reports whether a life may take a task; nil means any may. It is
	// called under the pool's lock: it must be fast and pure, and must not call
	// the pool. It is asked again at every change and by [Pool.Broadcast].
	Match func(Held[C], T) bool
	// Request makes the request just before it is sent. If it returns
	// [ErrExpired] the task ends Expired; a [*ganger.Error] that is Rejected or
	// Cancelled, and not wrapped, is how it ends; for any other error it ends
	// Rejected (encode). The life stays as it was.
	Request func(Held[C], T) (Q, error)
	// Use takes the response before the task ends. Its error makes the task
	// Failed; Next is obeyed all the same.
	Use func(Held[C], T, R) (Next[T, C], error)
	// Unsent may perform a task here whose request could not be made or encoded,
	// and which else ends Rejected (encode, with err as its cause). It returns nil
	// to let it, or a function that is called once, on a goroutine of the pool,
	// when somebody waits for the task: through its ticket, its group, [Pool.Join]
	// or [Pool.Drain]. What it returns is how the task ends. Until then the task
	// can be cancelled, and the end of Run cancels it. What follows from other tasks
	// has no ticket and is performed at once. The life is not to blame.
	Unsent func(t T, err error) (local func() (R, error))
	// Again is told of each attempt that came to nothing and is followed by another,
	// which may have begun meanwhile, or even ended: the attempts are numbered from 1.
	Again func(t T, attempt int, err error)
	// Ended is told once for every accepted task, before its ticket is done.
	Ended func(T, End[R])
	// Commit is told once for every accepted task too, after Ended and one at a
	// time, in an order that depends on no schedule: that of submission, where what
	// came of a task stands between it and the next. A task that has ended waits in
	// memory for those before it, and counts against QueueLimit until it is told.
	Commit func(T, End[R])
	// Order says which of two tasks is to be offered first, negative for a. Those
	// that are equal are offered by priority and age. It is called under the pool's
	// lock, as Match is, and must be the same at all times: [Pool.SetOrder] makes
	// it another. Nil means that all are equal.
	Order func(a, b T) int
	// Feedback takes what a worker reports before its response, in order. body
	// is valid until it returns. While it blocks the worker is slowed down.
	Feedback func(t T, body []byte)
	// Ask answers a worker's question in mid-task. ctx ends with the task. Nil
	// refuses every question.
	//
	// What is submitted with ctx, to this pool or another, is the task's own: it is
	// let in whatever the limits of the queue, and is cancelled with the task, or
	// when this attempt at it comes to nothing. Who waits with ctx, for a ticket, a
	// group or in [Pool.Do], lends the task's slot to what it may be waiting for:
	// so however deep tasks wait for tasks, there is always a worker for the last.
	// Each task keeps those above it in memory. [Pool.Join] would wait for the task
	// that asks, too, and so for ever.
	Ask func(ctx context.Context, t T, question []byte) ([]byte, error)
	// View is what people are shown of a task. It is called under the pool's
	// lock, as Match is. Nil shows nothing.
	View func(T) any
}

// End is everything known of the end of one task.
type End[R any] struct {
	Task     uint64 // number of the task in its pool, from 1 in the order of acceptance
	Response R      // also of a task without success where the wall has one, such as the output of a process that failed
	Err      error  // nil for Done, else a *ganger.Error
	Attempts int    // times it was given to a life, those that cost it nothing included
	Deaths   int    // deaths that counted against it
	Worker   string // "name#incarnation" of the life that had it last; "" if none had
	Seat     int    // of that worker; -1 if none had it
	PID      int    // of that life, where it is a process
	Queued   time.Duration
	Ran      time.Duration // of the last attempt
}

// QueuePolicy says what happens to a task that finds the queue full.
type QueuePolicy uint8

// The queue policies.
const (
	Block  QueuePolicy = iota // Submit waits for room
	Reject                    // Submit returns Rejected (full)
	// DropOldest ends the task that has waited longest, of those that never
	// started, as Cancelled (superseded). When as many ends as the limit wait for
	// Commit it is Block.
	DropOldest
	// Replace lets at most one task of each [Task].Key wait, full or not: a new one
	// takes its place in the queue, and it ends Cancelled (superseded). For the
	// rest, and for tasks without a key, it is Block.
	Replace
)

// Attribution says whose output a line is.
type Attribution struct {
	Worker  string // "name#incarnation"
	Task    uint64 // 0 between tasks, and where several are in hand at once
	Attempt int
}

// Config says how a [Pool] runs. The zero Config is valid.
type Config struct {
	// Name of the pool, for people. Empty means "pool".
	Name string
	// Workers is how many are kept. Zero means GOMAXPROCS; negative none: tasks
	// then only accumulate.
	Workers int
	// QueueLimit bounds the tasks that wait, and those that have ended and wait for
	// Commit. Zero means 1024; negative none. Tasks that run again, or that came of
	// others, do not count: they were let in once.
	QueueLimit int
	// QueuePolicy is for a task that finds the queue full. Zero means Block.
	QueuePolicy QueuePolicy
	// KeyWait is for how long a task with a key is left to the lives that are warm
	// for it, once another would have had it. Zero means 1s; negative for ever.
	KeyWait time.Duration
	// Aging is the time in which a waiting task gains one priority, so that none
	// waits for ever. Zero means 10s; negative never.
	Aging time.Duration
	// CancelGrace is between asking a running task to end and killing its life.
	// Zero means 1s; negative none.
	CancelGrace time.Duration
	// StartTimeout bounds the start of a life until it is ready. Zero means 30s.
	StartTimeout time.Duration
	// StopGrace bounds the orderly end of a life. Zero means 5s.
	StopGrace time.Duration
	// MaxTasks is how many tasks a life performs before it is replaced. Zero
	// means no limit.
	MaxTasks int
	// TTL is the age at which a life is replaced, after what it has in hand.
	// Zero means none.
	TTL time.Duration
	// IdleTTL is how long a life may be without a task before it leaves; its
	// seat is filled again when there is work. Zero means for ever.
	IdleTTL time.Duration
	// Jitter is a share of MaxTasks and of TTL, from 0 to 1: each life draws how
	// much sooner, at most that, it is replaced, so that lives that began together
	// are not replaced together. Zero means none.
	Jitter float64
	// Restart says when a life that ended badly is followed by the next.
	Restart life.Policy
	// Hub is told what happens. Nil discards.
	Hub *inspect.Hub
	// Left is told the end of each life, and of each start that came to nothing. It
	// is called on a goroutine of the pool, several at once, and must not block.
	// Nil discards.
	Left func(inspect.Obituary)
	// Hopeless is told when every seat has given up starting lives, with the reason of
	// the last. What waited has ended Rejected (start); so does what is submitted,
	// until a seat tries again and succeeds. Nil means that nobody wants to know.
	Hopeless func(err error)
	// Env returns additional environment for a life at a seat, which is about to be
	// started. Nil means none.
	Env func(seat int) []string
	// Line receives what workers write beside their protocol, line by line, on
	// one goroutine for each output; line is valid until it returns. Nil discards.
	Line func(a Attribution, stderr bool, line []byte)
}

func (c Config) check() (Config, error) {
	var errs []error
	bad := func(field string, value any) {
		errs = append(errs, fmt.Errorf("pool: Config.%s is %v; it must not be negative", field, value))
	}
	if c.Name == "" {
		c.Name = "pool"
	}
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.QueueLimit == 0 {
		c.QueueLimit = 1024
	}
	if c.QueuePolicy > Replace {
		errs = append(errs, fmt.Errorf("pool: Config.QueuePolicy is %d; it must be Block, Reject, DropOldest or Replace", c.QueuePolicy))
	}
	c.KeyWait = cmp.Or(c.KeyWait, time.Second)
	c.Aging = cmp.Or(c.Aging, 10*time.Second)
	for _, d := range []struct {
		field string
		value *time.Duration
		zero  time.Duration
	}{
		{"StartTimeout", &c.StartTimeout, 30 * time.Second},
		{"StopGrace", &c.StopGrace, 5 * time.Second},
		{"TTL", &c.TTL, 0},
		{"IdleTTL", &c.IdleTTL, 0},
	} {
		if *d.value < 0 {
			bad(d.field, *d.value)
		}
		if *d.value == 0 {
			*d.value = d.zero
		}
	}
	if c.MaxTasks < 0 {
		bad("MaxTasks", c.MaxTasks)
	}
	if !(c.Jitter >= 0 && c.Jitter <= 1) { // not a number is neither
		errs = append(errs, fmt.Errorf("pool: Config.Jitter is %v; it must be a share from 0 to 1", c.Jitter))
	}
	return c, errors.Join(errs...)
}

// Task is one thing to do.
type Task[T any] struct {
	Value T
	// Key says what a life would keep warm for tasks of the same key: they go to
	// lives that have performed one, as long as these live and take them soon
	// enough ([Config].KeyWait). A life is taken to be warm for its newest 1024
	// keys. Empty means none.
	Key string
	// Priority brings a task forward: higher first, equal ones by age. Zero is the
	// default; it may be negative.
	Priority int
	// Retries is how often it runs again after it failed or ran out of an
	// attempt's time. Zero means never.
	Retries int
	// MaxDeaths is how many lives may end under it. With 1 it never runs again
	// after a death: right for what has effects. Zero means 1 where each request
	// is a process of its own, else 2.
	MaxDeaths int
	// Deaths is how many lives ended under it before it was submitted, in a
	// coordinator of the past: they count as those in this pool do. With any the
	// task runs alone from the start, as one does whose life ended under it.
	Deaths int
	// QueueTimeout bounds the wait for a worker, ExecTimeout each attempt from
	// when a ready worker has it, TotalTimeout all of it. Zero means none.
	QueueTimeout, ExecTimeout, TotalTimeout time.Duration
	// Group it belongs to; nil for none.
	Group *Group
}

func (t *Task[T]) check() error {
	if min(t.Retries, t.MaxDeaths, t.Deaths) >= 0 && min(t.QueueTimeout, t.ExecTimeout, t.TotalTimeout) >= 0 {
		return nil
	}
	for _, f := range []struct {
		field string
		bad   bool
	}{
		{"Retries", t.Retries < 0},
		{"MaxDeaths", t.MaxDeaths < 0},
		{"Deaths", t.Deaths < 0},
		{"QueueTimeout", t.QueueTimeout < 0},
		{"ExecTimeout", t.ExecTimeout < 0},
		{"TotalTimeout", t.TotalTimeout < 0},
	} {
		if f.bad {
			return fmt.Errorf("pool: Task.%s is negative; zero means its default", f.field)
		}
	}
	return nil
}
