//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
)

// TestMain makes the test binary what the program is: coordinator, guard and worker.
func TestMain(m *testing.M) {
	process.Main()
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // for the workers: they inherit it
	if os.Getenv(native.Variable) != "" {
		serve()
	}
	os.Exit(m.Run())
}

const (
	foundWrong = `w0#1: 3 steps hold, 4 performed: step 4, "share = total / none": none is 0, and nothing is divided by that` + "\n"
	wrong      = `repair: failed on w0#1: step 4, "share = total / none": none is 0, and nothing is divided by that` + "\n"
	fix        = "-fix=4=share = total / heads"
	fromStart  = "w0#2: 6 steps hold, 6 performed\n10 steps performed\n"
)

// TestRepair runs the program on both walls. What it prints tells which life
// performed how many steps.
func TestRepair(t *testing.T) {
	tests := []struct {
		name                 string
		args                 []string
		status               int
		stdout, stderr       string
		onGoroutine, onDeath string // stand for %death in stdout
	}{
		{name: "no fix", status: 1, stdout: foundWrong + "4 steps performed\n", stderr: wrong},
		{name: "a fix of another step", args: []string{"-fix", "3=total = 1"}, status: 1, stdout: foundWrong + "4 steps performed\n", stderr: wrong},
		{
			name: "on the same life", args: []string{fix},
			stdout: foundWrong + "w0#1: 6 steps hold, 3 performed, from step 4 on\n7 steps performed\n",
		},
		{
			name: "twice on the same life", args: []string{"-fix", "4=share = total / 2", "-fix", "6=assert rest == 21"},
			stdout: foundWrong +
				`w0#1: 5 steps hold, 3 performed, from step 4 on: step 6, "assert rest == 36": 21 is not 36` + "\n" +
				"w0#1: 6 steps hold, 1 performed, from step 6 on\n8 steps performed\n",
		},
		{
			name: "a fix that is wrong too", args: []string{"-fix", "4=share = total / nobody"}, status: 1,
			stdout: foundWrong +
				`w0#1: 3 steps hold, 1 performed, from step 4 on: step 4, "share = total / nobody": nobody has no value yet` + "\n5 steps performed\n",
			stderr: `repair: failed on w0#1: step 4, "share = total / nobody": nobody has no value yet` + "\n",
		},
		{
			name: "the holder is killed before", args: []string{fix, "-kill", "before"},
			stdout: foundWrong +
				"the repair is lost: cancelled (holder) on w0#1: pool: the life that held what it needs has gone\n" + fromStart,
		},
		{
			name: "the holder is killed in the midst", args: []string{fix, "-kill", "during"},
			stdout:      foundWrong + "the repair is lost: crashed %death\n" + fromStart,
			onGoroutine: "(panic) on w0#1: panic: killed", onDeath: "(signal 9, SIGKILL) on w0#1",
		},
	}
	for _, tt := range tests {
		for wallName, death := range map[string]string{"goroutine": tt.onGoroutine, "process": tt.onDeath} {
			t.Run(tt.name+"/"+wallName, func(t *testing.T) {
				var out, errs bytes.Buffer
				status := run(t.Context(), append([]string{"-wall", wallName}, tt.args...), &out, &errs)
				if status != tt.status {
					t.Errorf("exit status %d, want %d", status, tt.status)
				}
				if want := strings.Replace(tt.stdout, "%death", death, 1); out.String() != want {
					t.Errorf("printed\n%swant\n%s", &out, want)
				}
				if errs.String() != tt.stderr {
					t.Errorf("said\n%swant\n%s", &errs, tt.stderr)
				}
			})
		}
	}
}

