// Package junit writes the report of a run that CI systems read: JUnit's XML, with
// one suite for each outcome that occurred and one case for each task without
// success.
//
// There is no standard for it. What is written here is what the readers have in
// common: suites with their counts, cases with a name, a class and a time, and in
// each a failure, where the work said so, or an error.
package junit

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/ganger-dev/ganger"
)

// Report is a report that is being made. Its cases wait in files without a name, in
// the directory of the report: there may be as many as there are tasks. It is safe
// for concurrent use.
type Report struct {
	path string

	mu    sync.Mutex                // guards what follows; held across writing to a spool, which is what keeps cases whole
	spool [ganger.Lost + 1]*spooled // by outcome; nil where there is no case
	err   error                     // the first; nothing is written after it
}

// spooled are the cases of one outcome.
type spooled struct {
	file *os.File
	out  *bufio.Writer
	n    int
	took time.Duration
}

// Case is a task without success.
type Case struct {
	Outcome ganger.Outcome
	Name    string // of the task
	Class   string // what it was performed by
	Type    string // of what went wrong
	Message string // what went wrong, in short
	Text    string // all that is known of it
	Took    time.Duration
}

// Create prepares a report that is to be written to path. Its error says why that
// could not be.
func Create(path string) (*Report, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: it is there already, and no regular file", path)
	}
	r := &Report{path: path}
	// Whether there is room for cases is seen before there is any.
	if _, err := r.cases(ganger.Failed); err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = fmt.Errorf("%s: %w", path, e.Err) // the temporary name says nothing to anybody
		}
		return nil, err
	}
	return r, nil
}

// Add adds a case, none for Done. What cannot be written is told by Close.
func (r *Report) Add(c Case) {
	if c.Outcome == ganger.Done {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.cases(c.Outcome)
	if err == nil && r.err == nil {
		err = c.write(s.out)
		s.n++
		s.took += c.Took
	}
	if r.err == nil {
		r.err = err
	}
}

// cases returns the spool of an outcome.
func (r *Report) cases(o ganger.Outcome) (*spooled, error) {
	if s := r.spool[o]; s != nil {
		return s, nil
	}
	f, err := os.CreateTemp(filepath.Dir(r.path), ".ganger-junit-*.part")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s := &spooled{file: f, out: bufio.NewWriter(f)}
	r.spool[o] = s
	return s, nil
}

// write writes the case as an element.
func (c Case) write(out *bufio.Writer) error {
	kind := "error"
	if c.Outcome == ganger.Failed {
		kind = "failure"
	}
	w := writer{out}
	w.raw(`    <testcase`)
	w.attribute("name", c.Name)
	w.attribute("classname", c.Class)
	w.attribute("time", seconds(c.Took))
	w.raw(">\n      <" + kind)
	w.attribute("type", c.Type)
	w.attribute("message", c.Message)
	w.raw(">")
	w.text(c.Text)
	w.raw("</" + kind + ">\n    </testcase>\n")
	_, err := out.Write(nil) // a bufio.Writer remembers its first error
	return err
}

// Close writes the report: under a temporary name, then it takes the place of what
// is at its path. done is how many tasks had success, and took how long the run went
// on. The report may not be used after it.
func (r *Report) Close(done int, took time.Duration) (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.discard()
	if r.err != nil {
		return r.err
	}
	f, err := os.CreateTemp(filepath.Dir(r.path), ".ganger-junit-*.part")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	out := bufio.NewWriter(f)
	err = r.write(out, done, took)
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		err = f.Chmod(0o644) // it is for others to read
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), r.path)
}

// discard closes the spools, of which nothing is left then.
func (r *Report) discard() {
	for _, s := range r.spool {
		if s != nil {
			_ = s.file.Close()
		}
	}
}

// write writes all of the report.
func (r *Report) write(out *bufio.Writer, done int, took time.Duration) error {
	w := writer{out}
	all, failures := done, 0
	for o, s := range r.spool {
		if s != nil {
			all += s.n
			if ganger.Outcome(o) == ganger.Failed {
				failures += s.n
			}
		}
	}
	w.raw(xml.Header + `<testsuites name="ganger"`)
	w.counts(all, failures, all-done-failures, took)
	if done > 0 {
		w.raw(`  <testsuite name="` + ganger.Done.String() + `"`)
		w.counts(done, 0, 0, -1)
		w.raw("  </testsuite>\n")
	}
	for _, o := range ganger.Outcomes() {
		s := r.spool[o]
		if s == nil || s.n == 0 {
			continue
		}
		failures := 0
		if o == ganger.Failed {
			failures = s.n
		}
		w.raw(`  <testsuite name="` + o.String() + `"`)
		w.counts(s.n, failures, s.n-failures, s.took)
		if err := s.copy(out); err != nil {
			return err
		}
		w.raw("  </testsuite>\n")
	}
	w.raw("</testsuites>\n")
	_, err := out.Write(nil)
	return err
}

// copy writes the cases to out.
func (s *spooled) copy(out io.Writer) error {
	if err := s.out.Flush(); err != nil {
		return err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(out, s.file)
	return err
}

// seconds writes d as the time of a case.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }

// writer writes pieces of XML. Errors are the buffer's to remember.
type writer struct{ *bufio.Writer }

func (w writer) raw(s string) { _, _ = w.WriteString(s) }

// text writes s as characters. What XML 1.0 cannot carry becomes U+FFFD.
func (w writer) text(s string) { _ = xml.EscapeText(w, []byte(s)) }

func (w writer) attribute(name, value string) {
	w.raw(" " + name + `="`)
	w.text(value)
	w.raw(`"`)
}

// counts ends the start of a suite. Less than no time is none that is known.
func (w writer) counts(tests, failures, errors int, took time.Duration) {
	w.attribute("tests", strconv.Itoa(tests))
	w.attribute("failures", strconv.Itoa(failures))
	w.attribute("errors", strconv.Itoa(errors))
	if took >= 0 {
		w.attribute("time", seconds(took))
	}
	w.raw(">\n")
}
