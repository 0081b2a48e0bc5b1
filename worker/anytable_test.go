package worker_test

import (
	"context"

	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/worker"
)

// anyTable is a table of any kind of mailbox.
type anyTable struct {
	launch func(context.Context, string) (hand, error)
	orFind func(context.Context, string) (hand, error)
	find   func(string) (hand, bool)
	close  func(context.Context) error
	dead   func() []inspect.Obituary
	group  inspect.Group
}

// hand is a ref of any kind; what it cannot do is nil.
type hand struct {
	worker.Ref
	call func(context.Context, Deed) (int, error)
	post func(context.Context, Deed) error
	try  func(Deed) error
}

// tableOf makes a table out of one of a kind.
func tableOf[F any](t *worker.Table[string, int, F], of func(F) hand) anyTable {
	return anyTable{
		launch: func(ctx context.Context, name string) (hand, error) {
			f, err := t.Launch(ctx, name, 0)
			if err != nil {
				return hand{}, err
			}
			return of(f), nil
		},
		orFind: func(ctx context.Context, name string) (hand, error) {
			f, _, err := t.LaunchOrFind(ctx, name, 0)
			if err != nil {
				return hand{}, err
			}
			return of(f), nil
		},
		find: func(name string) (hand, bool) {
			f, ok := t.Find(name)
			if !ok {
				return hand{}, false
			}
			return of(f), true
		},
		close: t.Close, dead: t.Dead, group: t,
	}
}

func queues(t *worker.Table[string, int, worker.Queue[Any]]) anyTable {
	return tableOf(t, func(f worker.Queue[Any]) hand {
		return hand{
			f.Ref,
			func(ctx context.Context, q Deed) (int, error) { return worker.Call(ctx, f, q) },
			func(_ context.Context, q Deed) error { return f.Push(q) },
			func(q Deed) error { return f.Push(q) },
		}
	})
}

func boundeds(t *worker.Table[string, int, worker.Bounded[Any]]) anyTable {
	return tableOf(t, func(f worker.Bounded[Any]) hand {
		return hand{
			f.Ref,
			func(ctx context.Context, q Deed) (int, error) { return worker.Call(ctx, f, q) },
			func(ctx context.Context, q Deed) error { return f.Push(ctx, q) },
			func(q Deed) error { return f.TryPush(q) },
		}
	})
}

func latests(t *worker.Table[string, int, worker.Latest[Any]]) anyTable {
	return tableOf(t, func(f worker.Latest[Any]) hand {
		return hand{
			f.Ref,
			func(ctx context.Context, q Deed) (int, error) { return worker.CallLatest(ctx, f, q) },
			func(_ context.Context, q Deed) error { return f.Put(q) },
			func(q Deed) error { return f.Put(q) },
		}
	})
}
