//go:build linux

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
	"github.com/ganger-dev/ganger/wall/process"
)

// idleVariable makes the test binary an idle coordinator that tells how often
// it and its workers were woken in that many seconds.
const idleVariable = "GANGER_POOL_TEST_IDLE"

func beIdle(seconds int) {
	p := pool.New(pool.Kind[string, string, string, struct{}]{
		Request: func(_ pool.Held[struct{}], s string) (string, error) { return s, nil },
	}, limited(process.Limits{MemoryHard: 1 << 40}).open(1), pool.Config{Workers: 2})
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
	all := func() int { return switches(os.Getpid()) + switches(pids[0]) + switches(pids[1]) }
	// The runtime tidies up for a while after work, the longer the busier the
	// machine is; a tick of ours would be in every window.
	least := -1
	for range 8 {
		time.Sleep(time.Second)
		was := all()
		time.Sleep(time.Duration(seconds) * time.Second)
		now := all()
		// What waking this sleeper costs is measured by sleeping once more.
		time.Sleep(10 * time.Millisecond)
		if n := max(now-was-(all()-now), 0); least < 0 || n < least {
			least = n
		}
		if least == 0 {
			break
		}
	}
	fmt.Println(least)
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
	// The runtime needs up to a minute to come to rest after its work.
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), idleVariable+"="+strconv.Itoa(full(10, 2)), "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := strconv.Atoi(strings.TrimSpace(string(out))); err != nil || n > 0 {
		t.Errorf("an idle coordinator and two idle workers were switched %q times, want none", out)
	}
}
