package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ganger-dev/ganger/cmd/ganger/internal/status"
)

// logged is what the tests want to know of a record.
type logged struct {
	Task     string
	Outcome  string
	Deaths   int
	Attempts int
}

// recorded returns the newest end of each task in a log, which may not be there.
func recorded(t *testing.T, path string) (all []logged) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	out, err := exec.CommandContext(t.Context(), "ganger", "log", "--json", path).Output()
	if err != nil {
		t.Fatalf("ganger log: %v", err)
	}
	for line := range bytes.Lines(out) {
		var r logged
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all = append(all, r)
	}
	return all
}

// counts returns how often each text is there.
func counts(texts []string) map[string]int {
	n := make(map[string]int)
	for _, s := range texts {
		n[s]++
	}
	return n
}

// linesOf returns the whole lines of a file, which may not be there.
func linesOf(path string) []string {
	b, _ := os.ReadFile(path)
	all := strings.Split(string(b), "\n")
	return all[:len(all)-1]
}

// runUntil runs the tool to its end, or until it is killed, at a random moment
// within later of when; nil is never. Just when a task has had its effect would
// always be the same moment.
func runUntil(t *testing.T, c *exec.Cmd, when func() bool, later time.Duration) {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() { // ends with the tool
		defer close(gone)
		_ = c.Wait()
	}()
	if when != nil {
		for wait := true; wait && !when(); {
			select {
			case <-gone:
				wait = false
			case <-time.After(time.Millisecond): // bounded poll of another process
			}
		}
		kill := time.AfterFunc(time.Duration(rand.Int64N(int64(later))), func() { _ = c.Process.Kill() })
		defer kill.Stop()
	}
	<-gone
}

// killed reports whether the tool was killed.
func killed(err error) bool {
	e, ok := errors.AsType[*exec.ExitError](err)
	return ok && e.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
}

// TestP11KilledCoordinatorResumes: the tool is killed at random points and resumed
// by the same line until the run is over: all tasks of the input have their
// outcome, each occurrence of a text its own, what had a record never runs again,
// what was printed had one, and the last status is that of the whole run.
func TestP11KilledCoordinatorResumes(t *testing.T) {
	const tasks, workers = 2000, 2
	dir := t.TempDir()
	log, effects := filepath.Join(dir, "run.log"), filepath.Join(dir, "effects")
	var input []string
	for i := range tasks {
		input = append(input, fmt.Sprintf("task %d", i%(tasks-100))) // some come twice
	}
	of := counts(input)
	var printed []string
	session := func(kill bool) bool {
		before := make(map[string]int) // recorded, by text
		for _, r := range recorded(t, log) {
			before[r.Task]++
		}
		ran := len(linesOf(effects))
		c := tool(t, strings.NewReader(strings.Join(input, "\n")+"\n"),
			"--proto", "lines", "-j", fmt.Sprint(workers), "--log", log, "--resume", "--", "effect-worker", effects)
		var out, stderr bytes.Buffer
		c.Stdout, c.Stderr = &out, &stderr
		var when func() bool
		if kill {
			enough := ran + rand.IntN(2*tasks/(resumes+1))
			when = func() bool { return len(linesOf(effects)) >= enough }
		}
		runUntil(t, c, when, 5*time.Millisecond)
		whole := strings.Split(out.String(), "\n")
		printed = append(printed, whole[:len(whole)-1]...)

		poll(t, func() bool { return len(marked(t, effects)) == 0 }) // its workers too
		for text, n := range counts(linesOf(effects)[ran:]) {
			if n > of[text]-before[text] {
				t.Errorf("%q ran %d times more, and %d of %d had a record", text, n, before[text], of[text])
			}
		}
		after := make(map[string]int)
		for _, r := range recorded(t, log) {
			after[r.Task]++
		}
		for text, n := range counts(printed) {
			if n > after[text] {
				t.Errorf("%q was printed %d times, and is recorded %d times", text, n, after[text])
			}
		}
		if c.ProcessState.ExitCode() == 0 {
			if !strings.Contains(stderr.String(), "done 2,000  lost 0") {
				t.Errorf("the summary is not that of the whole run:\n%s", &stderr)
			}
			return true
		}
		if !c.ProcessState.Sys().(syscall.WaitStatus).Signaled() {
			t.Fatalf("exit status %d:\n%s", c.ProcessState.ExitCode(), &stderr)
		}
		return false
	}
	died := 0
	for over := false; !over; {
		if over = session(died < resumes); !over {
			died++
		}
	}
	var texts []string
	for _, r := range recorded(t, log) {
		texts = append(texts, r.Task)
		if r.Outcome != "done" {
			t.Errorf("%q is %s", r.Task, r.Outcome)
		}
	}
	if !maps.Equal(counts(texts), of) {
		t.Errorf("the outcomes are not those of the input: %d of %d", len(texts), len(input))
	}
	again := len(linesOf(effects)) - tasks
	t.Logf("killed %d times; %d tasks ran twice, %d of %d outputs came", died, again, len(printed), tasks)
	// In flight: what the workers had, and what ended in the last moment.
	if again > died*workers*6 {
		t.Errorf("%d tasks ran twice after %d kills", again, died)
	}
}

