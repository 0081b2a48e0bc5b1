//go:build linux

package pool_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/pool"
)

// fault is a task that goes wrong, or right, in one way.
type fault struct {
	weight int
	script string
	task   pool.Task[string] // its limits
	wants  []ganger.Outcome  // the ends that it may have besides Cancelled
}

var (
	good = []ganger.Outcome{ganger.Done}
	bad  = []ganger.Outcome{ganger.Crashed, ganger.Poisoned}
)

// faults is every kind of fault that a worker knows.
var faults = []fault{
	{weight: 900, script: "echo x", wants: good},
	{weight: 10, script: "fail no", wants: []ganger.Outcome{ganger.Failed}},
	{weight: 10, script: "fail no", task: pool.Task[string]{Retries: 2}, wants: []ganger.Outcome{ganger.Failed}},
	{weight: 10, script: "feedback 5; sleep 1ms; echo x", wants: good},
	{weight: 4, script: "stray some words; echo x", wants: good},
	{weight: 4, script: "sleep 1h", task: pool.Task[string]{ExecTimeout: 3 * time.Millisecond}, wants: []ganger.Outcome{ganger.TimedOut}},
	{weight: 1, script: "deaf 200ms", task: pool.Task[string]{ExecTimeout: 3 * time.Millisecond}, wants: []ganger.Outcome{ganger.TimedOut}},
	{weight: 4, script: "sleep 1h", task: pool.Task[string]{TotalTimeout: 5 * time.Millisecond}, wants: []ganger.Outcome{ganger.TimedOut}},
	{weight: 4, script: "echo x", task: pool.Task[string]{QueueTimeout: time.Microsecond}, wants: []ganger.Outcome{ganger.TimedOut, ganger.Done}},
	{weight: 1, script: "die", wants: bad},
	{weight: 1, script: "feedback 3; die", task: pool.Task[string]{MaxDeaths: 3}, wants: bad},
	{weight: 1, script: "exit 3", task: pool.Task[string]{MaxDeaths: 1}, wants: bad},
	{weight: 1, script: "panic oh", wants: bad},
	{weight: 1, script: "garbage; sleep 100ms", wants: bad},
	{weight: 1, script: "half; die", wants: bad},
	{weight: 1, script: "oversize; sleep 100ms", wants: bad},
	{weight: 1, script: "daemon; echo x", wants: good},
	{weight: 1, script: "daemon; die", wants: bad},
	{weight: 1, script: "stop; echo x", task: pool.Task[string]{ExecTimeout: 20 * time.Millisecond}, wants: []ganger.Outcome{ganger.TimedOut, ganger.Done}},
}

func pick(rng *rand.Rand) fault {
	sum := 0
	for _, f := range faults {
		sum += f.weight
	}
	n := rng.IntN(sum)
	for _, f := range faults {
		if n -= f.weight; n < 0 {
			return f
		}
	}
	panic("unreachable: n is below the sum")
}

