package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tool returns the command "ganger run" with args; TestMain has put it into PATH.
func tool(t *testing.T, stdin io.Reader, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, "ganger", append([]string{"run"}, args...)...)
	c.Stdin = stdin
	c.Dir = t.TempDir()
	c.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	return c
}

// statusOf is the exit status of a command that ran.
func statusOf(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	e, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		t.Fatalf("the tool did not run: %v", err)
	}
	return e.ExitCode()
}

// TestT56BatchWithoutSuccess: any task without success makes the exit status 1,
// and each is listed with its reason; with success everywhere it is 0.
func TestT56BatchWithoutSuccess(t *testing.T) {
	const script = `case "$1" in
		fine) exit 0 ;;
		fails) echo sorry >&2; exit 3 ;;
		crashes) kill -ABRT $$ ;;
		hangs) exec sleep 1000 ;;
		esac`
	tests := []struct {
		task   string
		status int
		listed string // in the list of those without success
		reason string // in the summary
	}{
		{"fine", 0, "", "done 2  lost 0"},
		{"fails", 1, "fails: failed (exit 3)", "failed 1 (exit 3: 1)"},
		{"crashes", 1, "crashes: crashed (SIGABRT)", "crashed 1 (SIGABRT 1)"},
		{"hangs", 1, "hangs: timed-out", "timed-out 1"},
		{"nul\x00", 1, "rejected (input): line 2", "rejected 1 (input 1)"},
	}
	for _, tt := range tests {
		t.Run(tt.task, func(t *testing.T) {
			c := tool(t, strings.NewReader("fine\n"+tt.task+"\n"), "--timeout", "1s", "--", "sh", "-c", script, "sh", "{}")
			var stderr bytes.Buffer
			c.Stderr = &stderr
			if got := statusOf(t, c.Run()); got != tt.status {
				t.Errorf("exit status %d, want %d", got, tt.status)
			}
			for _, want := range []string{tt.listed, tt.reason, "lost 0"} {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("standard error does not hold %q:\n%s", want, &stderr)
				}
			}
		})
	}
}

// marked returns the processes whose command line holds mark.
func marked(t *testing.T, mark string) []string {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, name := range lines {
		text, err := os.ReadFile(name)
		if err == nil && bytes.Contains(text, []byte(mark)) { // an error: it has ended by now
			found = append(found, filepath.Base(filepath.Dir(name))+": "+string(bytes.ReplaceAll(text, []byte{0}, []byte(" "))))
		}
	}
	return found
}

// TestP10KillOfTheToolLeavesNothing: after a kill of the tool at any moment no
// worker is left, and no descendant: those in its group, those in a session of
// their own, those that ignore TERM.
func TestP10KillOfTheToolLeavesNothing(t *testing.T) {
	const family = `trap '' TERM INT HUP
		setsid sh -c 'trap "" TERM HUP; while :; do sleep 1000; done' "$1" &
		sh -c 'while :; do sleep 1000; done' "$1" &
		while read -r line; do echo "$line"; done
		sleep 1000`
	for i := range kills {
		mark := fmt.Sprintf("kill-%d-%d", os.Getpid(), i)
		var c *exec.Cmd
		if i%2 == 0 {
			c = tool(t, strings.NewReader(strings.Repeat("task\n", 100)), "-j", "3", "--", "sh", "-c", family, "sh", mark+"-{#}")
		} else {
			r, w, err := os.Pipe() // an input without end: warm workers that wait
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = r.Close(); _ = w.Close() }()
			_, _ = w.WriteString("a\nb\n")
			c = tool(t, r, "-j", "3", "--proto", "lines", "--", "sh", "-c", family, "sh", mark)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		// At any moment: sometimes before the first worker, mostly in the middle.
		after := time.Duration(rand.Int64N(int64(300 * time.Millisecond)))
		time.AfterFunc(after, func() { _ = c.Process.Kill() })
		_ = c.Wait()
		died := time.Now()
		for left := marked(t, mark); len(left) > 0; left = marked(t, mark) {
			if time.Since(died) > 20*time.Second {
				t.Fatalf("killed after %v: still there:\n%s", after, strings.Join(left, "\n"))
			}
			time.Sleep(10 * time.Millisecond) // bounded poll of other processes
		}
		if testing.Verbose() {
			t.Logf("killed after %v: all gone %v later", after, time.Since(died))
		}
	}
}

// repeated reads as n lines of a hundred bytes that begin with a number.
type repeated struct {
	n, at int
	rest  []byte
}

