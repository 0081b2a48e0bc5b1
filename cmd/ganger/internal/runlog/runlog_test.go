package runlog

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/journal"
)

// why is what narrows an end, in these tests.
func why(e *End) string { return string(e.Cause) }

// every outcome is wanted.
func every(ganger.Outcome) bool { return true }

// header is that of a session of these tests.
var header = Header{Command: []string{"cat", "{}"}, Proto: "exec", Format: "lines", Started: time.Unix(1e9, 0), PID: 1}

// begin opens a session of the log at path.
func begin(t testing.TB, path string) *Log {
	t.Helper()
	l, err := Open(path, Options{Header: header, Resume: true, Why: why})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// task is the next occurrence of a text.
func (l *Log) task(text string) *Task {
	id := Of([]byte(text))
	return &Task{ID: id, Nth: l.Take(id).Nth}
}

// end notes an end of t and waits for it.
func (l *Log) end(t testing.TB, k *Task, e *End) {
	t.Helper()
	w := make(told, 1)
	l.End(k, e, w)
	if err := <-w; err != nil {
		t.Fatal(err)
	}
}

// die ends a session as a kill does: without closed.
func (l *Log) die(t testing.TB) {
	t.Helper()
	close(l.kick)
	<-l.done
	if err := l.journal.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestEndsAreReadAsWritten: whatever a task and what it said are made of.
func TestEndsAreReadAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		exit := rapid.IntRange(0, 255).Draw(t, "exit")
		e := &End{
			Task:      rapid.SliceOf(rapid.Byte()).Draw(t, "task"),
			Index:     rapid.IntRange(1, 1e9).Draw(t, "index"),
			Outcome:   rapid.SampledFrom(ganger.Outcomes()).Draw(t, "outcome"),
			Cause:     ganger.Cause(rapid.SampledFrom([]string{"", "exec", "signal 11"}).Draw(t, "cause")),
			Error:     rapid.StringN(0, 100, errorKept).Draw(t, "error"),
			Exit:      rapid.SampledFrom([]*int{nil, &exit}).Draw(t, "exit status"),
			Signal:    rapid.SampledFrom([]string{"", "SIGSEGV"}).Draw(t, "signal"),
			Attempts:  rapid.IntRange(0, 9).Draw(t, "attempts"),
			Deaths:    rapid.IntRange(0, 9).Draw(t, "deaths"),
			Ran:       time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "µs")) * time.Microsecond,
			Stderr:    []byte(rapid.StringN(0, 50, stderrKept).Draw(t, "stderr")),
			Submitted: rapid.SampledFrom([][]json.RawMessage{nil, {json.RawMessage(`"a"`)}, {json.RawMessage(`{"a":[1]}`), json.RawMessage(`[]`)}}).Draw(t, "submitted"),
		}
		k := &Task{ID: Of(e.Task), Nth: rapid.IntRange(1, 9).Draw(t, "nth")}
		b := e.append(nil, k, []byte("2026-11-21T12:00:00.000Z"))
		r, err := parse(b)
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if o, outcome, ok := glance(b); len(e.Submitted) > 0 {
			if ok {
				t.Errorf("%s: at a glance nothing came of it", b)
			}
		} else if !ok || o != (occurrence{k.ID, uint32(k.Nth)}) || outcome != e.Outcome {
			t.Errorf("%s: at a glance %v of occurrence %d of %x, %v", b, outcome, o.nth, o.id, ok)
		}
		if *r.ID != k.ID || r.Nth != k.Nth {
			t.Errorf("%s: of occurrence %d of %x", b, r.Nth, *r.ID)
		}
		e.Error, e.Stderr = strings.ToValidUTF8(e.Error, "\ufffd"), []byte(strings.ToValidUTF8(string(e.Stderr), "\ufffd"))
		if d := cmp.Diff(e, r.end("lines"), cmp.Transformer("", func(b []byte) string { return string(b) })); d != "" {
			t.Errorf("%s: (-written +read)\n%s", b, d)
		}
	})
}

// TestLongWordsAreCut: the record of a task does not grow with what it said.
func TestLongWordsAreCut(t *testing.T) {
	e := &End{Outcome: ganger.Failed, Error: strings.Repeat("ü", 1e5), Stderr: []byte(strings.Repeat("x", 1e5) + strings.Repeat("ü", 1e5) + "!")}
	b := e.append(nil, &Task{Nth: 1}, nil)
	r, err := parse(append(b[:len(b)-len(`,"ended":""}`)], '}'))
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 3000 || !strings.HasSuffix(r.Stderr, "üü!") || strings.Contains(r.Stderr, "\ufffd") || !strings.HasPrefix(r.Error, "üü") {
		t.Errorf("%d bytes: %s", len(b), b)
	}
}

