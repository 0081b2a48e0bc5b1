//go:build real

package realtools

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// example is a documented use of another tool, and what one types instead of it.
// Both are scripts for sh, with the files and the standard input given, each in a
// directory of its own; $run is "ganger run --quiet".
type example struct {
	name         string // where it is documented
	input        string
	theirs, ours string
	status       int // ours; theirs has one of its own
}

// files are there before each example runs.
var files = map[string]string{
	"a.html": "<p>a</p>\n", "b c.html": "<p>b</p>\n", "dir/d.html": "<p>d</p>\n",
	"abc-file": "A\nB\nC\n", "abc0-file": "A\x00B\x00C\x00", "one.txt": "1\nx\n", "two.txt": "2\n",
	"dir/core": "core\n", "dir/with blank/core": "core\n", "dir/keep": "keep\n",
}

var xargsExamples = []example{
	{name: "manual: remove what find finds", theirs: "find . -name core -type f -print0 | xargs -0 -n1 rm -f", ours: "find . -name core -type f -print0 | $run -0 -- rm -f {}"},
	{name: "manual: a listing of names", theirs: "sort abc-file | xargs -n1 echo", ours: "sort abc-file | $run -- echo {}"},
	{name: "-a: tasks from a file", theirs: "xargs -a abc-file -n1 echo", ours: "$run -a abc-file -- echo {}"},
	{name: "-I: the task anywhere", input: "a.html\nb c.html\n", theirs: "mkdir to; xargs -I % cp % to/%", ours: "mkdir to; $run -- cp {} to/{}"},
	{name: "-I: in several arguments", input: "x\ny\n", theirs: "xargs -I {} echo {} and {}.bak", ours: "$run -- echo {} and {}.bak"},
	{name: "a shell for each task", input: "one.txt\ntwo.txt\n", theirs: `xargs -I {} sh -c 'wc -l <"$1"' sh {}`, ours: `$run -- sh -c 'wc -l <"$1"' sh {}`},
	{name: "-P1: one at a time", input: "3\n2\n1\n", theirs: "xargs -P1 -n1 echo", ours: "$run -j 1 -- echo {}"},
	{name: "-P: two at a time", input: "1\n2\n3\n4\n", theirs: "xargs -P2 -n1 echo | sort", ours: "$run -j 2 --unordered -- echo {} | sort"},
	{name: "-0: anything in a name", input: "it's\x00a \"b\"\x00new\nline\x00 \x00", theirs: `xargs -0 -n1 printf '<%s>\n'`, ours: `$run -0 -- printf '<%s>\n' {}`},
	{name: "-r: no input, no command", theirs: "xargs -r echo none", ours: "$run -- echo none {}"},
	{name: "exit status 123: a command failed", input: "0\n1\n0\n", theirs: `xargs -n1 sh -c 'echo $0; exit $0'`, ours: `$run -- sh -c 'echo $0; exit $0' {}`, status: 1},
	{name: "exit status 127: not found", input: "x\n", theirs: "xargs -n1 ./is-not-there", ours: "$run -- ./is-not-there {}", status: 3},
	{name: "exit status 126: cannot be run", input: "x\n", theirs: "xargs -n1 ./abc-file", ours: "$run -- ./abc-file {}", status: 3},
	{name: "exit status 255 stops", input: "0\n255\n0\n", theirs: `xargs -n1 sh -c 'echo $0; exit $0'`, ours: `$run -j 1 --halt 1 -- sh -c 'echo $0; exit $0' {}`, status: 1},
}

