package status

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger"
)

// at is the moment of the tests.
var at = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// counted returns the counts of n tasks that ended as each reason says, and of
// two that run.
func counted(n map[Reason]int) Counts {
	var t Tally
	for why, n := range n {
		for range n {
			var r Running
			t.Read()
			t.Begin(&r, at)
			t.End(&r, why)
		}
	}
	big, small := &Running{Label: []byte("scans/9f/big.tif")}, &Running{Label: []byte("b")}
	for i, r := range []*Running{small, big, small} { // small is tried again
		if i != 2 {
			t.Read()
		}
		t.Begin(r, at.Add(time.Duration(i)*time.Second))
	}
	return t.Counts()
}

func TestLine(t *testing.T) {
	mixed := counted(map[Reason]int{{Outcome: ganger.Done}: 1000, {ganger.Failed, "exit 1"}: 57, {ganger.Crashed, "SIGSEGV"}: 2})
	total := mixed
	total.Total = 2118
	tests := []struct {
		name  string
		c     Counts
		p     Progress
		width int
		want  string
	}{
		{"nothing yet", Counts{}, Progress{}, 0, "0"},
		{"total not known", mixed, Progress{Rate: 4.25}, 0, "1,059  4.2/s | failed 57 crashed 2 | oldest scans/9f/big.tif 41s"},
		{"total known", total, Progress{Rate: 412}, 0, "1,059/2,118 50%  412/s  2.6s left | failed 57 crashed 2 | oldest scans/9f/big.tif 41s"},
		{"fraction known", mixed, Progress{Rate: 100, Fraction: 0.1}, 0, "1,059 10%  100/s  1m35s left | failed 57 crashed 2 | oldest scans/9f/big.tif 41s"},
		{"workers", mixed, Progress{Workers: "w0 5.1G busy | w1 starting"}, 0, "1,059 | failed 57 crashed 2 | w0 5.1G busy | w1 starting | oldest scans/9f/big.tif 41s"},
		{"stalled", mixed, Progress{Stalled: "scans/9f/big.tif"}, 0, "1,059 | failed 57 crashed 2 | waiting for scans/9f/big.tif 41s"},
		{"narrow", mixed, Progress{}, 12, "1,059 | fail"},
	}
	for _, tt := range tests {
		if got := tt.c.Line(at.Add(42*time.Second), tt.p, tt.width); got != tt.want {
			t.Errorf("%s:\n got %q\nwant %q", tt.name, got, tt.want)
		}
	}
}

// TestReportsShowWithTheOldest: while its attempt runs, and no longer.
func TestReportsShowWithTheOldest(t *testing.T) {
	var y Tally
	old, young := &Running{Label: []byte("old")}, &Running{Label: []byte("young")}
	y.Read()
	y.Total()
	y.Read() // came of the first
	y.Begin(old, at)
	y.Begin(young, at.Add(time.Second))
	y.Report(young, "no")
	y.Report(old, "half of it")
	if got, want := y.Counts().Line(at.Add(2*time.Second), Progress{}, 0), "0/2 | oldest old 2.0s: half of it"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	y.Begin(old, at.Add(2*time.Second)) // once more
	if got, want := y.Counts().Line(at.Add(4*time.Second), Progress{}, 0), "0/2 | oldest young 3.0s: no"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	y.End(young, Reason{Outcome: ganger.Done})
	if got, want := y.Counts().Line(at.Add(4*time.Second), Progress{}, 0), "1/2 50% | oldest old 2.0s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSummary(t *testing.T) {
	c := counted(map[Reason]int{
		{Outcome: ganger.Done}: 1234, {ganger.Failed, "exit 1"}: 3, {ganger.Failed, "exit 2"}: 5,
		{ganger.Crashed, "SIGSEGV"}: 2, {ganger.Crashed, "SIGABRT"}: 1, {ganger.TimedOut, ""}: 4, {ganger.Rejected, "input"}: 1,
	})
	c.NotStarted = 2 // the two that run
	want := "done 1,234  failed 8 (exit 2: 5, exit 1: 3)  timed-out 4  crashed 3 (SIGSEGV 2, SIGABRT 1)  rejected 1 (input 1)  not started 2  lost 0  in 8m02s"
	if got := c.Summary(482 * time.Second); got != want {
		t.Errorf("summary:\n got %q\nwant %q", got, want)
	}
	c.Left = map[ganger.Leaving]int{ganger.LeavingStopped: 2}
	if got := c.Summary(482 * time.Second); got != want {
		t.Errorf("workers that ended with the run are told:\n%s", got)
	}
	c.Left = map[ganger.Leaving]int{ganger.LeavingStopped: 2, ganger.LeavingMemorySoft: 4, "signal 9": 2}
	if got, told := c.Summary(482*time.Second), want+" | workers 8: left memory-soft 4, signal 9: 2, stopped 2"; got != told {
		t.Errorf("summary:\n got %q\nwant %q", got, told)
	}
	c.NotStarted = 1
	if got := c.Summary(0); !strings.Contains(got, "lost 1 ") {
		t.Errorf("a task without an outcome does not count as lost: %q", got)
	}
}