// poll waits until ok holds, for the state of other processes.
func poll(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(hang); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within the patience of the test")
		}
	}
}

// TestP3DeathsSurviveTheCoordinator: a task that kills its workers, and whose
// coordinator is killed in between, ends poisoned after as many deaths in all;
// the others are unharmed.
func TestP3DeathsSurviveTheCoordinator(t *testing.T) {
	dir := t.TempDir()
	log, file := filepath.Join(dir, "run.log"), filepath.Join(dir, "runs")
	run := func() error {
		c := tool(t, strings.NewReader("a\ncrash-twice "+file+"\nb\n"),
			"--proto", "native", "-j", "1", "--max-deaths", "3", "--log", log, "--resume", "--quiet", "--", "native-worker")
		return c.Run()
	}
	if err := run(); !killed(err) {
		t.Fatalf("the coordinator was not killed in mid-run: %v", err)
	}
	if got := statusOf(t, run()); got != 1 {
		t.Errorf("exit status %d, want 1", got)
	}
	runs, _ := os.ReadFile(file)
	if len(runs) != 4 { // a death, the coordinator's end, and two deaths more
		t.Errorf("it ran %d times, want 4", len(runs))
	}
	want := []logged{
		{Task: "a", Outcome: "done", Attempts: 1},
		{Task: "b", Outcome: "done", Attempts: 1},
		{Task: "crash-twice " + file, Outcome: "poisoned", Attempts: 2, Deaths: 3},
	}
	got := recorded(t, log)
	slices.SortFunc(got, func(a, b logged) int { return strings.Compare(a.Task, b.Task) })
	if !slices.Equal(got, want) {
		t.Errorf("recorded %v, want %v", got, want)
	}
}

// TestP3KillerOfCoordinators: a task that kills its coordinator each time ends
// poisoned after the third time that it surely was it, and another that ran for
// long beside it is not blamed.
func TestP3KillerOfCoordinators(t *testing.T) {
	const script = `echo >>"$2/$1"
		case $1 in
		killer) until [ -e "$2/long" ]; do sleep 0.01; done; sleep 0.3; kill -9 $PPID; sleep 10 ;;
		long) sleep 0.6 ;;
		esac`
	dir := t.TempDir()
	log := filepath.Join(dir, "run.log")
	sessions := 0
	for {
		c := tool(t, strings.NewReader("long\nkiller\nshort\n"), "-j", "2", "--log", log, "--resume", "--quiet", "--", "sh", "-c", script, "sh", "{}", dir)
		sessions++
		err := c.Run()
		if killed(err) && sessions < 10 {
			continue
		}
		if got := statusOf(t, err); got != 1 {
			t.Errorf("exit status %d, want 1", got)
		}
		break
	}
	// The first time both had begun, and then each ran alone.
	for name, want := range map[string]int{"killer": 4, "long": 2} {
		if n := len(linesOf(filepath.Join(dir, name))); n != want {
			t.Errorf("%s ran %d times, want %d", name, n, want)
		}
	}
	got := make(map[string]string)
	for _, r := range recorded(t, log) {
		got[r.Task] = r.Outcome
	}
	if want := map[string]string{"long": "done", "short": "done", "killer": "poisoned"}; !maps.Equal(got, want) {
		t.Errorf("recorded %v, want %v", got, want)
	}
}

