package behind_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
	"github.com/ganger-dev/ganger/worker"
	"github.com/ganger-dev/ganger/worker/behind"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

const sortVariable = "GANGER_BEHIND_TEST"

// TestMain makes the test binary the worker too.
func TestMain(m *testing.M) {
	process.Main()
	if os.Getenv(native.Variable) != "" {
		s, err := native.Stream()
		if err == nil {
			err = serve(os.Getenv(sortVariable), s)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func serve(sort string, s io.ReadWriter) error {
	switch sort {
	case "till":
		return behind.Serve(tills(), s)
	case "account":
		return behind.Serve(accounts(), s)
	case "bare":
		return behind.Serve(bareTills(), s)
	case "adder":
		sum := 0
		return native.Serve(s, 1, native.JSON[add](), native.JSON[int](), func(_ context.Context, q add, _ wall.Host) (int, error) {
			sum += q.N
			return sum, nil
		})
	case "source":
		return behind.ServeSource(tills(), pull, s)
	case "mute":
		return errors.New("this one serves nothing")
	}
	return fmt.Errorf("what is a %q?", sort)
}

// pull gives three requests, and then no more.
func pull(_ context.Context, s *drawer) (worker.Post[till], error) {
	switch s.pulled++; {
	case s.pulled <= 3:
		return add{N: s.pulled, By: "source"}, nil
	case s.p.How == "" && s.p.Wants == "end":
		return nil, io.EOF
	}
	return fail{How: "error", Text: "stop"}, nil
}

// processes is the wall of this test binary as a worker of some sort.
func processes(sort string) process.Command {
	return process.Command{Path: os.Args[0], Env: []string{sortVariable + "=" + sort, "GORACE=atexit_sleep_ms=0"}}
}

// bed is one of the two walls.
type bed struct {
	*testing.T
	process bool
}

// onWalls runs f on a goroutine and on a process.
func onWalls(t *testing.T, f func(b bed)) {
	t.Run("goroutine", func(t *testing.T) { f(bed{t, false}) })
	t.Run("process", func(t *testing.T) { f(bed{t, true}) })
}

// config moves c to the wall: the one field that makes the difference.
func (b bed) config(c worker.Config, sort string) worker.Config {
	if b.process {
		c.Behind = behind.Wall(processes(sort))
	}
	return c
}

// atOnce is a policy that restarts without a delay.
var (
	atOnce        = life.Policy{Min: -1, Burst: -1, StartFails: -1}
	lifeTemporary = life.Policy{Type: life.Temporary}
	lifeTransient = life.Policy{Type: life.Transient}
)

type table = worker.Table[string, opening, worker.Queue[till]]

func (b bed) table(c worker.Config) *table {
	b.Helper()
	t := worker.NewQueue(tills(), b.config(c, "till"))
	closed(b.T, t)
	return t
}

func closed[F any](t *testing.T, table *worker.Table[string, opening, F]) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := table.Close(ctx); err != nil {
			t.Errorf("the table did not close: %v", err)
		}
	})
}

// launch launches one worker of a table of its own.
func (b bed) launch(c worker.Config, p opening) (worker.Queue[till], *table) {
	b.Helper()
	t := b.table(c)
	w, err := t.Launch(b.ctx(), "a", p)
	if err != nil {
		b.Fatal(err)
	}
	return w, t
}

// ctx is a context that ends a test that hangs.
func (b bed) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	b.Cleanup(cancel)
	return ctx
}

// sum calls add and returns the sum.
func (b bed) sum(w worker.Queue[till], n int) int {
	b.Helper()
	sum, err := worker.Call(b.ctx(), w, add{N: n})
	if err != nil {
		b.Fatalf("add: %v", err)
	}
	return sum
}

func (b bed) ended(err error, o ganger.Outcome, c ganger.Cause) *ganger.Error {
	b.Helper()
	if ganger.OutcomeOf(err) != o || ganger.CauseOf(err) != c {
		b.Fatalf("it ended %v (%s): %v; want %v (%s)", ganger.OutcomeOf(err), ganger.CauseOf(err), err, o, c)
	}
	e, _ := errors.AsType[*ganger.Error](err)
	return e
}

func (b bed) await(done <-chan struct{}, what string) {
	b.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		b.Fatalf("%s did not come", what)
	}
}
