package worker_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestW09IllegalDoesNotCompile compiles testdata/compile: operations that a kind
// of mailbox has not.
func TestW09IllegalDoesNotCompile(t *testing.T) { refusals(t, "mailbox.go") }

// TestW10TypesFollowTheRequest: what a call returns, what a handler takes and what
// a worker understands are fixed by the request and its protocol.
func TestW10TypesFollowTheRequest(t *testing.T) { refusals(t, "types.go") }

// wanted is the comment on a line that must not compile.
var wanted = regexp.MustCompile(`// want "(.*)"$`)

// refusals compiles testdata/compile and compares what is refused in file with
// its want comments, line by line.
func refusals(t *testing.T, file string) {
	t.Helper()
	dir := filepath.Join("testdata", "compile")
	out, err := exec.Command("go", "build", "-gcflags=-e", "./"+filepath.ToSlash(dir)).CombinedOutput()
	if err == nil {
		t.Fatal("it compiles")
	}
	said := map[int]string{} // by line
	for line := range strings.Lines(string(out)) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		at, message, _ := strings.Cut(rest, ":")
		n, err := strconv.Atoi(at)
		if err != nil || filepath.Dir(name) != dir {
			if !strings.HasPrefix(line, "\t") && !strings.HasPrefix(line, "#") {
				t.Errorf("the compiler says %q", line)
			}
			continue
		}
		if filepath.Base(name) == "game.go" {
			t.Errorf("what must compile does not: %s", line)
		}
		if filepath.Base(name) == file {
			said[n] += message
		}
	}
	f, err := os.Open(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	wants := 0
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		m := wanted.FindStringSubmatch(lines.Text())
		switch {
		case m == nil && said[n] != "":
			t.Errorf("%s:%d must compile: %s", file, n, said[n])
		case m == nil:
		case !regexp.MustCompile(m[1]).MatchString(said[n]):
			t.Errorf("%s:%d: the compiler says %q, want %q", file, n, said[n], m[1])
		default:
			wants++
		}
	}
	if wants < 10 {
		t.Errorf("%d refusals matched in %s, want more", wants, file)
	}
}