// TestP11DiskFullUnderTheLog: the run stops and says so, nothing is printed that
// has no record, and once there is room the same line goes on.
func TestP11DiskFullUnderTheLog(t *testing.T) {
	small := t.TempDir()
	mount := func(options string) error {
		return exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", options, "tmpfs", small).Run()
	}
	ways := map[string]func(t *testing.T) (log string, prefix string, room func()){
		"limit": func(t *testing.T) (string, string, func()) {
			return filepath.Join(t.TempDir(), "run.log"), "ulimit -f 4000; ", func() {}
		},
		"disk": func(t *testing.T) (string, string, func()) {
			if err := mount("size=2m"); err != nil {
				t.Skipf("no small disk can be made: %v", err)
			}
			t.Cleanup(func() { _ = syscall.Unmount(small, syscall.MNT_DETACH) })
			return filepath.Join(small, "run.log"), "", func() {
				if err := mount("remount,size=10m"); err != nil {
					t.Fatal(err)
				}
			}
		},
	}
	sizes := map[string]struct{ tasks, bytes int }{"lines": {2000, 1500}, "exec": {60, 50_000}}
	for name, way := range ways {
		for proto, size := range sizes {
			t.Run(name+"/"+proto, func(t *testing.T) {
				log, prefix, room := way(t)
				var input strings.Builder
				for i := range size.tasks {
					fmt.Fprintf(&input, "%0*d\n", size.bytes, i)
				}
				run := func(prefix string) (code int, out []string, stderr string) {
					c := tool(t, strings.NewReader(input.String()))
					sh := exec.CommandContext(t.Context(), "sh", "-c", prefix+`exec ganger run --proto "$2" -j 2 --log "$1" --resume -- cat`, "sh", log, proto)
					sh.Stdin, sh.Env = c.Stdin, c.Env
					var o, e bytes.Buffer
					sh.Stdout, sh.Stderr = &o, &e
					code = statusOf(t, sh.Run())
					all := strings.Split(o.String(), "\n")
					return code, all[:len(all)-1], e.String()
				}
				code, first, stderr := run(prefix)
				n := len(recorded(t, log))
				if n != len(first) || n == 0 || n == size.tasks {
					t.Errorf("%d outputs and %d records", len(first), n)
				}
				for _, want := range []string{
					"ganger: append to " + log + ": ", "no more tasks are taken",
					": cancelled (shutdown)", "its end, done, could not be written to the log", "\ndone " + status.Number(n) + "  cancelled ",
				} {
					if code != 1 || !strings.Contains(stderr, want) {
						t.Errorf("exit status %d, and no %q:\n%.3000s", code, want, stderr)
					}
				}
				room()
				code, second, stderr := run("")
				if code != 0 || !strings.Contains(stderr, "done "+status.Number(size.tasks)+"  lost 0") {
					t.Errorf("with room: exit status %d:\n%.1000s", code, stderr)
				}
				if all := counts(slices.Concat(first, second)); len(all) != size.tasks || len(first)+len(second) != size.tasks {
					t.Errorf("%d outputs of %d tasks, want each of %d once", len(first)+len(second), len(all), size.tasks)
				}
			})
		}
	}
}
