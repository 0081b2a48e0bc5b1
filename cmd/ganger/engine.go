package main

import (
	"context"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
)

// engine is the pool of a run, whatever its protocol: only who builds it knows
// the types of requests and responses.
type engine interface {
	// Run keeps the workers until ctx ends and returns when they are gone.
	Run(ctx context.Context) error
	// submit hands t over, waiting while enough wait already, and returns its
	// ticket. ctx is for that wait.
	submit(ctx context.Context, t *task) (ticket, error)
	// Drain waits until every task has ended, or ctx ends.
	Drain(ctx context.Context) error
	// CancelAll asks every task to end; those that run have the grace.
	CancelAll(cause error)
	// LastAttempts says that no task is tried again: see [pool.Pool.LastAttempts].
	LastAttempts(cause error)
	// Snapshot calls yield for each worker until it returns false.
	Snapshot(yield func(inspect.Worker) bool)
	// kill ends every life at once, without grace.
	kill()
}

// ticket is how a task is taken back.
type ticket interface {
	Cancel(cause error)
	ID() uint64
}

// end is what is known of the end of a task, whatever the protocol.
type end struct {
	err      error  // nil for done, else with a *ganger.Error in its tree
	output   []byte // a response; nil if there is none, or the output is in the task's place
	attempts int
	deaths   int
	worker   string
	pid      int
	exit     *ganger.Exit // of the process, where one ended with the task
	queued   time.Duration
	ran      time.Duration
}

// pooled is an engine with responses of one type.
type pooled[R any] struct {
	*pool.Pool[*task, R]
	opts options
}

func (p pooled[R]) submit(ctx context.Context, t *task) (ticket, error) {
	k, err := p.Submit(ctx, pool.Task[*task]{
		Value: t, Key: t.key, Priority: t.priority, Retries: p.opts.retries, ExecTimeout: p.opts.timeout,
		MaxDeaths: p.opts.maxDeaths, Deaths: t.deaths,
	})
	if err != nil {
		return nil, err
	}
	return k, nil
}

func (p pooled[R]) kill() {
	var names []string
	p.Snapshot(func(w inspect.Worker) bool {
		names = append(names, w.Name)
		return true
	})
	for _, name := range names {
		_ = p.StopWorker(name, true) // it errs for a worker that is not there any more
	}
}

// newEngine returns the engine of a plan. Its tasks are told to j when they
// start and when they have ended.
func newEngine(p *plan, j *job) engine {
	if p.opts.proto == "exec" {
		return execEngine(p, j)
	}
	return warmEngine(p, j)
}

// config is the part of a pool's configuration that all protocols share.
func (p *plan) config(j *job) pool.Config {
	o := p.opts
	c := pool.Config{
		Name: "run", Workers: o.workers, MaxTasks: o.maxTasks, TTL: o.ttl, IdleTTL: o.idleTTL,
		Jitter:       o.limits.jitter.part,
		StartTimeout: o.startTimeout, CancelGrace: o.grace,
		QueueLimit: o.depth(),
		// Deaths with a task in hand are excused. A seat whose lives come to
		// nothing ten times in a minute is given up, and without seats so is the
		// run; a delay that grew for longer than this would put that off for ever.
		Restart:  life.Policy{Max: 2 * time.Second},
		Hub:      j.hub,
		Hopeless: j.hopeless,
	}
	if o.grace == 0 {
		c.CancelGrace = -1
	}
	return c
}

// kindOf is the part of a kind that all protocols share: request makes the
// request of a task, output the bytes of a response, and process finds the
// process that ended with the task. The last two may be nil.
func kindOf[Q, R any](p *plan, j *job, request func(t *task, seat, attempt int) (Q, error),
	output func(R) []byte, process func(R) (pid int, exit *ganger.Exit),
) pool.Kind[*task, Q, R, struct{}] {
	k := pool.Kind[*task, Q, R, struct{}]{
		Name: p.opts.proto,
		Request: func(h pool.Held[struct{}], t *task) (Q, error) {
			if j.taking.Err() != nil {
				t.withdraw() // between the stop and its ticket's cancel
			}
			if !t.start() {
				var none Q
				return none, &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseShutdown, Err: errNotStarted}
			}
			if err := j.prepare(t); err != nil {
				var none Q
				return none, err
			}
			j.began(t, h.Deaths)
			return request(t, h.Seat, h.Attempt)
		},
		Again: func(t *task, attempt int, _ error) { j.tally.Pause(&t.Running, attempt) },
		Ended: func(t *task, e pool.End[R]) {
			x := end{
				err: e.Err, attempts: e.Attempts, deaths: e.Deaths, worker: e.Worker, pid: e.PID,
				queued: e.Queued, ran: e.Ran,
			}
			if e.Err == nil && output != nil {
				x.output = output(e.Response)
			}
			if process != nil {
				x.pid, x.exit = process(e.Response)
			}
			j.ended(t, x)
		},
		View: func(t *task) any { return string(t.Label) },
	}
	if p.out.given {
		k.Use = func(_ pool.Held[struct{}], t *task, r R) (pool.Next[*task, struct{}], error) {
			var response []byte
			if output != nil {
				response = output(r)
			}
			return pool.Next[*task, struct{}]{}, j.deliver(t, response)
		}
	}
	return k
}

var _ wall.Wall[wall.Stream] = seated{}