func (r *repeated) Read(b []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.at == r.n {
			return 0, io.EOF
		}
		r.rest = fmt.Appendf(r.rest[:0], "%d%099d\n", r.at%10, r.at)
		r.at++
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// TestP12MemoryIsFlat: the memory of a run does not depend on the length of its
// input, nor on what piles up behind a slow task.
func TestP12MemoryIsFlat(t *testing.T) {
	peak := func(t *testing.T, tasks int, args ...string) int64 {
		t.Helper()
		c := tool(t, &repeated{n: tasks}, args...)
		var out counter
		c.Stdout = &out
		if got := statusOf(t, c.Run()); got != 0 {
			t.Fatalf("exit status %d", got)
		}
		if out.lines != tasks {
			t.Fatalf("%d lines of output, want %d", out.lines, tasks)
		}
		return c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	}
	short := peak(t, 10_000, "--proto", "lines", "-j", "2", "--", "cat")
	long := peak(t, tasksOfP12, "--proto", "lines", "-j", "2", "--", "cat")
	// The first answer comes late, and the others are six kilobytes each: far
	// more of them are there by then than may be in memory.
	piled := peak(t, 20_000, "--proto", "lines", "-j", "2", "--", "lines-worker")
	t.Logf("peak memory: %d MiB, with the long input %d MiB, behind a slow task %d MiB", short>>20, long>>20, piled>>20)
	if !raced && long > 64<<20 {
		t.Errorf("%d tasks take %d MiB, want 64 at most", tasksOfP12, long>>20)
	}
	if long > 2*short {
		t.Errorf("a long input takes %d MiB, a short one %d", long>>20, short>>20)
	}
	if piled > 4*short {
		t.Errorf("behind a slow task it takes %d MiB, else %d", piled>>20, short>>20)
	}
}

// TestP12AnyNumberWaitsBehindATaskThatHangs: the first task ends after all others
// have; these go on meanwhile, the memory of the run stays flat, and nothing is
// left in the temporary directory.
func TestP12AnyNumberWaitsBehindATaskThatHangs(t *testing.T) {
	for _, json := range []bool{false, true} {
		t.Run(map[bool]string{false: "outputs", true: "records"}[json], func(t *testing.T) {
			last := strconv.Itoa(tasksBehind)
			args := []string{"--proto", "lines", "-j", "2", "--", "gate-worker", last}
			if json {
				args = append([]string{"--json"}, args...)
			}
			c := tool(t, &numbers{last: tasksBehind}, args...)
			tmp := t.TempDir()
			c.Env = append(c.Env, "TMPDIR="+tmp)
			var out ordered
			var stderr bytes.Buffer
			c.Stdout, c.Stderr = &out, &stderr
			if got := statusOf(t, c.Run()); got != 0 {
				t.Fatalf("exit status %d\n%s", got, &stderr)
			}
			if out.next != tasksBehind+1 || out.wrong != "" {
				t.Errorf("%d outputs, want %d in order; first wrong: %.100s", out.next, tasksBehind+1, out.wrong)
			}
			if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
				t.Errorf("the temporary directory holds %v, %v", left, err)
			}
			peak := c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
			t.Logf("%d tasks wait for one: peak memory %d MiB", tasksBehind, peak>>20)
			// The outputs are six kilobytes each.
			most := int64(64 << 20)
			if raced {
				most = 160 << 20
			}
			if peak > most {
				t.Errorf("peak memory %d MiB, want %d at most", peak>>20, most>>20)
			}
		})
	}
}

// numbers reads as the numbers from 0 to last, one a line.
type numbers struct {
	last, at int
	rest     []byte
}

func (r *numbers) Read(b []byte) (int, error) {
	for len(r.rest) < len(b) && r.at <= r.last {
		r.rest = append(strconv.AppendInt(r.rest, int64(r.at), 10), '\n')
		r.at++
		break
	}
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// ordered looks whether lines are 0, 1, 2 ... with [gateTail], or records of that.
type ordered struct {
	next  int
	line  []byte
	wrong string
}

func (o *ordered) Write(b []byte) (int, error) {
	for line := range bytes.Lines(b) {
		o.line = append(o.line, line...)
		if !bytes.HasSuffix(line, []byte("\n")) {
			continue
		}
		text, record := strconv.Itoa(o.next), fmt.Sprintf(`{"task":"%d","index":%d,"outcome":"done","cause":"","output":"%d`, o.next, o.next+1, o.next)
		rest, ok := bytes.CutPrefix(o.line, []byte(record))
		if !ok {
			rest, ok = bytes.CutPrefix(o.line, []byte(text))
		}
		if o.wrong == "" && (!ok || !bytes.HasPrefix(rest, []byte(gateTail[:6000]))) {
			o.wrong = string(o.line)
		}
		o.next++
		o.line = o.line[:0]
	}
	return len(b), nil
}

// counter counts lines.
type counter struct{ lines int }

func (c *counter) Write(b []byte) (int, error) {
	c.lines += bytes.Count(b, []byte("\n"))
	return len(b), nil
}
