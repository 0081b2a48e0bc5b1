package process

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

func TestLimitsAreChecked(t *testing.T) {
	for _, test := range []struct {
		name string
		open func() error
		says []string
	}{
		{"negative", func() error {
			_, err := Command{Path: "true", Limits: Limits{MemorySoft: -1, MemoryHard: -2, AddressSpace: -3, CPU: -4}}.Open(t.Context(), wall.Start{})
			return err
		}, []string{"MemorySoft is -1", "MemoryHard is -2", "AddressSpace is -3", "CPU is -4"}},
		{"soft above hard", func() error {
			_, err := Command{Path: "true", Limits: Limits{MemorySoft: 2, MemoryHard: 1}}.Open(t.Context(), wall.Start{})
			return err
		}, []string{"MemorySoft of 2 is more than the MemoryHard of 1"}},
		{"exec", func() error {
			_, err := Exec{Limits: Limits{CPU: -1}}.Open(t.Context(), wall.Start{})
			return err
		}, []string{"CPU is -1"}},
		{"soft in exec", func() error {
			_, err := Exec{Limits: Limits{MemorySoft: 1}}.Open(t.Context(), wall.Start{})
			return err
		}, []string{"MemorySoft"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.open()
			if _, ok := errors.AsType[*wall.StartError](err); !ok {
				t.Fatalf("Open: %v (%T), want a StartError", err, err)
			}
			for _, says := range test.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("%q does not say %q", err, says)
				}
			}
		})
	}
}

// TestLimitThatCannotBeKept: where no process can be seen, a limit of resident
// memory is refused, and the others are not.
func TestLimitThatCannotBeKept(t *testing.T) {
	nothing := t.TempDir()
	for _, l := range []Limits{{MemorySoft: 1}, {MemoryHard: 1}} {
		if err := l.possible(nothing); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), nothing) {
			t.Errorf("%+v: %v, want an error that names %s", l, err, nothing)
		}
	}
	if err := (Limits{AddressSpace: 1, CPU: 1}).possible(nothing); err != nil {
		t.Error(err)
	}
}

// TestLimitsOfTheKernel: a process has those that were asked for when it looks,
// and hands them on; what it had that was lower stays.
func TestLimitsOfTheKernel(t *testing.T) {
	const script = `ulimit -c; ulimit -t; ulimit -H -t; ulimit -v; sh -c 'ulimit -v'`
	for _, test := range []struct {
		name   string
		limits Limits
		want   string
	}{
		{"none", Limits{}, "0 unlimited unlimited unlimited unlimited"},
		{"all", Limits{CPU: 1500 * time.Millisecond, AddressSpace: 100 << 20}, "0 2 3 102400 102400"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tidy(t)
			c := sh(`exec >&4; ` + script)
			c.Limits = test.limits
			s := open(t, c, wall.Start{})
			if got := strings.Join(strings.Fields(readAll(t, s)), " "); got != test.want {
				t.Errorf("life: limits %q, want %q", got, test.want)
			}
			i := openExec(t, Exec{Limits: test.limits}, wall.Start{})
			r, err := wall.Do(t.Context(), i, shell(script), nil)
			if got := strings.Join(strings.Fields(string(r.Stdout)), " "); got != test.want || err != nil {
				t.Errorf("exec: limits %q, %v, want %q", got, err, test.want)
			}
		})
	}
	t.Run("never raised", func(t *testing.T) {
		tidy(t)
		pid := open(t, sh(`read x <&3`), wall.Start{}).child.pid
		for _, asked := range []uint64{1000, 2000} {
			if err := lower(pid, unix.RLIMIT_CPU, asked, asked); err != nil {
				t.Fatal(err)
			}
			var got unix.Rlimit
			if err := unix.Prlimit(pid, unix.RLIMIT_CPU, nil, &got); err != nil || got.Max != 1000 || got.Cur != 1000 {
				t.Errorf("asked for %d: %+v, %v, want 1000", asked, got, err)
			}
		}
	})
}

