package call_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/call"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
	"github.com/ganger-dev/ganger/wall/walltest"
)

func TestMain(m *testing.M) {
	process.Main()
	os.Exit(m.Run())
}

// interpreters are the programs of each language, themselves and not a script in
// front of them; "" where there is none.
var interpreters = map[string]func() string{
	".py": sync.OnceValue(func() string { return said("python3", "-c", "import sys; print(sys.executable)") }),
	"js":  sync.OnceValue(func() string { return said("node", "-p", "process.execPath") }),
}

func said(name string, args ...string) string {
	out, _ := exec.Command(name, args...).Output() // whatever is wrong with it, it cannot be used
	return strings.TrimSpace(string(out))
}

// interpreter returns the program for files with this extension, or skips the test.
func interpreter(t *testing.T, ext string) string {
	t.Helper()
	language, pkg := ".py", "python3"
	if ext != ".py" {
		language, pkg = "js", "nodejs"
	}
	program := interpreters[language]()
	if program == "" {
		t.Skipf("nothing here runs %s; it is in the Debian package %s", ext, pkg)
	}
	return program
}

// command returns the wall of FILE:FUNCTION, with a file of this package's
// testdata.
func command(t *testing.T, target string, c process.Channel) process.Command {
	t.Helper()
	f, err := call.Parse("testdata/" + target)
	if err != nil {
		t.Fatal(err)
	}
	f.Interpreter = interpreter(t, f.File[strings.LastIndexByte(f.File, '.'):])
	cmd, err := f.Command()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Channel = c
	if c == process.Pair {
		cmd.Env = append(cmd.Env, "CALL_PAIR=1")
	}
	return cmd
}

var dialect = native.Dialect[json.RawMessage, json.RawMessage]{
	Request: native.JSON[json.RawMessage](), Response: native.JSON[json.RawMessage](), Limit: 1 << 20,
}

// worker is a life that performs by a function, and what it printed.
type worker struct {
	wall.Instance[json.RawMessage, json.RawMessage]
	t *testing.T

	mu    sync.Mutex // guards lines
	lines []string   // of both its outputs
	news  chan struct{}
}

// begun opens a life of FILE:FUNCTION.
func begun(t *testing.T, target string, slots int, c process.Channel) *worker {
	t.Helper()
	w, err := tried(t, command(t, target, c), slots)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func tried(t *testing.T, cmd process.Command, slots int) (*worker, error) {
	t.Helper()
	w := &worker{t: t, news: make(chan struct{}, 1)} // one is enough to look again
	d := dialect
	d.Slots = slots
	ctx, cancel := context.WithTimeout(t.Context(), walltest.Patience)
	defer cancel()
	i, err := wall.Speak(cmd, d).Open(ctx, wall.Start{Name: "w", Incarnation: 1, Grace: grace, Line: w.line})
	if err != nil {
		return w, err
	}
	w.Instance = i
	t.Cleanup(func() {
		i.Kill(ganger.LeavingStopped)
		<-i.Gone()
	})
	return w, nil
}

// grace is long enough for a machine that is busy with other things.
const grace = 5 * time.Second

func (w *worker) line(_ bool, line []byte) {
	w.mu.Lock()
	w.lines = append(w.lines, string(line))
	w.mu.Unlock()
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// printed waits until the worker has printed a line with this text.
func (w *worker) printed(text string) {
	w.t.Helper()
	late := time.After(walltest.Patience)
	for {
		w.mu.Lock()
		lines := slices.Clone(w.lines)
		w.mu.Unlock()
		if slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, text) }) {
			return
		}
		select {
		case <-w.news:
		case <-late:
			w.t.Fatalf("the worker has printed %q, want %q", lines, text)
		}
	}
}

// do performs one task; value is JSON.
func (w *worker) do(value string) (string, error) {
	w.t.Helper()
	r, err := walltest.Do(w.t, w.Instance, json.RawMessage(value))
	return string(r), err
}

// gives checks what a task comes to.
func (w *worker) gives(value, want string) {
	w.t.Helper()
	if got, err := w.do(value); got != want || err != nil {
		w.t.Errorf("%.60s gives %.200s, %v; want %.200s", value, got, err, want)
	}
}

// fails checks that a task fails, and returns what is told of it.
func (w *worker) fails(value string, cause ganger.Cause) *native.Failure {
	w.t.Helper()
	_, err := w.do(value)
	walltest.EndedAs(w.t, err, ganger.Failed, cause)
	f, ok := errors.AsType[*native.Failure](err)
	if !ok {
		w.t.Fatalf("%s: %v, want the worker's own words", value, err)
	}
	return f
}

// on runs f for a function of each language, by its name and extension.
func on(t *testing.T, f func(t *testing.T, ext string)) {
	for _, ext := range []string{".py", ".mjs"} {
		t.Run(ext[1:], func(t *testing.T) { f(t, ext) })
	}
}
