package call_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/call"
	"github.com/ganger-dev/ganger/wall/process"
	"github.com/ganger-dev/ganger/wall/walltest"
)

// TestBadStarts: a file that is no good is told in the interpreter's own words,
// with the file and the function, and without ours.
func TestBadStarts(t *testing.T) {
	for _, c := range []struct {
		target string
		exit   int
		words  []string
	}{
		{"bad/other.py:f", call.ExitUnusable, []string{"no function 'f'", "it has h"}},
		{"bad/other.mjs:f", call.ExitUnusable, []string{"no function 'f'", "it exports h"}},
		{"bad/other.py:g", call.ExitUnusable, []string{"g in ", "is no function, it is dict"}},
		{"bad/other.mjs:g", call.ExitUnusable, []string{"g in ", "is no function, it is object"}},
		{"bad/syntax.py:f", call.ExitUnusable, []string{"line 2", "return value +", "SyntaxError: invalid syntax"}},
		{"bad/syntax.mjs:f", call.ExitUnusable, []string{"syntax.mjs:2", "return value +;", "SyntaxError: Unexpected token ';'"}},
		{"bad/syntax.js:f", call.ExitUnusable, []string{"syntax.js:2", "return value +;", "SyntaxError: Unexpected token ';'"}},
		{"bad/raises.py:f", 1, []string{"in deeper", "FileNotFoundError", "/nowhere/model.bin"}},
		{"bad/raises.mjs:f", 1, []string{"at deeper", "ENOENT", "/nowhere/model.bin"}},
		{"bad/imports.py:f", 1, []string{"line 1", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"}},
		{"bad/imports.mjs:f", 1, []string{"no-such-module-anywhere", "ERR_MODULE_NOT_FOUND"}},
	} {
		t.Run(c.target, func(t *testing.T) {
			_, err := tried(t, command(t, c.target, process.Private), 1)
			e, ok := errors.AsType[*wall.StartError](err)
			if !ok || e.Exit == nil {
				t.Fatalf("%v, want a StartError with an exit", err)
			}
			if e.Exit.Reason != ganger.LeavingExit(c.exit) {
				t.Errorf("it left with %+v, want exit %d", e.Exit, c.exit)
			}
			file, name, _ := strings.Cut(c.target, ":")
			for _, want := range append(c.words, filepath.Base(file)+":"+name) {
				if !strings.Contains(e.Exit.Stderr, want) {
					t.Errorf("its last words have no %q:\n%s", want, e.Exit.Stderr)
				}
			}
			for _, not := range []string{"<ganger>", "ganger-shim", "importlib", "runpy"} {
				if strings.Contains(e.Exit.Stderr, not) {
					t.Errorf("its last words have %q:\n%s", not, e.Exit.Stderr)
				}
			}
			if text := err.Error(); !strings.Contains(text, filepath.Base(file)+":"+name) || strings.Count(text, "\n") > 20 {
				t.Errorf("this is not readable: %s", text)
			}
		})
	}
}

// TestSetupAndTeardown stand around all tasks: the start lasts until the setup
// has ended, and a bye waits for what is in hand and for the teardown.
func TestSetupAndTeardown(t *testing.T) {
	for _, file := range []string{"life.py", "life.cjs"} {
		t.Run(file, func(t *testing.T) {
			w := &worker{t: t, news: make(chan struct{}, 1)}
			k := keeper{command(t, file+":work", process.Private), new(kept)}
			i, err := wall.Speak(k, dialect).Open(t.Context(), wall.Start{Name: "w", Incarnation: 1, Grace: grace, Line: w.line})
			if err != nil {
				t.Fatal(err)
			}
			w.Instance = i
			w.printed("setup")
			w.gives(`"a"`, `"a"`)
			c := walltest.Begin(w.Instance, []byte(`"long"`), nil)
			w.printed("work long")
			ctx, cancel := context.WithTimeout(t.Context(), walltest.Patience)
			defer cancel()
			w.Stop(ctx, ganger.LeavingStopped)
			if r, err := c.Wait(t); string(r) != `"long"` || err != nil {
				t.Errorf("what was in hand at the bye: %s, %v; %#v", r, err, w.Exit())
			}
			if x := w.Exit(); x.Reason != ganger.LeavingStopped || x.Code != 0 || x.Signal != "" {
				t.Errorf("it left with %+v, want it to obey the bye", x)
			}
			if want := []string{"loading", "setup", "work a", "work long", "teardown"}; !slices.Equal(w.lines, want) {
				t.Errorf("it did %q, want %q", w.lines, want)
			}
		})
	}
}

func TestSetupAndTeardownThatFail(t *testing.T) {
	for _, file := range []string{"life.py", "life.cjs"} {
		for at, words := range map[string]string{"fail": "no model here", "exit": ""} {
			cmd := command(t, file+":work", process.Private)
			cmd.Env = append(cmd.Env, "CALL_AT="+at)
			_, err := tried(t, cmd, 1)
			if e, ok := errors.AsType[*wall.StartError](err); !ok || e.Exit.Reason != ganger.LeavingExit(1) || !strings.Contains(e.Exit.Stderr, words) {
				t.Errorf("%s: a setup with %q: %v", file, at, err)
			}
		}
		cmd := command(t, file+":work", process.Private)
		cmd.Env = append(cmd.Env, "CALL_AT=no end")
		w, err := tried(t, cmd, 1)
		if err != nil {
			t.Fatal(err)
		}
		w.Stop(t.Context(), ganger.LeavingStopped)
		if x := w.Exit(); x.Code != 1 || !strings.Contains(x.Stderr, "cannot be torn down") {
			t.Errorf("%s: a teardown that fails: %#v", file, x)
		}
	}
}

// TestExportsOfCommonJS: the exported function itself is the default, and what
// it carries is found by name.
func TestExportsOfCommonJS(t *testing.T) {
	begun(t, "exports.js:default", 1, process.Private).gives(`7`, `14`)
	begun(t, "exports.js:thrice", 1, process.Private).gives(`7`, `21`)
}

// TestT20TheFunctionEndsItsWorker: the task is told what happened.
func TestT20TheFunctionEndsItsWorker(t *testing.T) {
	on(t, func(t *testing.T, ext string) {
		for value, cause := range map[string]ganger.Cause{`"at once"`: "exit 3", `4`: "exit 4", `0`: "exit 0"} {
			w := begun(t, "cases"+ext+":exits", 1, process.Private)
			_, err := w.do(value)
			walltest.EndedAs(t, err, ganger.Crashed, cause)
		}
		w := begun(t, "cases"+ext+":background", 1, process.Private)
		_, err := w.do(`1`)
		walltest.EndedAs(t, err, ganger.Crashed, "exit 1")
		if e, _ := errors.AsType[*ganger.Error](err); ext == ".mjs" && !strings.Contains(e.Exit.Stderr, "nobody caught this") {
			t.Errorf("its last words are %q", e.Exit.Stderr)
		}
	})
}

// TestTheEndOfTheChannel ends a worker that nobody said bye to: the coordinator
// is gone, and nobody wants its answer.
func TestTheEndOfTheChannel(t *testing.T) {
	for _, name := range []string{"cases.py:sleeps", "cases.py:asleeps", "cases.mjs:sleeps"} {
		for _, busy := range []bool{false, true} {
			var s kept
			cmd := command(t, name, process.Private)
			i, err := wall.Speak(keeper{cmd, &s}, dialect).Open(t.Context(), wall.Start{Name: "w", Incarnation: 1})
			if err != nil {
				t.Fatal(err)
			}
			w := &worker{Instance: i, t: t}
			if busy {
				w.start(`1`)
			}
			if err := s.Stream.Close(); err != nil {
				t.Fatal(err)
			}
			walltest.Await(t, w.Gone(), "the worker to end")
			if x := w.Exit(); x.Reason != ganger.LeavingExit(0) {
				t.Errorf("%s, busy %v: it left with %+v", name, busy, x)
			}
		}
	}
}

// keeper is a wall that keeps the stream that it opened.
type keeper struct {
	process.Command
	s *kept
}

func (k keeper) Open(ctx context.Context, st wall.Start) (wall.Stream, error) {
	s, err := k.Command.Open(ctx, st)
	k.s.Stream, k.s.closed = s, make(chan struct{})
	return k.s, err
}

// kept is a stream that is stopped when its bye has been written.
type kept struct {
	wall.Stream
	once   sync.Once
	closed chan struct{}
}

func (k *kept) Close() error {
	err := k.Stream.Close()
	k.once.Do(func() { close(k.closed) })
	return err
}

func (k *kept) Stop(ctx context.Context, why ganger.Leaving) {
	<-k.closed
	k.Stream.Stop(ctx, why)
}

// TestWhatIsMissing is said before anything is started.
func TestWhatIsMissing(t *testing.T) {
	t.Chdir("testdata")
	for _, c := range []struct {
		f     call.Function
		words string
	}{
		{call.Function{File: "nowhere.py", Name: "f"}, "nowhere.py"},
		{call.Function{File: "bad", Name: "f"}, "must end in .py"},
		{call.Function{File: "photo.jpg", Name: "f"}, "must end in .py"},
		{call.Function{File: "cases.py"}, "no name of a function"},
		{call.Function{File: "cases.py", Name: "f", Interpreter: "python9"}, "python9"},
		{call.Function{File: "cases.mjs", Name: "f", Interpreter: "node9"}, "node9"},
	} {
		if _, err := c.f.Command(); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%v: %v, want %q", c.f, err, c.words)
		}
	}
	dir := filepath.Join(t.TempDir(), "dir.py")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := (call.Function{File: dir, Name: "f"}).Command(); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a directory: %v", err)
	}
	t.Setenv("PATH", "")
	for file, advice := range map[string]string{"cases.py": "python3", "cases.mjs": "nodejs"} {
		if _, err := (call.Function{File: file, Name: "f"}).Command(); err == nil || !strings.Contains(err.Error(), "package "+advice) {
			t.Errorf("without an interpreter: %v, want advice", err)
		}
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]call.Function{
		"caption.py:caption": {File: "caption.py", Name: "caption"},
		"a:b/c.mjs:f":        {File: "a:b/c.mjs", Name: "f"},
	} {
		got, err := call.Parse(text)
		if got != want || err != nil || got.String() != text {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", ":", "caption.py", "caption.py:", ":caption"} {
		if got, err := call.Parse(text); err == nil || !strings.Contains(err.Error(), "FILE:FUNCTION") {
			t.Errorf("%q: %+v, %v; want advice", text, got, err)
		}
	}
}
