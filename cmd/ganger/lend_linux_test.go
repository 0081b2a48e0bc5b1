package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestP11ResumeWaitsForWhatIsLeft: a run that goes on with the log of one that was
// killed begins when nothing of that is at work any more, also when it takes the
// guard a while to end that: a task that runs again never meets its last attempt.
func TestP11ResumeWaitsForWhatIsLeft(t *testing.T) {
	const script = `if [ -e "$1/child" ]; then
			grep -q sleep "/proc/$(cat "$1/child")/cmdline" 2>/dev/null && echo met || echo alone
		else
			setsid sleep 1000 & echo $! >"$1/child.new"; mv "$1/child.new" "$1/child"; wait
		fi`
	dir := t.TempDir()
	run := func() (start func() error, kill func(), wait func() error, out *bytes.Buffer) {
		c := tool(t, strings.NewReader("task\n"), "--log", filepath.Join(dir, "run.log"), "--resume", "--", "sh", "-c", script, "{}", dir)
		out = &bytes.Buffer{}
		c.Stdout, c.Stderr = out, out
		return c.Start, func() { _ = c.Process.Kill() }, c.Wait, out
	}
	start, kill, wait, _ := run()
	if err := start(); err != nil {
		t.Fatal(err)
	}
	poll(t, func() bool { _, err := os.Stat(filepath.Join(dir, "child")); return err == nil })
	guard := guardOf(t, dir)
	if err := syscall.Kill(guard, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	kill()
	if err := wait(); !killed(err) {
		t.Fatalf("the tool was not killed: %v", err)
	}
	start, _, wait, out := run()
	if err := start(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(300*time.Millisecond, func() { _ = syscall.Kill(guard, syscall.SIGCONT) }) // when it has long found the log
	if err := wait(); err != nil || !strings.HasPrefix(out.String(), "alone\n") {
		t.Errorf("the task met what was left of its last attempt: %v\n%s", err, out)
	}
}

// guardOf is the guard of the tool whose command line holds mark.
func guardOf(t *testing.T, mark string) int {
	t.Helper()
	for _, line := range marked(t, "ganger-guard") {
		var pid, parent int
		_, _ = fmt.Sscan(line, &pid) // "4711: ganger-guard"
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		_, _ = fmt.Sscan(string(stat[bytes.LastIndexByte(stat, ')')+3:]), &parent)
		command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", parent))
		if bytes.Contains(command, []byte(mark)) {
			return pid
		}
	}
	t.Fatal("there is no guard")
	return 0
}
