package layering

import (
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// allowed is the architecture of the library's module: a package may import,
// of ours, only what stands here. "" is the root: the words.
var allowed = map[string][]string{
	"":                   {},
	"inspect":            {""},
	"internal/frame":     {},
	"internal/late":      {},
	"internal/layering":  {},
	"internal/realtools": {},
	"internal/rescue":    {},
	"wall":               {"", "inspect"},
	"wall/goroutine":     {"", "inspect", "wall", "internal/late", "internal/rescue"},
	"wall/process":       {"", "inspect", "wall"},
	"wall/native":        {"", "inspect", "wall", "internal/frame", "internal/late", "internal/rescue"},
	"wall/lines":         {"", "inspect", "wall"},
	"wall/jsonl":         {"", "inspect", "wall"},
	"wall/call":          {"wall/process"},
	"wall/walltest":      {"", "inspect", "wall"},
	"life":               {"", "inspect", "wall"},
	"pool":               {"", "inspect", "wall", "life"},
	"worker":             {"", "inspect", "wall", "life", "internal/late", "internal/rescue"},
	"worker/behind":      {"wall", "wall/native", "worker"},
	"journal":            {},
	"examples/caption":   {"pool", "wall", "wall/call", "wall/native", "wall/process"},
	"examples/gofiles":   {"wall", "wall/native"},
	"examples/parsolve":  {"pool", "wall", "wall/goroutine", "wall/native", "wall/process"},
	"examples/repair":    {"", "pool", "wall", "wall/goroutine", "wall/native", "wall/process"},

	"examples/refutation": {
		"", "inspect", "life", "wall", "wall/native", "wall/process", "worker", "worker/behind", "examples/refutation/game",
		"examples/refutation/referee", "examples/refutation/strategy", "examples/refutation/vm",
	},
	"examples/refutation/game":     {},
	"examples/refutation/referee":  {"examples/refutation/game"},
	"examples/refutation/strategy": {"examples/refutation/game"},
	"examples/refutation/vm":       {"examples/refutation/game"},
}

// support lists the packages that exist for tests: they may import test
// libraries, and no production package may import them.
var support = []string{"wall/walltest", "internal/layering", "internal/realtools"}

// starters are the only packages that may start a process.
var starters = []string{"wall/process"}

// timers are the packages that may keep a clock, each with what for. Restarts
// are timed by life alone.
var timers = map[string]string{
	"wall":           "the grace of a cancel",
	"wall/goroutine": "the grace of a stop",
	"wall/process":   "the grace of a stop, memory samples",
	"wall/native":    "how long a request may hold the reading",
	"life":           "back-off, start time-out, age and idleness",
	"pool":           "the clocks of tasks",
	"worker":         "the grace, the limit and the idleness of a worker, and the delay that life's policy decided",
	"journal":        "how soon what was appended is synced",
	"cmd/ganger":     "the status line, the drain",

	"examples/refutation": "the time from block to block",
}

// recovers are the files that may call recover, each with whose code it guards.
// Anywhere else a panic is a bug.
var recovers = map[string]string{
	"internal/rescue/rescue.go": "the work, behind the goroutine wall and in a worker process, so that its panic can be told",
}

// composition are the files of the command that put walls and protocols
// together; the rest of it knows pools and lives of any wall.
var composition = []string{"cmd/ganger/main.go", "cmd/ganger/plan.go", "cmd/ganger/call.go", "cmd/ganger/exec.go", "cmd/ganger/limits.go", "cmd/ganger/warm.go"}

// modules are the directories of the other modules; they have rules of their own.
var modules = []string{"bench", "cmd/ganger", "tools"}

func TestImports(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range parsed(t) {
		if below(f.dir, modules...) || f.test {
			continue
		}
		seen[f.dir] = true
		may, known := allowed[f.dir]
		if !known {
			t.Errorf("%s: package %q is not in the table of allowed imports; add a row and say why in review", f.path, f.dir)
			continue
		}
		for _, i := range f.imports {
			if dir, ok := own(i); ok && !slices.Contains(may, dir) {
				t.Errorf("%s imports %q; %q may import only %q", f.path, i, f.dir, may)
			}
		}
	}
	for dir := range allowed {
		if !seen[dir] {
			t.Errorf("the table of allowed imports has package %q, which does not exist", dir)
		}
	}
}

// TestImportsOfTests: a test may also use what its package may, the test
// support, and for an integration what lies beside it, but never what is above.
func TestImportsOfTests(t *testing.T) {
	rank := []string{"", "inspect", "wall", "life", "worker", "pool"} // top last
	of := func(dir string) int { return slices.Index(rank, strings.SplitN(dir, "/", 2)[0]) }
	for _, f := range parsed(t) {
		if !f.test || below(f.dir, modules...) || of(f.dir) < 0 {
			continue
		}
		for _, i := range f.imports {
			if dir, ok := own(i); ok && of(dir) > of(f.dir) {
				t.Errorf("%s imports %q, which lies above it", f.path, i)
			}
		}
	}
}

// TestCommandImports: the command uses the library as a stranger would, and
// nothing of the library uses the command.
func TestCommandImports(t *testing.T) {
	for _, f := range parsed(t) {
		for _, i := range f.imports {
			dir, ok := own(i)
			switch {
			case !ok:
			case below(f.dir, "cmd/ganger"):
				if below(dir, "internal", "examples", "bench") || !f.test && slices.Contains(support, dir) {
					t.Errorf("%s imports %q, which is not public", f.path, i)
				}
				if strings.HasPrefix(dir, "wall/") && !f.test && !slices.Contains(composition, f.path) {
					t.Errorf("%s imports %q; walls are chosen in %q", f.path, i, composition)
				}
				if below(f.dir, "cmd/ganger/internal") && below(dir, "wall", "life", "pool") {
					t.Errorf("%s imports %q; the parts of the command know no pool", f.path, i)
				}
			case below(dir, modules...) && !below(f.dir, modules...):
				t.Errorf("%s imports %q: the library must not know the programs that use it", f.path, i)
			}
		}
	}
}

func TestNoTestLibraryInProduction(t *testing.T) {
	libraries := []string{
		"testing", "net/http/httptest", "github.com/google/go-cmp", "pgregory.net/rapid",
		"go.uber.org/goleak", "github.com/rogpeppe/go-internal", "github.com/stretchr/testify",
	}
	for _, f := range parsed(t) {
		if f.test || slices.Contains(support, f.dir) {
			continue
		}
		for _, i := range f.imports {
			if dir, ok := own(i); below(i, libraries...) || ok && slices.Contains(support, dir) {
				t.Errorf("%s imports %q, which is for tests", f.path, i)
			}
		}
	}
}

func TestOnlyTheProcessWallStartsProcesses(t *testing.T) {
	banned := []string{
		"os.StartProcess", "syscall.ForkExec", "syscall.StartProcess", "syscall.Exec",
		"golang.org/x/sys/unix.Exec", "golang.org/x/sys/windows.CreateProcess",
	}
	for _, f := range parsed(t) {
		if f.test || below(f.dir, starters...) || below(f.dir, support...) || below(f.dir, "bench", "tools") {
			continue
		}
		if slices.Contains(f.imports, "os/exec") {
			t.Errorf("%s imports os/exec; only %q may start processes", f.path, starters)
		}
		used := calls(f)
		for _, b := range banned {
			if used[b] {
				t.Errorf("%s uses %s; only %q may start processes", f.path, b, starters)
			}
		}
	}
}

func TestOnlyLifeTimesRestarts(t *testing.T) {
	clocks := []string{"time.After", "time.AfterFunc", "time.NewTimer", "time.NewTicker", "time.Tick", "time.Sleep"}
	for _, f := range parsed(t) {
		if f.test || below(f.dir, support...) || below(f.dir, "bench", "tools") {
			continue
		}
		dir := f.dir
		if below(dir, "cmd/ganger") {
			dir = "cmd/ganger"
		}
		if timers[dir] != "" {
			continue
		}
		used := calls(f)
		for _, c := range clocks {
			if used[c] {
				t.Errorf("%s uses %s, but package %q has no reason to keep a clock in the table", f.path, c, f.dir)
			}
		}
	}
}

func TestRecoverHasOneHome(t *testing.T) {
	for _, f := range parsed(t) {
		if !f.test && calls(f)["recover"] && recovers[f.path] == "" {
			t.Errorf("%s calls recover; call user code through one of %q", f.path, slices.Sorted(maps.Keys(recovers)))
		}
	}
}

func TestPackageNamesSaySomething(t *testing.T) {
	banned := []string{"util", "utils", "common", "helper", "helpers", "type", "types", "base", "model", "models", "pkg", "misc", "lib"}
	for _, f := range parsed(t) {
		for _, name := range []string{f.syntax.Name.Name, path.Base(f.dir)} {
			if slices.Contains(banned, strings.TrimSuffix(name, "_test")) {
				t.Errorf("%s: %q is no name for a package; name it by what it provides", f.path, name)
			}
		}
	}
}
