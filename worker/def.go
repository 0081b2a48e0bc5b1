package worker

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/wall"
)

// Verdict says how a worker goes on after a request that failed.
type Verdict uint8

// The verdicts.
const (
	// Continue: the next request, please.
	Continue Verdict = iota
	// Stop: the worker ends in order and for good, whatever its policy.
	Stop
	// Crash: this life ends as if the handler had panicked with the error, and
	// the policy decides about the next.
	Crash
)

// Def defines one sort of worker: its protocol W, names N, parameters P and
// state S. Launch and one [Handle] for each request of W are required. A Def is
// not changed once a table was made of it; many tables may share one.
//
// Everything in it is called on a goroutine of the worker, one thing at a time,
// and a panic in any of it costs this worker one life and nothing else. S is
// never visible outside: what others may know of it they ask with a request.
type Def[W any, N comparable, P, S any] struct {
	// Group names the sort for people, such as "player". Empty means W's name.
	Group string
	// Launch makes the state of a new life. ctx ends when the life is to end.
	// Requests that come meanwhile wait, self's included.
	Launch func(ctx context.Context, self Self[W], name N, p P) (S, error)
	// OnError is told of a request whose handler returned an error, before its
	// caller is. Nil means Continue.
	OnError func(ctx context.Context, s S, q Post[W], err error) Verdict
	// OnDone is told of a request whose handler succeeded, after its caller was:
	// also of one whose caller had given up.
	OnDone func(ctx context.Context, s S, q Post[W], pushed, started, ended time.Time)
	// OnIdle is called when [Config].Idle has passed without a request, and
	// again each time it passes once more; never for a worker that pulls, which
	// waits in its source.
	OnIdle func(ctx context.Context, s S)
	// Close is called once for each life whose Launch succeeded, when nothing is
	// in hand any more, or what was has ignored its grace. why is nil for a stop
	// without a reason. ctx ends after [Config].Grace.
	Close func(ctx context.Context, s S, why error) error

	kinds map[reflect.Type]*found
}

// Handle gives d the handler of the requests of type Q. The handler's error
// reaches the caller as it is. ctx ends when the life is to end, when
// [Config].Limit has passed, and when the caller gives up; it is not the
// caller's, and may end when f has returned. Handle panics when d has a handler
// for Q.
func Handle[W any, N comparable, P, S any, Q Request[W, R], R any](d *Def[W, N, P, S], f func(context.Context, S, Q) (R, error)) {
	t := reflect.TypeFor[Q]()
	if d.kinds[t] != nil {
		panic(fmt.Sprintf("worker: a second handler for %v", t))
	}
	if d.kinds == nil {
		d.kinds = map[reflect.Type]*found{}
	}
	d.kinds[t] = &found{t, newKind(func(ctx context.Context, state any, q Q) (R, error) {
		return f(ctx, state.(holder[S]).s, q)
	})}
}

// holder keeps a state, so that one that is a nil interface is still found.
type holder[S any] struct{ s S }

// Strategy says which lives of a table end with one that crashed.
type Strategy uint8

// The strategies. With all but the first the table has one past, so that the
// policy's window and delays are the table's.
const (
	OneForOne  Strategy = iota // that one
	AllForOne                  // all, and all are launched again in their order
	RestForOne                 // those launched after it, and it and they again
)

// Pending says what becomes of the requests that wait when a life ends and
// another follows. The request that was in hand is never performed again.
type Pending uint8

// The fates of pending requests.
const (
	KeepPending Pending = iota // the next life performs them
	FailPending                // they end Rejected/closed with the reason
	DropPending                // they end Cancelled/holder: they were for the life that is gone
)

// The meanings of zero in a [Config].
const (
	DefaultGrace      = 5 * time.Second
	DefaultObituaries = 32
)

// Config says how the workers of a table live. The zero Config is valid.
type Config struct {
	// Restart says when a worker whose life ended lives again. A worker that was
	// stopped does not, nor one whose first launch failed.
	Restart  life.Policy
	Strategy Strategy
	Pending  Pending
	// Escalate is told when a worker will not be restarted any more because its
	// circuit is open and [life.Policy].Retry is zero. It is called on a
	// goroutine of its own, and may close the table; an owner that is a worker
	// itself gives its [Self.Crash]. Nil: nobody is told but the event.
	Escalate func(err error)
	// Idle is the time without a request after which OnIdle is called. Zero:
	// never.
	Idle time.Duration
	// Limit is how long a handler may take. Zero: for ever.
	Limit time.Duration
	// StartTimeout is how long Launch may take when a worker lives again: its
	// context ends then, and it has Grace to return. A first launch is bounded by
	// the context of whoever launches. Zero means 30 s, negative for ever.
	StartTimeout time.Duration
	// Grace is how long a handler may take to return once its context has ended,
	// and Close at most. It is abandoned then: its goroutine is left behind. Zero
	// means 5 s, negative none; Close has 5 s then.
	Grace time.Duration
	// DropOldest: a full bounded mailbox drops what waits longest, in place of
	// having the newest wait. It means nothing elsewhere.
	DropOldest bool
	// Obituaries is how many ends of lives a table remembers. Zero means 32,
	// negative none.
	Obituaries int
	// Behind has everything of the definition run in a process of each life, which
	// serves it with worker/behind.Serve: there a handler that outlives [Config].Limit
	// and Grace is killed, and a death costs one life. Names, parameters, requests
	// and responses must be encodable; the constructor of the table panics if a
	// type is not, or if the wall is not one of worker/behind. Nil: on goroutines
	// of this program.
	Behind wall.Wall[wall.Instance[Envelope, Envelope]]
	// Hub is told the states of lives, and knows the table until it is closed.
	// Nil discards.
	Hub *inspect.Hub
}