var parallelExamples = []example{
	{name: "tutorial: input from a file", theirs: "$parallel -a abc-file echo", ours: "$run -a abc-file -- echo {}"},
	{name: "tutorial: standard input", theirs: "cat abc-file | $parallel echo", ours: "cat abc-file | $run -- echo {}"},
	{name: "tutorial: -0", theirs: "$parallel -0 echo :::: abc0-file", ours: "$run -0 -a abc0-file -- echo {}"},
	{name: "tutorial: {}", input: "A/B.C\n", theirs: "$parallel echo {}", ours: "$run -- echo {}"},
	{name: "tutorial: {.}", input: "A/B.C\n", theirs: "$parallel echo {.}", ours: "$run -- echo {.}"},
	{name: "tutorial: {/}", input: "A/B.C\n", theirs: "$parallel echo {/}", ours: "$run -- echo {/}"},
	{name: "tutorial: {//}", input: "A/B.C\n", theirs: "$parallel echo {//}", ours: "$run -- echo {//}"},
	{name: "tutorial: {/.}", input: "A/B.C\n", theirs: "$parallel echo {/.}", ours: "$run -- echo {/.}"},
	{name: "tutorial: {#}", input: "A\nB\nC\n", theirs: "$parallel echo {#}", ours: "$run -- echo {#}"},
	{name: "tutorial: {%}, which counts from 1", input: "A\n", theirs: "$parallel -j 1 echo {%}", ours: "$run -j 1 --shell -- 'echo $(({seat} + 1))'"},
	{name: "tutorial: dryrun", input: "A\nB\nC\n", theirs: "$parallel --dryrun echo {}", ours: "$run --dry-run -- echo {}"},
	{name: "tutorial: a quoted program", input: "This\nworks\n", theirs: `$parallel -q perl -e 'print "@ARGV\n"'`, ours: `$run -- perl -e 'print "@ARGV\n"' {}`},
	{name: "tutorial: output is not mixed", input: "4\n2\n1\n", theirs: `$parallel -j2 'printf "%s-start\n%s" {} {}; sleep 0.{}; printf "%s\n" -middle; echo {}-end'`, ours: `$run -j 2 --shell -- 'printf "%s-start\n%s" {} {}; sleep 0.{}; printf "%s\n" -middle; echo {}-end'`},
	{name: "tutorial: number of jobs", input: "a\nb\n", theirs: "$parallel -N0 -j 1 echo same", ours: "$run -j 1 -- sh -c 'echo same' {}"},
	{name: "tutorial: --halt soon,fail=1", input: "0\n0\n1\n2\n3\n", theirs: `$parallel -j1 --halt soon,fail=1 'echo {}; exit {}'`, ours: `$run -j 1 --halt soon,1 --shell -- 'echo {}; exit {}'`, status: 1},
	{name: "tutorial: --halt now,fail=1", input: "0\n0\n1\n2\n3\n", theirs: `$parallel -j1 --halt now,fail=1 'echo {}; exit {}'`, ours: `$run -j 1 --halt now,1 --shell -- 'echo {}; exit {}'`, status: 1},
	{name: "tutorial: --halt fail=50% of ten", input: "0\n1\n0\n1\n0\n1\n0\n1\n0\n1\n", theirs: `$parallel -j1 --halt soon,fail=50% 'echo {}; exit {}'`, ours: `$run -j 1 --halt 50% --shell -- 'echo {}; exit {}'`, status: 1},
	{name: "tutorial: --retries", input: "1\n2\n0\n", theirs: `$parallel --retries 3 'echo tried {} >>runs-{}; echo completed {}; exit {}'`, ours: `$run --retries 2 --shell -- 'echo tried {} >>runs-{}; echo completed {}; exit {}'`, status: 1},
	{name: "tutorial: --timeout", input: "0.1\n60\n", theirs: "$parallel --timeout 2 'sleep {}; echo {}'", ours: "$run --timeout 2s --shell -- 'sleep {}; echo {}'", status: 1},
	{name: "tutorial: exit status counts failures", input: "0\n1\n2\n", theirs: "$parallel 'exit {}'", ours: "$run --shell -- 'exit {}'", status: 1},
	{name: "examples: as xargs -n1", theirs: "find . -name '*.html' | sort | $parallel gzip -n --best", ours: "find . -name '*.html' | sort | $run -- gzip -n --best {}"},
	{name: "examples: insert the argument twice", theirs: "find . -name '*.html' | sort | $parallel cp {} {.}.bak", ours: "find . -name '*.html' | sort | $run -- cp {} {.}.bak"},
	{name: "examples: substitution and redirection", theirs: "find . -name '*.txt' | $parallel 'tr 1-9 a-i <{} >{}.new'", ours: "find . -name '*.txt' | $run --shell -- 'tr 1-9 a-i <{} >{}.new'"},
	{name: "examples: composed commands", theirs: "ls *.html | $parallel 'mkdir {.}; cd {.}; cp ../{} .; wc -c {} | tr -d \" \"'", ours: "ls *.html | $run --shell -- 'mkdir {.}; cd {.}; cp ../{} .; wc -c {} | tr -d \" \"'"},
	{name: "examples: a for loop rewritten", theirs: "(for x in $(cat abc-file); do echo $x; done) | $parallel 'echo {} >{}.out'", ours: "$run -a abc-file --shell -- 'echo {} >{}.out'"},
	{name: "examples: keep the order", input: "3\n1\n2\n", theirs: "$parallel -j3 'sleep 0.{}; echo {}'", ours: "$run -j 3 --shell -- 'sleep 0.{}; echo {}'"},
	{name: "examples: the same command ten times", theirs: "seq 10 | $parallel -n0 echo my command", ours: "seq 10 | $run -- sh -c 'echo my command' {}"},
	{name: "examples: as cat | sh", input: "echo one\nprintf '%s\\n' two\nexit 3\n", theirs: "$parallel", ours: "$run -- sh -c {}", status: 1},
	{name: "examples: shell variables", theirs: "V='a  b'; export V; echo x | $parallel 'echo {} \"$V\"'", ours: "V='a  b'; export V; echo x | $run --shell -- 'echo {} \"$V\"'"},
}

