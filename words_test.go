package ganger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/ganger-dev/ganger"
)

func TestOutcomesCrossAsWords(t *testing.T) {
	words := map[string]bool{}
	for _, o := range ganger.Outcomes() {
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		var back ganger.Outcome
		if err := json.Unmarshal(text, &back); err != nil || back != o {
			t.Errorf("%s came back as %v, %v", text, back, err)
		}
		words[o.String()] = true
	}
	for _, want := range []string{"done", "failed", "cancelled", "timed-out", "crashed", "poisoned", "rejected", "expired", "lost"} {
		if !words[want] {
			t.Errorf("no outcome is called %q", want)
		}
	}
	if len(words) != 9 {
		t.Errorf("%d words, want nine", len(words))
	}
	o := ganger.Failed
	if err := o.UnmarshalText([]byte("dropped")); err == nil || o != ganger.Failed {
		t.Errorf("a word that is no outcome: %v, and the value became %v", err, o)
	}
	if _, err := ganger.Outcome(77).MarshalText(); err == nil {
		t.Error("a number that is no outcome was marshalled")
	}
}

func TestStatesMoveForwardOnly(t *testing.T) {
	states := []ganger.State{ganger.Starting, ganger.Idle, ganger.Busy, ganger.Stopping, ganger.Dead}
	legal := map[[2]ganger.State]bool{
		{ganger.Starting, ganger.Idle}: true, {ganger.Starting, ganger.Stopping}: true, {ganger.Starting, ganger.Dead}: true,
		{ganger.Idle, ganger.Busy}: true, {ganger.Idle, ganger.Stopping}: true, {ganger.Idle, ganger.Dead}: true,
		{ganger.Busy, ganger.Idle}: true, {ganger.Busy, ganger.Stopping}: true, {ganger.Busy, ganger.Dead}: true,
		{ganger.Stopping, ganger.Dead}: true,
	}
	for _, from := range states {
		for _, to := range states {
			if got := from.To(to); got != legal[[2]ganger.State{from, to}] {
				t.Errorf("%v to %v: legal is %v", from, to, got)
			}
		}
		text, _ := from.MarshalText()
		var back ganger.State
		if err := back.UnmarshalText(text); err != nil || back != from {
			t.Errorf("%s came back as %v, %v", text, back, err)
		}
	}
	if ganger.State(0).To(ganger.Idle) || ganger.State(99).To(ganger.Dead) {
		t.Error("an invalid state moves")
	}
}

func TestErrorTells(t *testing.T) {
	oom := errors.New("out of memory")
	for _, tt := range []struct {
		err  *ganger.Error
		want string
	}{
		{&ganger.Error{Outcome: ganger.Expired}, "expired"},
		{&ganger.Error{Outcome: ganger.Failed, Worker: "w0#1", Err: oom}, "failed on w0#1: out of memory"},
		{
			&ganger.Error{Outcome: ganger.Crashed, Cause: "signal 11", Worker: "w1#4", Exit: &ganger.Exit{
				Reason: ganger.LeavingSignal(11), Signal: "SIGSEGV", Stderr: "first\nlast words\n\n",
			}},
			"crashed (signal 11, SIGSEGV) on w1#4: last words",
		},
		{&ganger.Error{Outcome: ganger.Rejected, Cause: ganger.CauseFull}, "rejected (full)"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestOutcomeOf(t *testing.T) {
	late := &ganger.Error{Outcome: ganger.TimedOut, Cause: ganger.CauseExec, Err: context.DeadlineExceeded}
	for _, tt := range []struct {
		err     error
		outcome ganger.Outcome
		cause   ganger.Cause
	}{
		{nil, ganger.Done, ""},
		{errors.New("foreign"), ganger.Failed, ""},
		{fmt.Errorf("task 7: %w", late), ganger.TimedOut, ganger.CauseExec},
		{errors.Join(errors.New("a"), late), ganger.TimedOut, ganger.CauseExec},
	} {
		if o, c := ganger.OutcomeOf(tt.err), ganger.CauseOf(tt.err); o != tt.outcome || c != tt.cause {
			t.Errorf("%v: %v (%v), want %v (%v)", tt.err, o, c, tt.outcome, tt.cause)
		}
	}
	if !errors.Is(late, context.DeadlineExceeded) {
		t.Error("errors.Is does not reach the cause of a context")
	}
}

func TestLeavingBecomesCause(t *testing.T) {
	for leaving, want := range map[ganger.Leaving]ganger.Cause{
		ganger.LeavingExit(3): "exit 3", ganger.LeavingSignal(9): "signal 9",
		ganger.LeavingMemoryHard: ganger.CauseMemory, ganger.LeavingPanic: ganger.CausePanic,
	} {
		if got := leaving.Cause(); got != want {
			t.Errorf("%s: %q, want %q", leaving, got, want)
		}
	}
}

func ExampleOutcomeOf() {
	err := fmt.Errorf("resize: %w", &ganger.Error{Outcome: ganger.Crashed, Cause: "signal 11"})
	fmt.Println(ganger.OutcomeOf(err), ganger.CauseOf(err), ganger.OutcomeOf(nil))
	// Output: crashed signal 11 done
}

func TestFormatBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0B", 999: "999B", 1000: "1.0K", 1 << 20: "1.0M", 512 << 20: "512M", 6<<30 + 200<<20: "6.2G",
		10<<30 - 1: "10G", 1023 << 20: "1.0G", 1<<63 - 1: "8.0E",
	} {
		if got := ganger.FormatBytes(n); got != want {
			t.Errorf("FormatBytes(%d) = %q, want %q", n, got, want)
		}
	}
}

// TestErrorTellsTheMemoryOfWhatWasKilled: a kill from outside may be the
// kernel's, for want of memory.
func TestErrorTellsTheMemoryOfWhatWasKilled(t *testing.T) {
	e := &ganger.Error{
		Outcome: ganger.Crashed, Cause: "signal 9", Worker: "w0#1",
		Exit: &ganger.Exit{Reason: ganger.LeavingSignal(9), Signal: "SIGKILL", PeakMemory: 8 << 30},
	}
	if got, want := e.Error(), "crashed (signal 9, SIGKILL, memory 8.0G) on w0#1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	e.Cause = ganger.CauseMemory
	if got, want := e.Error(), "crashed (memory, SIGKILL, 8.0G) on w0#1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	e.Cause = "signal 11"
	e.Exit.Signal = "SIGSEGV"
	if got, want := e.Error(), "crashed (signal 11, SIGSEGV) on w0#1"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
