//go:build linux

package pool_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/goroutine"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
)

// workerVariable makes the test binary a worker of these tests; its value is
// the number of slots.
const workerVariable = "GANGER_POOL_TEST_WORKER"

func TestMain(m *testing.M) {
	process.Main()
	if slots, err := strconv.Atoi(os.Getenv(workerVariable)); err == nil {
		s, err := native.Stream()
		if err == nil {
			name := "pid " + strconv.Itoa(os.Getpid())
			err = native.Serve(s, slots, native.JSON[string](), native.JSON[string](), performer(name))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		os.Exit(0)
	}
	if seconds, err := strconv.Atoi(os.Getenv(idleVariable)); err == nil {
		beIdle(seconds)
		return
	}
	if os.Getenv(rudeVariable) != "" {
		beRude()
		return
	}
	goleak.VerifyTestMain(patient{m})
}

// hush ends what is deaf and was abandoned, so that a leak is told from it.
var hush = make(chan struct{})

// patient is the tests, after which nothing is deaf any more.
type patient struct{ *testing.M }

func (p patient) Run() int {
	defer close(hush)
	return p.M.Run()
}

// performer performs scripts: steps separated by ";", each a verb and its
// arguments. The value of the last step is the response.
func performer(life string) func(context.Context, string, wall.Host) (string, error) {
	return func(ctx context.Context, script string, h wall.Host) (value string, err error) {
		for step := range strings.SplitSeq(script, ";") {
			verb, arg, _ := strings.Cut(strings.TrimSpace(step), " ")
			if value, err = act(ctx, life, verb, arg, h); err != nil {
				return "", err
			}
		}
		return value, nil
	}
}

func act(ctx context.Context, life, verb, arg string, h wall.Host) (string, error) {
	switch verb {
	case "echo":
		return arg, nil
	case "life":
		return life, nil
	case "fail":
		return "", errors.New(arg)
	case "say": // on both outputs of a process
		if strings.HasPrefix(life, "pid") {
			fmt.Println(arg)
			fmt.Fprintln(os.Stderr, arg)
		}
		return "", nil
	case "sleep": // gives up when asked
		d, _ := time.ParseDuration(arg)
		select {
		case <-time.After(d):
			return "", nil
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	case "deaf": // does not
		d, _ := time.ParseDuration(arg)
		select {
		case <-time.After(d):
		case <-hush:
		}
		return "", nil
	case "panic":
		panic(arg)
	case "die":
		die(life)
	case "exit":
		status, _ := strconv.Atoi(arg)
		if strings.HasPrefix(life, "pid") {
			os.Exit(status)
		}
		runtime.Goexit()
	case "die-until": // FILE N: dies the first N times
		file, times, _ := strings.Cut(arg, " ")
		n, _ := strconv.Atoi(times)
		was, _ := os.ReadFile(file)
		if len(was) < n {
			_ = os.WriteFile(file, append(was, '.'), 0o600)
			die(life)
		}
		return "alive", nil
	case "fail-until": // FILE N: fails the first N times
		file, times, _ := strings.Cut(arg, " ")
		n, _ := strconv.Atoi(times)
		was, _ := os.ReadFile(file)
		if len(was) < n {
			_ = os.WriteFile(file, append(was, '.'), 0o600)
			return "", errors.New("not yet")
		}
		return "well", nil
	case "feedback":
		n, _ := strconv.Atoi(arg)
		for i := range n {
			h.Feedback([]byte(strconv.Itoa(i)))
		}
		return "", nil
	case "ask":
		answer, err := h.Ask(ctx, []byte(arg))
		return string(answer), err
	}
	if verb == "leak" {
		leak(arg)
		return "", nil
	}
	return worse(life, verb, arg)
}

// die ends the life under its request in the worst way that its wall knows.
func die(life string) {
	if strings.HasPrefix(life, "pid") {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	panic("die")
}

// subject is a wall that a row is run on.
type subject struct {
	name  string
	open  func(slots int) wall.Wall[wall.Instance[string, string]]
	death ganger.Cause // of what "die" does
	exit3 ganger.Cause // of what "exit 3" does
	kills bool         // a deaf request is killed, not abandoned
}

var lives atomic.Uint64

func subjects() []subject {
	return []subject{
		{
			name: "goroutine", death: "panic", exit3: "panic",
			open: func(slots int) wall.Wall[wall.Instance[string, string]] {
				return goroutine.Wall[string, string]{
					Slots: slots,
					Begin: func(context.Context) (goroutine.Perform[string, string], error) {
						return performer(fmt.Sprintf("life %d", lives.Add(1))), nil
					},
				}
			},
		},
		{
			name: "process", death: "signal 9", exit3: "exit 3", kills: true,
			open: func(slots int) wall.Wall[wall.Instance[string, string]] {
				return wall.Speak(process.Command{
					Path: os.Args[0],
					Env:  []string{workerVariable + "=" + strconv.Itoa(slots), "GORACE=atexit_sleep_ms=0"},
				}, native.Dialect[string, string]{Request: native.JSON[string](), Response: native.JSON[string]()})
			},
		},
	}
}

// onEachWall runs a row on every wall.
func onEachWall(t *testing.T, row func(t *testing.T, w subject)) {
	for _, w := range subjects() {
		t.Run(w.name, func(t *testing.T) { row(t, w) })
	}
}

// setup is how a test's pool differs from the plain one.
type setup struct {
	pool.Config
	slots int
	kind  func(*pool.Kind[string, string, string, string])
}

// running is a pool that runs, with a log of what it told.
type running struct {
	*pool.Pool[string, string]
	ends chan pool.End[string]
	stop func() // ends Run and waits for it
}

// start runs a pool on w until the test ends.
func start(t *testing.T, w subject, s setup) *running {
	t.Helper()
	s.Workers = cmp.Or(s.Workers, 1)
	s.CancelGrace = cmp.Or(s.CancelGrace, 300*time.Millisecond)
	k := pool.Kind[string, string, string, string]{
		Name:    "script",
		Request: func(_ pool.Held[string], script string) (string, error) { return script, nil },
	}
	if s.kind != nil {
		s.kind(&k)
	}
	r := &running{ends: make(chan pool.End[string], 100_000)}
	told := k.Ended
	k.Ended = func(script string, e pool.End[string]) {
		if told != nil {
			told(script, e)
		}
		r.ends <- e
	}
	r.Pool = pool.New(k, w.open(max(s.slots, 1)), s.Config)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Error("Run did not return within a minute of the end of its context")
		}
	}
	t.Cleanup(r.stop)
	return r
}

// submit submits a script and fails the test if it is not accepted.
func (r *running) submit(t *testing.T, task pool.Task[string]) *pool.Ticket[string] {
	t.Helper()
	ticket, err := r.Submit(t.Context(), task)
	if err != nil {
		t.Fatalf("Submit(%q): %v", task.Value, err)
	}
	return ticket
}

// wait waits for a ticket under a generous guard against hangs.
func wait(t *testing.T, ticket *pool.Ticket[string]) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("the task hangs"))
	defer cancel()
	r, err := ticket.Wait(ctx)
	if ctx.Err() != nil {
		t.Fatalf("task %d: %v", ticket.ID(), context.Cause(ctx))
	}
	return r, err
}

// do performs a script and fails the test unless it is done.
func (r *running) do(t *testing.T, script string) string {
	t.Helper()
	value, err := wait(t, r.submit(t, pool.Task[string]{Value: script}))
	if err != nil {
		t.Fatalf("%q: %v", script, err)
	}
	return value
}

// wantEnd fails the test unless err tells this end.
func wantEnd(t *testing.T, err error, outcome ganger.Outcome, cause ganger.Cause) {
	t.Helper()
	if ganger.OutcomeOf(err) != outcome || ganger.CauseOf(err) != cause {
		t.Errorf("end is %v (%v), want %v (%v): %v", ganger.OutcomeOf(err), ganger.CauseOf(err), outcome, cause, err)
	}
}

// signalled returns a kind option whose channel tells each feedback: scripts
// say "feedback 1" to report that they run.
func signalled(n int) (chan string, func(*pool.Kind[string, string, string, string])) {
	ran := make(chan string, n)
	return ran, func(k *pool.Kind[string, string, string, string]) {
		k.Feedback = func(script string, _ []byte) { ran <- script }
	}
}
