package junit

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ganger-dev/ganger"
)

// suites are a report as its readers see it.
type suites struct {
	XMLName xml.Name `xml:"testsuites"`
	Counts
	Suites []suite `xml:"testsuite"`
}

type suite struct {
	Name string `xml:"name,attr"`
	Counts
	Cases []testcase `xml:"testcase"`
}

type Counts struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
}

type testcase struct {
	Name    string `xml:"name,attr"`
	Class   string `xml:"classname,attr"`
	Time    string `xml:"time,attr"`
	Failure *wrong `xml:"failure"`
	Error   *wrong `xml:"error"`
}

type wrong struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func TestReport(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "t.xml")
	r, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	r.Add(Case{Outcome: ganger.Crashed, Name: "b", Class: "c", Type: "crashed (SIGSEGV)", Message: "m", Text: "<&>\n", Took: 1500 * time.Millisecond})
	r.Add(Case{Outcome: ganger.Failed, Name: "a \x1b\xff\x00", Class: "c", Type: "failed (exit 1)", Message: "two\nlines"})
	r.Add(Case{Outcome: ganger.Crashed, Name: "d", Class: "c", Type: "crashed (SIGABRT)"})
	r.Add(Case{Outcome: ganger.Done, Name: "none"})
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("there is a report before its end: %v", err)
	}
	if err := r.Close(7, time.Minute); err != nil {
		t.Fatal(err)
	}
	want := suites{
		XMLName: xml.Name{Local: "testsuites"}, Counts: Counts{10, 1, 2},
		Suites: []suite{
			{Name: "done", Counts: Counts{7, 0, 0}},
			{Name: "failed", Counts: Counts{1, 1, 0}, Cases: []testcase{
				{Name: "a \ufffd\ufffd\ufffd", Class: "c", Time: "0.000", Failure: &wrong{"failed (exit 1)", "two\nlines", ""}},
			}},
			{Name: "crashed", Counts: Counts{2, 0, 2}, Cases: []testcase{
				{Name: "b", Class: "c", Time: "1.500", Error: &wrong{"crashed (SIGSEGV)", "m", "<&>\n"}},
				{Name: "d", Class: "c", Time: "0.000", Error: &wrong{"crashed (SIGABRT)", "", ""}},
			}},
		},
	}
	if diff := cmp.Diff(want, read(t, path)); diff != "" {
		t.Errorf("the report (-want +got):\n%s", diff)
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("beside the report there is more: %v", names)
	}
}

// read reads a report as strictly as encoding/xml does.
func read(t testing.TB, path string) (s suites) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(b, &s); err != nil {
		t.Fatalf("the report is no XML: %v\n%s", err, b)
	}
	return s
}

func TestCreateSaysWhyNot(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(dir, "none", "t.xml"): "no such file or directory",
		dir:                                 "no regular file",
		os.DevNull:                          "no regular file",
	} {
		if _, err := Create(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Create(%q): %v, want an error with %q", path, err, want)
		}
	}
}

// TestTheOldReportStaysUntilTheNewOneIsWhole: what cannot be written harms nothing.
func TestTheOldReportStaysUntilTheNewOneIsWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.xml")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	r.Add(Case{Outcome: ganger.Failed, Name: "a"})
	_ = r.spool[ganger.Failed].file.Close() // as a disk that takes no more
	if err := r.Close(0, 0); err == nil {
		t.Error("the report was written, want an error")
	}
	if b, _ := os.ReadFile(path); string(b) != "old" {
		t.Errorf("the old report is %q", b)
	}
	if names, _ := os.ReadDir(filepath.Dir(path)); len(names) != 1 {
		t.Errorf("beside the report there is more: %v", names)
	}
}

// FuzzReport: whatever a task is and says, the report is XML and says what it can
// of it.
func FuzzReport(f *testing.F) {
	f.Add("a", "b]]>c", "\x00\x1b[0m\xff\ufffe")
	f.Fuzz(func(t *testing.T, name, typ, text string) {
		path := filepath.Join(t.TempDir(), "t.xml")
		r, err := Create(path)
		if err != nil {
			t.Fatal(err)
		}
		r.Add(Case{Outcome: ganger.Failed, Name: name, Class: text, Type: typ, Message: name, Text: text})
		if err := r.Close(0, 0); err != nil {
			t.Fatal(err)
		}
		s := read(t, path)
		if len(s.Suites) != 1 || len(s.Suites[0].Cases) != 1 || s.Suites[0].Cases[0].Failure == nil {
			t.Fatalf("it has no case with a failure: %+v", s)
		}
		if got, want := s.Suites[0].Cases[0].Name, carried(name); got != want {
			t.Errorf("the name is %q, want %q", got, want)
		}
		if got, want := s.Suites[0].Cases[0].Failure.Text, carried(text); got != want {
			t.Errorf("the text is %q, want %q", got, want)
		}
	})
}

// carried is what XML 1.0 carries of s.
func carried(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r', r >= ' ' && r <= '\ud7ff', r >= '\ue000' && r <= '\ufffd', r >= 0x10000:
			return r
		}
		return '\ufffd'
	}, s)
}