func TestP22SameAsXargsDocuments(t *testing.T) { same(t, "xargs", xargsExamples) }

func TestP22SameAsParallelDocuments(t *testing.T) { same(t, "parallel", parallelExamples) }

// same runs examples in both ways: the outputs and the files that are left must be
// equal, and the status ours, which is 0 when theirs is.
func same(t *testing.T, tool string, examples []example) {
	if _, err := exec.LookPath(tool); err != nil {
		t.Fatalf("%v; make test-real installs it", err)
	}
	for _, x := range examples {
		t.Run(x.name, func(t *testing.T) {
			want, wantFiles := inShell(t, x.theirs, x.input)
			got, gotFiles := inShell(t, x.ours, x.input)
			if got.status != x.status || (want.status == 0) != (got.status == 0) {
				t.Errorf("status %d, want %d; %s has %d", got.status, x.status, tool, want.status)
			}
			if diff := cmp.Diff(want.stdout, got.stdout); diff != "" {
				t.Errorf("output differs (-%s +ganger):\n%s", tool, diff)
			}
			if diff := cmp.Diff(wantFiles, gotFiles); diff != "" {
				t.Errorf("files differ (-%s +ganger):\n%s", tool, diff)
			}
			if t.Failed() {
				t.Logf("%s says: %sganger says: %s", tool, want.stderr, got.stderr)
			}
		})
	}
}

// inShell runs a script among the files and returns what it left.
func inShell(t *testing.T, script, input string) (result, map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), "sh", "-c", script)
	c.Dir = dir
	c.Stdin = strings.NewReader(input)
	home := t.TempDir() // where parallel keeps what it knows
	c.Env = append(os.Environ(), "LC_ALL=C", "HOME="+home, "run="+ganger+" run --quiet", "parallel=parallel --will-cite -k")
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatalf("sh: %v", err)
	}
	left := maps.Collect(filesOf(t, dir))
	return result{out.String(), errs.String(), c.ProcessState.ExitCode()}, left
}

// filesOf yields the names and texts of the files in dir, and its directories.
func filesOf(t *testing.T, dir string) func(yield func(string, string) bool) {
	return func(yield func(string, string) bool) {
		root := os.DirFS(dir)
		err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() {
				yield(path, "directory")
				return nil
			}
			text, err := fs.ReadFile(root, path)
			yield(path, string(text))
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