// TestCoordinatorDeaths: who is blamed for the death of a coordinator, who runs
// alone, and what an end forgets.
func TestCoordinatorDeaths(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.log")
	fates := func(l *Log, texts ...string) (all []Fate) {
		for _, text := range texts {
			f := l.Take(Of([]byte(text)))
			f.Nth = 0
			all = append(all, f)
		}
		return all
	}
	want := func(step string, got []Fate, want ...Fate) {
		t.Helper()
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", step, d)
		}
	}
	began := func(l *Log, texts ...string) {
		var all []*Task
		for _, text := range texts {
			all = append(all, l.task(text))
		}
		if err := l.Began(t.Context(), all...); err != nil {
			t.Fatal(err)
		}
	}

	l := begin(t, path)
	began(l, "a", "b")
	l.die(t) // nobody knows who did it
	l = begin(t, path)
	want("two had begun", fates(l, "a", "b", "c"), Fate{Alone: true}, Fate{Alone: true}, Fate{})
	l.die(t)

	l = begin(t, path)
	began(l, "a")
	l.die(t)
	l = begin(t, path)
	want("one had begun", fates(l, "a", "b"), Fate{Alone: true, Coordinators: 1}, Fate{Alone: true})
	l.die(t)

	l = begin(t, path)
	began(l, "a", "a") // the second is a task of its own
	l.die(t)
	l = begin(t, path)
	want("twice the same text", fates(l, "a", "a", "a"), Fate{Alone: true, Coordinators: 1}, Fate{Alone: true}, Fate{})
	began(l, "b")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	l = begin(t, path) // the last came to its own end: b was cancelled then
	b := l.task("b")
	if err := l.Began(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := l.Died(b, 2); err != nil {
		t.Fatal(err)
	}
	l.die(t)
	l = begin(t, path)
	want("a worker died, then the coordinator", fates(l, "b"), Fate{Alone: true, Coordinators: 1, Deaths: 2})
	l.end(t, &Task{ID: Of([]byte("b")), Nth: 1}, &End{Task: []byte("b"), Outcome: ganger.Poisoned, Cause: "signal 9", Deaths: 2})
	l.die(t)
	l = begin(t, path)
	want("an end forgets", fates(l, "b"), Fate{Outcome: ganger.Poisoned, Why: "signal 9"})
	l.die(t)
}

