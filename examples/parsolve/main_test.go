//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/goroutine"
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

// on runs the program on a wall and returns its outputs.
func on(t *testing.T, wallName string, wantStatus int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status := run(t.Context(), append([]string{"-wall", wallName}, args...), &out, &errs)
	if status != wantStatus {
		t.Errorf("exit status %d, want %d\n%s%s", status, wantStatus, &out, &errs)
	}
	return out.String(), errs.String()
}

// onBothWalls runs a test on each wall; death is what a killed worker's goal
// ends as.
func onBothWalls(t *testing.T, test func(t *testing.T, wallName, death string)) {
	for wallName, death := range map[string]string{"goroutine": "(panic)", "process": "(signal 9, SIGKILL)"} {
		t.Run(wallName, func(t *testing.T) { test(t, wallName, death) })
	}
}

// solved are the lines of the built-in goals.
const solved = `goal 1: solved in 3 cases
goal 2: solved in 3 cases
goal 3: solved in 5 cases
goal 4: solved in 521 cases
goal 5: solved in 7 cases
goal 6: solved in 97 cases
lives that were sent the state: `

func TestOnlyAFreshLifeIsSentTheState(t *testing.T) {
	onBothWalls(t, func(t *testing.T, wallName, _ string) {
		if got, _ := on(t, wallName, 0, "-j", "1"); got != solved+"1\n" {
			t.Errorf("printed %q, want %q", got, solved+"1\n")
		}
	})
}

func TestFirstFailureCancelsTheOthers(t *testing.T) {
	onBothWalls(t, func(t *testing.T, wallName, _ string) {
		// The slow ones would not end by themselves.
		got, why := on(t, wallName, 1, "-j", "3", "-given", "p", "pigeons:12", "p & q", "pigeons:12")
		if want := "goal 1: untouched\ngoal 2: untouched\ngoal 3: untouched\n"; !strings.HasPrefix(got, want) {
			t.Errorf("printed %q, want %q first", got, want)
		}
		if !strings.HasPrefix(why, "parsolve: goal 2: failed on w") || !strings.HasSuffix(why, ": it is false when p, !q\n") {
			t.Errorf("the error is %q, want that of goal 2", why)
		}
		if n := goroutine.Abandoned(); n > 0 {
			t.Errorf("%d goals were cancelled and did not obey", n)
		}
	})
}

func TestAKilledWorkersGoalRunsAgain(t *testing.T) {
	onBothWalls(t, func(t *testing.T, wallName, _ string) {
		if got, why := on(t, wallName, 0, "-j", "1", "-kill", "2"); got != solved+"2\n" || why != "" {
			t.Errorf("printed %q and %q, want %q", got, why, solved+"2\n")
		}
	})
}

func TestADeathIsTheError(t *testing.T) {
	onBothWalls(t, func(t *testing.T, wallName, death string) {
		got, why := on(t, wallName, 1, "-j", "2", "-kill", "2", "-deaths", "1")
		if !strings.Contains(got, "goal 2: untouched\n") {
			t.Errorf("printed %q, want goal 2 untouched", got)
		}
		if want := "parsolve: goal 2: crashed " + death + " on w"; !strings.HasPrefix(why, want) {
			t.Errorf("the error is %q, want %q", why, want)
		}
	})
}

func TestAGoalIsSolvedOrUntouched(t *testing.T) {
	onBothWalls(t, func(t *testing.T, wallName, _ string) {
		got, why := on(t, wallName, 1, "-j", "1", "-depth", "1", "p | !p", "p & q -> q & p")
		if want := "goal 1: solved in 3 cases\ngoal 2: untouched\nlives that were sent the state: 1\n"; got != want {
			t.Errorf("printed %q, want %q", got, want)
		}
		if want := "parsolve: goal 2: failed on w0#1: 1 of 3 cases are left, so it stays as it was\n"; why != want {
			t.Errorf("the error is %q, want %q", why, want)
		}
	})
}

