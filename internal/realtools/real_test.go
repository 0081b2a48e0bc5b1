//go:build real

package realtools

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ganger is the path of the command, built once for all tests.
var ganger string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "ganger-real-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ganger = filepath.Join(dir, "ganger")
	out, err := exec.Command("go", "build", "-o", ganger, "github.com/ganger-dev/ganger/cmd/ganger").CombinedOutput()
	status := 1
	if err != nil {
		fmt.Fprintf(os.Stderr, "build the command: %v\n%s", err, out)
	} else {
		status = m.Run()
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(status)
}

// result is what a command left.
type result struct {
	stdout, stderr string
	status         int
}

// perform runs a command with some standard input to its end, whatever its status.
func perform(t *testing.T, input, name string, args ...string) result {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v; make test-real installs it", err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin = strings.NewReader(input)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatalf("%s: %v", name, err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// awkward are tasks that a shell, or a careless splitter, would spoil.
var awkward = []string{
	"plain", "two words", " blanks around ", "quote'quote", `double"double`, `back\slash`, "$HOME `id` $(id)",
	"semi;colon & | < >", "*", "-n", "--help", "ünïcödé", "tab\there", "{}", "%s",
}

func TestRealSameAsXargs(t *testing.T) {
	input := strings.Join(awkward, "\x00") + "\x00"
	want := perform(t, input, "xargs", "-0", "-n1", "printf", "[%s]\\n")
	got := perform(t, input, ganger, "run", "-0", "-j", "2", "--quiet", "--", "printf", "[%s]\\n", "{}")
	if diff := cmp.Diff(want.stdout, got.stdout); diff != "" || got.status != 0 {
		t.Errorf("status %d, output differs from that of xargs (-want +got):\n%s%s", got.status, diff, got.stderr)
	}
}

func TestRealSameAsParallel(t *testing.T) {
	input := strings.Join(awkward, "\n") + "\n"
	for _, args := range [][]string{
		{"printf", "<%s>\\n", "{}"},
		{"printf", "%s %s %s %s\\n", "{#}", "{.}", "{/}", "{//}"},
	} {
		t.Run(strings.Join(args[2:], " "), func(t *testing.T) {
			// parallel hands everything to a shell and so must quote the format.
			theirs := slices.Clone(args)
			theirs[1] = "'" + args[1] + "'"
			input := input + "dir/sub/name.tar.gz\n/abs/file.txt\nnoext\n"
			want := perform(t, input, "parallel", append([]string{"--will-cite", "-k", "-j2"}, theirs...)...)
			got := perform(t, input, ganger, append([]string{"run", "-j", "2", "--quiet", "--"}, args...)...)
			if diff := cmp.Diff(want.stdout, got.stdout); diff != "" || got.status != 0 {
				t.Errorf("status %d, output differs from that of parallel (-want +got):\n%s%s", got.status, diff, got.stderr)
			}
		})
	}
}

func TestRealStatusOfFailures(t *testing.T) {
	got := perform(t, "true\nfalse\ntrue\n", ganger, "run", "--quiet", "--", "{}")
	want := perform(t, "true\nfalse\ntrue\n", "xargs", "-n1", "sh", "-c", "$0")
	if got.status != 1 || want.status == 0 {
		t.Errorf("one of three fails: status %d, want 1 (xargs has %d)\n%s", got.status, want.status, got.stderr)
	}
}

func TestRealWarmLines(t *testing.T) {
	var input, want strings.Builder
	for i := range 500 {
		fmt.Fprintf(&input, "%d^2\n", i)
		fmt.Fprintf(&want, "%d\n", i*i)
	}
	for _, tt := range []struct {
		name, input, want string
		command           []string
	}{
		{"bc", input.String(), want.String(), []string{"bc", "-q"}},
		{"sed", "a\nb\n\nc d\n", "<a>\n<b>\n<>\n<c d>\n", []string{"sed", "-u", "s/.*/<&>/"}},
		{"python", "abc\nde\n", "cba\ned\n", []string{"python3", "-uc", "import sys\nfor l in sys.stdin: print(l.rstrip('\\n')[::-1])"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := perform(t, tt.input, ganger, append([]string{"run", "--proto", "lines", "-j", "2", "--quiet", "--"}, tt.command...)...)
			if diff := cmp.Diff(tt.want, got.stdout); diff != "" || got.status != 0 {
				t.Errorf("status %d (-want +got):\n%s%s", got.status, diff, got.stderr)
			}
		})
	}
}

func TestRealWarmJSONLines(t *testing.T) {
	filter := `{id: .id} + (if .request.n < 0 then {error: {message: "negative"}} else {response: (.request.n | sqrt | floor)} end)`
	got := perform(t, "{\"n\":16}\n{\"n\":-1}\n{\"n\":10}\n", ganger, "run", "--ndjson", "--proto", "jsonl", "-j", "2", "--", "jq", "--unbuffered", "-c", filter)
	if got.stdout != "4\n3\n" || got.status != 1 || !strings.Contains(got.stderr, "negative") {
		t.Errorf("status %d, output %q, want 1 and %q, and the error's words in:\n%s", got.status, got.stdout, "4\n3\n", got.stderr)
	}
}

// record is what is read here of a line of --json.
type record struct {
	Task, Outcome, Cause string
	Attempts, Deaths     int
	Output               json.RawMessage
}

func TestRealNativePython(t *testing.T) {
	got := perform(t, "one\nprint\nfail\ndie\ntwo\n", ganger, "run", "--proto", "native", "-j", "1", "--json", "--quiet", "--", "python3", "testdata/native.py")
	want := []record{
		{Task: "one", Outcome: "done", Attempts: 1},
		{Task: "print", Outcome: "done", Attempts: 1},
		{Task: "fail", Outcome: "failed", Attempts: 1},
		{Task: "die", Outcome: "poisoned", Cause: "signal 6", Attempts: 2, Deaths: 2},
		{Task: "two", Outcome: "done", Attempts: 1},
	}
	var all []record
	for line := range strings.Lines(got.stdout) {
		var r record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		if r.Outcome == "done" && !bytes.Contains(r.Output, []byte(`"got"`)) {
			t.Errorf("output of %q is %s", r.Task, r.Output)
		}
		r.Output = nil
		all = append(all, r)
	}
	if diff := cmp.Diff(want, all); diff != "" || got.status != 1 {
		t.Errorf("status %d (-want +got):\n%s%s", got.status, diff, got.stderr)
	}
}