// TestEndsAreWrittenInTheirOrder: an end is never followed by the note that its
// task began, and who waits is told when Read finds it.
func TestEndsAreWrittenInTheirOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.log")
	l := begin(t, path)
	const tasks = 2000
	finished := make(chan struct{})
	all := make([]*Task, tasks)
	for i := range all {
		all[i] = l.task("same")
	}
	go func() { // waited for below
		defer close(finished)
		for _, k := range all {
			if err := l.Began(context.WithoutCancel(t.Context()), k); err != nil {
				t.Error(err)
			}
		}
	}()
	for _, k := range all {
		l.End(k, &End{Task: []byte("same"), Outcome: ganger.Done}, make(told, 1))
	}
	l.end(t, l.task("last"), &End{Task: []byte("last"), Outcome: ganger.Done})
	n := 0
	if err := Read(path, every, func(*End, []byte) error { n++; return nil }); err != nil || n != tasks+1 {
		t.Errorf("%d ends are there, want %d: %v", n, tasks+1, err)
	}
	<-finished
	l.die(t)
	l = begin(t, path)
	if len(l.past.begun) != 0 || slices.ContainsFunc(all, func(*Task) bool { return l.Take(Of([]byte("same"))).Alone }) {
		t.Error("a task that has ended counts as begun")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestForeign: what is no log of a run is not taken for one, and not touched.
func TestForeign(t *testing.T) {
	for record, want := range map[string]error{
		`{"anything":1}`:   ErrForeign,
		`{"ganger_log":2}`: ErrLater,
		`{"ganger_log":1}`: nil,
		`no JSON`:          errors.ErrUnsupported, // any other
	} {
		path := filepath.Join(t.TempDir(), "x.log")
		j, err := journal.Open(path, journal.Config{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(j.Append([]byte(record)), j.Close()); err != nil {
			t.Fatal(err)
		}
		l, opened := Open(path, Options{Header: header, Resume: true, Force: true, Why: why})
		if l != nil {
			l.die(t)
		}
		for what, err := range map[string]error{"Open": opened, "Read": Read(path, every, func(*End, []byte) error { return nil })} {
			if want == errors.ErrUnsupported {
				if err == nil || !strings.Contains(err.Error(), "x.log: record 1: ") {
					t.Errorf("%s of %s: %v", what, record, err)
				}
			} else if !errors.Is(err, want) {
				t.Errorf("%s of %s: %v, want %v", what, record, err, want)
			}
		}
	}
}

// FuzzParse: any bytes are a record, or an error; what is a record has an
// occurrence and an outcome where it speaks of a task, and another look at the
// same log comes to the same.
func FuzzParse(f *testing.F) {
	exit := 3
	k := &Task{ID: Of([]byte("a")), Nth: 1}
	e := &End{Task: []byte("a\xff"), Outcome: ganger.Crashed, Cause: "signal 11", Error: "e", Exit: &exit, Signal: "SIGSEGV", Stderr: []byte("words")}
	f.Add(e.append(nil, k, []byte("2026-11-21T12:00:00.000Z")))
	f.Add((&End{Task: []byte(`{"x":1}`), Value: true, Outcome: ganger.Done}).append(nil, k, nil))
	f.Add(appendSmall(nil, "began", k, 0))
	f.Add(appendSmall(nil, "died", k, 7))
	f.Add([]byte(`{"ganger_log":1,"command":["a"],"proto":"exec","shell":false,"format":"lines","started":"2026-11-21T12:00:00Z","pid":1}`))
	f.Add([]byte(`{"closed":"2026-11-21T12:00:00.000Z"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := newPast(why)
		if err := p.add([]byte(`{"ganger_log":1}`)); err != nil {
			t.Fatal(err)
		}
		first := p.add(b)
		if second := p.add(b); (first == nil) != (second == nil) {
			t.Errorf("first %v, then %v", first, second)
		}
		if first != nil {
			return
		}
		p.died()
		// A record of success is only glanced at: the journal's sum says that the
		// rest of it is what was written.
		o, outcome, ok := glance(b)
		if !ok || outcome != ganger.Done {
			r, err := parse(b)
			if err != nil {
				t.Fatalf("%q was taken for a record: %v", b, err)
			}
			if r.ID == nil || r.Began != nil || r.Died != nil || r.Version != 0 || r.Closed != nil {
				return
			}
			o, outcome = occurrence{*r.ID, uint32(r.Nth)}, r.Outcome
			if e := r.end(FormatJSON); e.Outcome != outcome {
				t.Errorf("%s: its outcome is %v", b, e.Outcome)
			}
		}
		if o.nth > 1000 {
			return
		}
		for range o.nth - 1 {
			p.take(o.id)
		}
		if got := p.take(o.id); got.Outcome != outcome || got.Nth != int(o.nth) {
			t.Errorf("%s: its fate is %+v", b, got)
		}
	})
}

// TestWhatCameOfATaskIsKnown: of its newest end, once.
func TestWhatCameOfATaskIsKnown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	children := []json.RawMessage{json.RawMessage(`"b"`), json.RawMessage(`"c"`)}
	l := begin(t, path)
	l.end(t, l.task("a"), &End{Task: []byte("a"), Outcome: ganger.Done, Submitted: children})
	l.end(t, l.task("again"), &End{Task: []byte("again"), Outcome: ganger.Done, Submitted: children})
	l.die(t)
	l = begin(t, path)
	again := l.Take(Of([]byte("again")))
	l.end(t, &Task{ID: Of([]byte("again")), Nth: again.Nth}, &End{Task: []byte("again"), Outcome: ganger.Done})
	l.die(t)
	l = begin(t, path)
	defer l.die(t)
	if f := l.Take(Of([]byte("a"))); !slices.EqualFunc(f.Submitted, children, func(a, b json.RawMessage) bool { return string(a) == string(b) }) {
		t.Errorf("of a came %s, want %s", f.Submitted, children)
	}
	if f := l.Take(Of([]byte("again"))); f.Outcome != ganger.Done || f.Submitted != nil {
		t.Errorf("of the last end of again came %s, want nothing", f.Submitted)
	}
}
