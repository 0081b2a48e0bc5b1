package pool_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/pool"
)

// idleVariable makes the test binary an idle coordinator that tells how often
// it and its workers were woken in that many seconds.
const idleVariable = "GANGER_POOL_TEST_IDLE"

func beIdle(seconds int) {
	p := pool.New(pool.Kind[string, string, string, struct{}]{
		Request: func(_ pool.Held[struct{}], s string) (string, error) { return s, nil },
	}, subjects()[1].open(1), pool.Config{Workers: 2})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = p.Run(ctx) }()
	for range 10 {
		if _, err := p.Do(ctx, pool.Task[string]{Value: "echo x", ExecTimeout: time.Hour}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	var pids []int
	p.Snapshot(func(w inspect.Worker) bool {
		pids = append(pids, w.PID)
		return true
	})
	time.Sleep(2 * time.Second) // timers of the past run out
	was := switches(os.Getpid()) + switches(pids[0]) + switches(pids[1])
	time.Sleep(time.Duration(seconds) * time.Second)
	// One is this goroutine's own wake-up, and what the wake-up of a sleeping
	// Go program costs by itself is measured by sleeping once more.
	now := switches(os.Getpid()) + switches(pids[0]) + switches(pids[1])
	time.Sleep(10 * time.Millisecond)
	own := switches(os.Getpid()) + switches(pids[0]) + switches(pids[1]) - now
	fmt.Println(max(now-was-own, 0))
	cancel()
	<-done
}

// switches counts the context switches of all threads of a process.
func switches(pid int) (n int) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, f := range files {
		status, _ := os.ReadFile(f)
		for line := range strings.Lines(string(status)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.HasSuffix(key, "ctxt_switches") {
				k, _ := strconv.Atoi(strings.TrimSpace(value))
				n += k
			}
		}
	}
	return n
}

func TestP28IdlePoolWakesNothing(t *testing.T) {
	cmd := exec.CommandContext(guard(t), os.Args[0])
	cmd.Env = append(os.Environ(), idleVariable+"="+strconv.Itoa(full(10, 2)), "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	// The runtime's own monitor may wake once in a minute.
	if n, err := strconv.Atoi(strings.TrimSpace(string(out))); err != nil || n > 2 {
		t.Errorf("an idle coordinator and two idle workers were switched %q times, want none", out)
	}
}