// TestLimitsEndWhatPassesThem, each in its own words.
func TestLimitsEndWhatPassesThem(t *testing.T) {
	tidy(t)
	i := openExec(t, Exec{Limits: Limits{AddressSpace: 200 << 20, CPU: time.Second}}, wall.Start{})
	for _, test := range []struct {
		name    string
		q       Request
		outcome ganger.Outcome
		cause   ganger.Cause
		says    string
	}{
		{"address space", shell(`dd if=/dev/zero of=/dev/null bs=300000000 count=1`), ganger.Failed, "", "memory"},
		{"processor", shell(`while :; do :; done`), ganger.Crashed, "signal 24", "SIGXCPU"},
		{"processor, deaf", shell(`trap '' XCPU; while :; do :; done`), ganger.Crashed, "signal 9", "SIGKILL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := wall.Do(t.Context(), i, test.q, nil)
			if ganger.OutcomeOf(err) != test.outcome || ganger.CauseOf(err) != test.cause {
				t.Fatalf("ended with %v, want %v %q", err, test.outcome, test.cause)
			}
			if words := err.Error() + r.Exit.Stderr; !strings.Contains(words, test.says) {
				t.Errorf("%q does not say %q", words, test.says)
			}
		})
	}
}

// TestLimitBelowWhatTheProgramNeeds is told, and nothing is left.
func TestLimitBelowWhatTheProgramNeeds(t *testing.T) {
	tidy(t)
	limits := Limits{AddressSpace: 1 << 20}
	const says = "more than the AddressSpace of 1048576"
	fail := func(t *testing.T, c Command) error {
		t.Helper()
		_, err := wall.Speak(wall.Wall[wall.Stream](c), wordless{}).Open(t.Context(), wall.Start{Name: "w", Incarnation: 1})
		if se, ok := errors.AsType[*wall.StartError](err); !ok || se.Command == "" {
			t.Errorf("Open: %v (%T), want a StartError", err, err)
		}
		return err
	}
	t.Run("its own size", func(t *testing.T) {
		if err := fail(t, eating(limits)); !strings.Contains(err.Error(), says) {
			t.Errorf("%q does not say %q", err, says)
		}
		i := openExec(t, Exec{Limits: limits}, wall.Start{})
		_, err := wall.Do(t.Context(), i, Request{Path: os.Args[0]}, nil)
		if ganger.OutcomeOf(err) != ganger.Rejected || ganger.CauseOf(err) != ganger.CauseStart || !strings.Contains(err.Error(), says) {
			t.Errorf("ended with %v, want rejected, start, %q", err, says)
		}
	})
	t.Run("its libraries", func(t *testing.T) {
		c := sh("read x <&3")
		c.Limits = limits
		err := fail(t, c)
		if se, _ := errors.AsType[*wall.StartError](err); se.Exit == nil || se.Exit.Asked || !strings.Contains(err.Error(), "sh") {
			t.Errorf("%v, want the exit and the words of the loader", err)
		}
	})
	t.Run("resident", func(t *testing.T) {
		err := fail(t, eating(Limits{MemoryHard: 1 << 20}))
		if se, _ := errors.AsType[*wall.StartError](err); se.Exit == nil || se.Exit.Reason != ganger.LeavingMemoryHard || !strings.Contains(err.Error(), "memory-hard") {
			t.Errorf("%v, want memory-hard", err)
		}
	})
}

// wordless is a dialect whose worker says nothing but that it is ready.
type wordless struct{}

func (wordless) Hello(_ context.Context, s wall.Stream, _ wall.Start) (wall.Session[int, int], error) {
	_, err := s.Read(make([]byte, 1))
	return nil, err
}

// TestCoreDumps: a crash dumps none, unless that is asked for.
func TestCoreDumps(t *testing.T) {
	tidy(t)
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CORE, &was); err != nil {
		t.Fatal(err)
	}
	if pattern, _ := os.ReadFile("/proc/sys/kernel/core_pattern"); was.Max < 1<<20 || strings.HasPrefix(string(pattern), "|") || strings.Contains(string(pattern), "/") {
		t.Skipf("no core would be dumped here: pattern %q, limit %d", pattern, was.Max)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{Cur: was.Max, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Setrlimit(syscall.RLIMIT_CORE, &was) }()
	for _, core := range []bool{false, true} {
		i := openExec(t, Exec{Limits: Limits{Core: core}}, wall.Start{})
		q := shell(`kill -SEGV $$`)
		q.Dir = t.TempDir()
		if _, err := wall.Do(t.Context(), i, q, nil); ganger.CauseOf(err) != "signal 11" {
			t.Errorf("ended with %v", err)
		}
		left, err := os.ReadDir(q.Dir)
		if err != nil || (len(left) > 0) != core {
			t.Errorf("Core %v: %v is left, %v", core, left, err)
		}
	}
}