func TestWhatWaitsForAnotherAttemptDoesNotRun(t *testing.T) {
	var tally Tally
	a, b := &Running{Label: []byte("a")}, &Running{Label: []byte("b")}
	tally.Begin(a, at)
	tally.Begin(b, at.Add(time.Second))
	tally.Pause(a, 1)
	if c := tally.Counts(); c.Running != 1 || c.Oldest != "b" {
		t.Errorf("%d run, the oldest is %q; want 1 and b", c.Running, c.Oldest)
	}
	tally.Begin(a, at.Add(2*time.Second))
	tally.Pause(a, 1) // late
	if c := tally.Counts(); c.Running != 2 {
		t.Errorf("%d run after the second attempt began, want 2", c.Running)
	}
	tally.Pause(a, 2)
	tally.End(a, Reason{Outcome: ganger.Failed})
	if c := tally.Counts(); c.Running != 1 {
		t.Errorf("%d run after one of two has ended, want 1", c.Running)
	}
}

func TestLabel(t *testing.T) {
	for text, want := range map[string]string{
		"a b":             "a b",
		"":                `""`,
		"a\x1b[2Jb":       `"a\x1b[2Jb"`,
		"\xff":            `"\xff"`,
		"zwölf":           "zwölf",
		"0123456789abcde": "...6789abcde",
	} {
		if got := Label(text, 12); got != want {
			t.Errorf("Label(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		300 * time.Millisecond: "0.3s", 41 * time.Second: "41s", 198 * time.Second: "3m18s", 125 * time.Minute: "2h05m",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestBoardOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := &Board{Out: &out, Draw: true, Width: func() int { return 80 }, Line: func(width int) string {
			if width != 79 {
				t.Errorf("the line may be %d wide, want 79", width)
			}
			return "status"
		}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { b.Run(ctx); close(done) }()
		beside := b.Beside(&out)
		time.Sleep(redraw)
		synctest.Wait()
		before := out.String()
		b.Tell(Notice{Message: "for programs"})
		if out.String() != before {
			t.Errorf("what people are not told left %q", out.String()[len(before):])
		}
		b.Say("said\n")
		time.Sleep(redraw)
		synctest.Wait()
		_, _ = beside.Write([]byte("half a line"))
		time.Sleep(redraw) // nothing is drawn over somebody's half line
		synctest.Wait()
		_, _ = beside.Write([]byte(", whole\n"))
		time.Sleep(redraw)
		synctest.Wait()
		cancel()
		<-done
		want := erase + "status" + erase + "said\n" + erase + "status" + erase + "half a line, whole\n" + erase + "status" + erase
		if out.String() != want {
			t.Errorf("terminal:\n got %q\nwant %q", out.String(), want)
		}
	})
}

func TestBoardElsewhereSaysOnlyWhatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		lines := []string{"a", "a", "b"}
		b := &Board{Out: &out, Line: func(int) string {
			line := lines[0]
			lines = lines[1:]
			return line
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 3*plain+plain/2)
		defer cancel()
		b.Run(ctx)
		if want := "ganger: a\nganger: b\n"; out.String() != want {
			t.Errorf("said %q, want %q", out.String(), want)
		}
	})
}

func TestBoardInJSONTellsProgressThatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		ended := []int{1, 1, 2}
		b := &Board{Out: &out, Format: JSON, Progress: func() []slog.Attr {
			n := ended[0]
			ended = ended[1:]
			return []slog.Attr{slog.Int("ended", n)}
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 3*plain+plain/2)
		defer cancel()
		b.Run(ctx)
		want := `{"time":"2000-01-01T00:00:10Z","level":"INFO","msg":"progress","ended":1}
{"time":"2000-01-01T00:00:30Z","level":"INFO","msg":"progress","ended":2}
`
		if out.String() != want {
			t.Errorf("told\n%swant\n%s", out.String(), want)
		}
	})
}

func TestRate(t *testing.T) {
	var r Rate
	if got := r.Add(at, 0); got != 0 {
		t.Errorf("rate of nothing is %v", got)
	}
	for s := 1; s <= 100; s++ {
		n := s * 10
		if s > 50 {
			n = 500 + (s-50)*30 // three times as fast from here on
		}
		got := r.Add(at.Add(time.Duration(s)*time.Second), n)
		if s == 50 && got != 10 || s == 100 && got != 30 {
			t.Errorf("after %d s the rate is %v", s, got)
		}
	}
}