// TestT58ExactlyOneOutcome drives tasks into every fault at once, while workers
// are killed, stopped and cancelled from outside. Every task has one end, of a
// sort that its script allows, and nothing is left. GANGER_SEED repeats a run's
// choices.
func TestT58ExactlyOneOutcome(t *testing.T) {
	seed := rand.Uint64()
	if s := os.Getenv("GANGER_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("GANGER_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("GANGER_SEED=%d repeats this run's choices", seed)
	for _, w := range subjects() {
		for _, slots := range []int{1, 4} {
			t.Run(fmt.Sprint(w.name, " ", slots), func(t *testing.T) {
				batter(t, w, slots, full(25_000, 1500), seed)
			})
		}
	}
}

func batter(t *testing.T, w subject, slots, n int, seed uint64) {
	// What a wall starts once and keeps, such as the guard, is there from here on.
	once := start(t, w, setup{slots: slots})
	once.do(t, "echo x")
	once.stop()
	before := holdings()
	rng := rand.New(rand.NewPCG(seed, uint64(slots)))
	p := start(t, w, setup{
		slots:  slots,
		Config: pool.Config{Workers: 3, Restart: prompt, CancelGrace: 10 * time.Millisecond, QueueLimit: 64},
		kind:   func(k *pool.Kind[string, string, string, string]) { k.Feedback = func(string, []byte) {} },
	})
	wants := make(map[uint64]fault, n)
	early := 0
	for i := range n {
		f := pick(rng)
		task := f.task
		task.Value = f.script
		ticket := p.submit(t, task)
		wants[ticket.ID()] = f
		switch rng.IntN(400) {
		case 0:
			ticket.Cancel(errUnwanted)
		case 1:
			_ = p.CancelWorker(fmt.Sprintf("w%d", rng.IntN(3)))
		case 2, 3:
			if pid := p.workers()[rng.IntN(3)].PID; pid > 0 {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		if i == n/4 {
			early = heap()
		}
	}
	if err := p.Drain(guard(t)); err != nil {
		t.Fatal(err)
	}
	late := heap()
	p.stop()
	if got := len(p.ends); got != n {
		t.Errorf("%d tasks were told %d ends", n, got)
	}
	for range len(p.ends) {
		e := <-p.ends
		f, ok := wants[e.Task]
		if !ok {
			t.Errorf("task %d ended twice, or was never accepted: %v", e.Task, e.Err)
			continue
		}
		delete(wants, e.Task)
		allowed(t, f, e)
	}
	// Memory: what is kept of a task that ended must not grow with their number.
	if limit := early + n*600 + 4<<20; late > limit {
		t.Errorf("the heap grew from %d to %d bytes", early, late)
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		now := holdings()
		if now.goroutines <= before.goroutines && now.descriptors <= before.descriptors && len(now.processes) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("something is left: %+v, before it was %+v", now, before)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// allowed fails the test if a task ended in a way that nothing done to it explains.
func allowed(t *testing.T, f fault, e pool.End[string]) {
	got := ganger.OutcomeOf(e.Err)
	if got == ganger.Cancelled {
		return
	}
	if slices.Contains(f.wants, got) {
		return
	}
	// Killed from outside, or beside one that was, as often as it may be.
	if (got == ganger.Crashed || got == ganger.Poisoned) && e.Deaths > 0 {
		return
	}
	// A clock may run out for any of those that have one.
	if got == ganger.TimedOut && (f.task.ExecTimeout > 0 || f.task.TotalTimeout > 0 || f.task.QueueTimeout > 0) {
		return
	}
	t.Errorf("%q (task %d) ended after %d attempts as %v, want one of %v", f.script, e.Task, e.Attempts, e.Err, f.wants)
}

// held is what a program holds of the system.
type held struct {
	goroutines, descriptors int
	processes               []string
}

// holdings counts what this program holds: its workers and their descendants
// are found by the variable that they inherit.
func holdings() held {
	var h held
	h.goroutines = runtime.NumGoroutine()
	fds, _ := os.ReadDir("/proc/self/fd")
	h.descriptors = len(fds)
	environs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range environs {
		env, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(env), workerVariable+"=") {
			h.processes = append(h.processes, file)
		}
	}
	return h
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// worse is what only a process can do wrong.
func worse(life, verb, arg string) (string, error) {
	if !strings.HasPrefix(life, "pid") {
		switch verb {
		case "stray", "daemon":
			return "", nil
		case "stop":
			return "", nil
		}
		panic(verb)
	}
	switch verb {
	case "stray":
		fmt.Println(arg)
	case "garbage":
		_, _ = syscall.Write(4, []byte("this is no frame, but it is long enough to be one"))
	case "half":
		_, _ = syscall.Write(4, []byte{0xF7, 0x47, 3})
	case "oversize": // a frame that begins as ours do and claims four gigabytes
		_, _ = syscall.Write(4, []byte{0xF7, 0x47, 3, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0})
	case "stop":
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		time.Sleep(10 * time.Second) // the other threads stop a little later; no answer must slip out
	case "daemon":
		attr := &os.ProcAttr{Sys: &syscall.SysProcAttr{Setsid: true}, Files: []*os.File{nil, os.Stdout, os.Stderr}}
		p, err := os.StartProcess("/bin/sleep", []string{"sleep", "1000"}, attr)
		if err != nil {
			return "", err
		}
		return "", p.Release()
	default:
		return "", errors.New("no verb " + verb)
	}
	return "", nil
}
