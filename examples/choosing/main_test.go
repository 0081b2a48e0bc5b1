//go:build linux

// Package choosing holds the code of docs/choosing.md, so that it compiles and runs.
package choosing_test

import (
	"os"
	"strings"
	"testing"

	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
)

// TestMain makes the test binary the worker of its own examples, too.
func TestMain(m *testing.M) {
	process.Main()
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // for the workers: they inherit it
	if os.Getenv(native.Variable) != "" {
		work := serve
		if len(os.Args) > 1 {
			work = serveBank
		}
		if err := work(); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// self is the path of this program.
func self() string {
	path, err := os.Executable()
	if err != nil {
		panic(err) // the tests cannot run either
	}
	return path
}

// TestFragments: what docs/choosing.md shows is, line by line, what runs here.
func TestFragments(t *testing.T) {
	page, err := os.ReadFile("../../docs/choosing.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, name := range []string{"pool_test.go", "worker_test.go"} {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(source)) {
			known[bare(line)] = true
		}
	}
	shown := 0
	inside := false
	for line := range strings.Lines(string(page)) {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = strings.HasPrefix(line, "```go")
		case inside:
			shown++
			if !known[bare(line)] {
				t.Errorf("no example has the line %q", bare(line))
			}
		}
	}
	if shown < 20 {
		t.Errorf("the page shows %d lines of Go; want its recipes", shown)
	}
}

// bare is a line of code without its indentation and what is said about it.
func bare(line string) string {
	code, _, _ := strings.Cut(line, "//")
	return strings.Join(strings.Fields(code), " ")
}