// TestAnInterruptEndsAllGoals at whatever moment it comes, and not as a failure of
// one of them.
func TestAnInterruptEndsAllGoals(t *testing.T) {
	onBothWalls(t, func(t *testing.T, wallName, _ string) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, errors.New("interrupted"))
		defer cancel()
		var out, errs bytes.Buffer
		status := run(ctx, []string{"-wall", wallName, "-j", "2", "pigeons:12", "pigeons:12"}, &out, &errs)
		if status != 130 || !strings.HasPrefix(out.String(), "goal 1: untouched\ngoal 2: untouched\n") {
			t.Errorf("exit status %d, printed %q, want 130 and both goals untouched", status, &out)
		}
		if want := "parsolve: interrupted\n"; errs.String() != want {
			t.Errorf("said %q, want %q", &errs, want)
		}
		if n := goroutine.Abandoned(); n > 0 {
			t.Errorf("%d goals were cancelled and did not obey", n)
		}
	})
}

// full is a disk that takes no more.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestAFullDiskIsTold(t *testing.T) {
	for _, args := range [][]string{{"-wall", "goroutine", "p | !p"}, {"-help"}} {
		var errs bytes.Buffer
		status := run(t.Context(), args, full{}, &errs)
		if want := "parsolve: write the standard output: no space left on device\n"; status != 1 || errs.String() != want {
			t.Errorf("%q: exit status %d and %q; want 1 and %q", args, status, &errs, want)
		}
	}
}

// TestHelp is a result, not a complaint.
func TestHelp(t *testing.T) {
	if out, why := on(t, "goroutine", 0, "-help"); !strings.HasPrefix(out, "usage: parsolve") || !strings.Contains(out, "-deaths") || why != "" {
		t.Errorf("printed %q and %q", out, why)
	}
}

// TestAMissingResultIsAnError: a worker that answers nothing has solved nothing.
func TestAMissingResultIsAnError(t *testing.T) {
	lazy := goroutine.Wall[Request, Answer]{
		Begin: func(context.Context) (goroutine.Perform[Request, Answer], error) {
			return func(context.Context, Request, wall.Host) (Answer, error) { return Answer{}, nil }, nil
		},
	}
	r, err := par(t.Context(), lazy, trial{State: State{Goals: []string{"p -> p"}}, workers: 1, kill: -1})
	if want := "goal 1: failed on w0#1: the worker answered without a result"; err == nil || err.Error() != want {
		t.Errorf("par returned %v, want %q", err, want)
	}
	if r.solved[0] != nil {
		t.Errorf("the goal counts as solved: %+v", *r.solved[0])
	}
}

func TestUsage(t *testing.T) {
	tests := []struct {
		name, want string
		args       []string
	}{
		{"flag", "flag provided but not defined: -jobs", []string{"-jobs", "3"}},
		{"wall", "parsolve: -wall paper: there is goroutine and process", []string{"-wall", "paper"}},
		{"goal", `parsolve: formula "(p": a ) is missing`, []string{"(p"}},
		{"given", `formula "p q": "q" is left over`, []string{"-given", "p q"}},
		{"pigeons", "parsolve: pigeons:x: the number of holes", []string{"pigeons:x"}},
		{"workers", "parsolve: -j -1: it must not be negative", []string{"-j", "-1"}},
		{"deaths", "parsolve: -deaths 0: it must be 1 at least", []string{"-deaths", "0"}},
		{"kill", "parsolve: -kill 3: the goals are 1 to 2", []string{"-kill", "3", "p", "q"}},
		{"flag behind", "parsolve: -j: flags stand before", []string{"p", "-j", "2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if out, why := on(t, "goroutine", 2, tt.args...); out != "" || !strings.Contains(why, tt.want) {
				t.Errorf("printed %q and %q, want %q", out, why, tt.want)
			}
		})
	}
}