func TestScripts(t *testing.T) {
	tests := []struct{ name, script, wrong string }{
		{"holds", "a = 2\nb = a + 3 * 4 - 1 / 2\nassert b == 9\n", ""},
		{"empty", "", ""},
		{"no step", "a = 2\na 2\n", `step 2, "a 2": it is neither`},
		{"half an operation", "a = 2 +\n", `step 1, "a = 2 +": it is neither`},
		{"unknown name", "assert a == 1\n", "a has no value yet"},
		{"a number as a name", "1 = 2\n", "1 is no name"},
		{"a name of signs", "a- = 2\n", "a- is no name"},
		{"a name of letters", "größe_2 = 2\nassert größe_2 == 2\n", ""},
		{"a number that is too great", "a = 9223372036854775808\n", "9223372036854775808 does not fit"},
		{"a sum", "a = 9223372036854775807 + 1\n", "9223372036854775807 + 1 does not fit"},
		{"a negative sum", "a = -9223372036854775808 + -1\n", "does not fit"},
		{"a difference", "a = -9223372036854775808 - 1\n", "does not fit"},
		{"a difference with a negative", "a = 9223372036854775807 - -1\n", "does not fit"},
		{"a product", "a = 4294967296 * 4294967296\n", "does not fit"},
		{"a product of the least", "a = -1 * -9223372036854775808\n", "does not fit"},
		{"a quotient", "a = -9223372036854775808 / -1\n", "does not fit"},
		{"the greatest", "a = 9223372036854775806 + 1\nb = -9223372036854775807 - 1 + 0 - 0 * 1 / 1\nassert a == 9223372036854775807\nassert b == -9223372036854775808\n", ""},
		{"unknown operator", "a = 2 ^ 3\n", "there is no operator ^"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "script")
			if err := os.WriteFile(file, []byte(tt.script), 0o600); err != nil {
				t.Fatal(err)
			}
			var out, errs bytes.Buffer
			status := run(t.Context(), []string{"-wall", "goroutine", file}, &out, &errs)
			if status != min(len(tt.wrong), 1) || !strings.Contains(errs.String(), tt.wrong) {
				t.Errorf("exit status %d and %q, want %q", status, &errs, tt.wrong)
			}
		})
	}
}

// full is a disk that takes no more.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestAFullDiskIsTold(t *testing.T) {
	for _, args := range [][]string{{"-wall", "goroutine", "-fix", "4=share = total / heads"}, {"-help"}} {
		var errs bytes.Buffer
		status := run(t.Context(), args, full{}, &errs)
		if want := "repair: write the standard output: no space left on device\n"; status != 1 || errs.String() != want {
			t.Errorf("%q: exit status %d and %q; want 1 and %q", args, status, &errs, want)
		}
	}
}

// TestHelp is a result, not a complaint.
func TestHelp(t *testing.T) {
	var out, errs bytes.Buffer
	status := run(t.Context(), []string{"-help"}, &out, &errs)
	if got := out.String(); status != 0 || !strings.Contains(got, builtIn) || !strings.Contains(got, "-kill") || errs.Len() > 0 {
		t.Errorf("exit status %d, printed %q and %q", status, got, &errs)
	}
}

func TestUsage(t *testing.T) {
	tests := []struct {
		name, want string
		args       []string
		status     int
	}{
		{"flag", "flag provided but not defined: -j", []string{"-j", "3"}, 2},
		{"wall", "repair: -wall paper: there is goroutine and process", []string{"-wall", "paper"}, 2},
		{"kill", "repair: -kill after: there is before and during", []string{"-kill", "after"}, 2},
		{"fix without a step", "it must begin with the number of a step", []string{"-fix", "4"}, 2},
		{"fix of no step", "repair: -fix 7: the script has 6 steps", []string{"-fix", "7=a = 1"}, 2},
		{"fix", "it must begin with the number of a step", []string{"-fix", "a = 2"}, 2},
		{"scripts", "repair: 2 scripts were given", []string{"a", "b"}, 2},
		{"script that is a directory", "is a directory", []string{t.TempDir()}, 3},
		{"no script", "no such file", []string{filepath.Join(t.TempDir(), "none")}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			status := run(t.Context(), tt.args, &out, &errs)
			if status != tt.status || out.Len() > 0 || !strings.Contains(errs.String(), tt.want) {
				t.Errorf("exit status %d, printed %q and %q; want %d, %q", status, &out, &errs, tt.status, tt.want)
			}
		})
	}
}
