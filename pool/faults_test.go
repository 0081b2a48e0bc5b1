//go:build linux

package pool_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
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
	{weight: 10, script: "echo no good", task: pool.Task[string]{Retries: 1}, wants: []ganger.Outcome{ganger.Failed}},
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
