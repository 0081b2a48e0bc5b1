// Package record writes what is known of one task's end as one line of JSON.
// The members are documented in docs/records.md; they are only ever added to.
package record

import (
	"bufio"
	"encoding/base64"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ganger-dev/ganger"
)

// Record is one task and its end. It owns nothing that it points to.
type Record struct {
	Task     []byte // as it was read
	Value    bool   // Task is a JSON value, and stands in the record as that
	Index    int
	Path     string // which follow-up of the task with the index it is; left out when empty
	Outcome  ganger.Outcome
	Cause    ganger.Cause
	Error    string // in words, why there is no success; left out when empty
	Stderr   []byte
	Attempts int
	Deaths   int
	Worker   string
	PID      int
	Exit     *int // status of a process that exited; nil: there was none, or a signal ended it
	Signal   string
	Queued   time.Duration
	Ran      time.Duration
	// Report is the newest JSON value that its worker reported; left out when empty.
	Report []byte
	Out    string // the file that the task made; left out when empty
	Apart  bool   // the output is kept elsewhere, and has no member
	// Output gives the output from its beginning, each time it is called: an
	// output may be too big for memory. Nil means that there is none.
	Output func() io.Reader
	// Response says that the output is one JSON value, and stands in the record
	// as that; otherwise it stands there as a string.
	Response bool
}

// Print writes the record and a newline.
func (r *Record) Print(out *bufio.Writer) error {
	w := writer{out}
	w.raw("{")
	if r.Value {
		w.raw(`"task":`)
		_, _ = w.Write(r.Task)
	} else if utf8.Valid(r.Task) {
		w.raw(`"task":`)
		w.text(string(r.Task))
	} else {
		w.raw(`"task_base64":"` + base64.StdEncoding.EncodeToString(r.Task) + `"`)
	}
	w.raw(`,"index":` + strconv.Itoa(r.Index))
	if r.Path != "" {
		w.raw(`,"follow_up":`)
		w.text(r.Path)
	}
	w.raw(`,"outcome":`)
	w.text(r.Outcome.String())
	w.raw(`,"cause":`)
	w.text(string(r.Cause))
	if r.Error != "" {
		w.raw(`,"error":`)
		w.text(r.Error)
	}
	if !r.Apart {
		if err := w.output(r.Output, r.Response); err != nil {
			return err
		}
	}
	switch {
	case r.Out == "":
	case utf8.ValidString(r.Out):
		w.raw(`,"out":`)
		w.text(r.Out)
	default:
		w.raw(`,"out_base64":"` + base64.StdEncoding.EncodeToString([]byte(r.Out)) + `"`)
	}
	if len(r.Report) > 0 {
		w.raw(`,"feedback":`)
		_, _ = w.Write(r.Report)
	}
	w.raw(`,"stderr":`)
	w.text(string(r.Stderr))
	w.raw(`,"attempts":` + strconv.Itoa(r.Attempts))
	w.raw(`,"deaths":` + strconv.Itoa(r.Deaths))
	w.raw(`,"worker":`)
	w.text(r.Worker)
	w.raw(`,"pid":` + strconv.Itoa(r.PID))
	w.raw(`,"exit":`)
	if r.Exit != nil {
		w.raw(strconv.Itoa(*r.Exit))
	} else {
		w.raw("null")
	}
	w.raw(`,"signal":`)
	w.text(r.Signal)
	w.raw(`,"queued_ms":` + milliseconds(r.Queued))
	w.raw(`,"run_ms":` + milliseconds(r.Ran))
	w.raw("}\n")
	_, err := out.Write(nil) // a bufio.Writer remembers its first error
	return err
}

// milliseconds writes d with three digits behind the point.
func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', -1, 64)
}

// writer writes pieces of JSON. Errors are the buffer's to remember.
type writer struct{ *bufio.Writer }

func (w writer) raw(s string) { _, _ = w.WriteString(s) }

// text writes a string; what is not UTF-8 in it becomes U+FFFD.
func (w writer) text(s string) {
	w.raw(`"`)
	_, _ = escaper{w.Writer}.Write([]byte(strings.ToValidUTF8(s, "\ufffd")))
	w.raw(`"`)
}

// output writes the output member, reading the output once to see what it is
// and once to write it.
func (w writer) output(open func() io.Reader, value bool) error {
	if open == nil {
		w.raw(`,"output":null`)
		return nil
	}
	if value {
		w.raw(`,"output":`)
		_, err := io.Copy(w.Writer, open())
		return err
	}
	valid := &scanner{}
	if _, err := io.Copy(valid, open()); err != nil {
		return err
	}
	if !valid.end() {
		w.raw(`,"output_base64":"`)
		e := base64.NewEncoder(base64.StdEncoding, w.Writer)
		if _, err := io.Copy(e, open()); err != nil {
			return err
		}
		_ = e.Close()
		w.raw(`"`)
		return nil
	}
	w.raw(`,"output":"`)
	if _, err := io.Copy(escaper{w.Writer}, open()); err != nil {
		return err
	}
	w.raw(`"`)
	return nil
}

// scanner is a sink that finds whether what is written to it is UTF-8.
type scanner struct {
	split []byte // the beginning of a character whose rest has not come
	wrong bool
}

func (s *scanner) Write(b []byte) (int, error) {
	n := len(b)
	for len(s.split) > 0 && len(b) > 0 && !utf8.FullRune(s.split) {
		s.split = append(s.split, b[0])
		b = b[1:]
	}
	if len(s.split) > 0 && utf8.FullRune(s.split) {
		s.wrong = s.wrong || !utf8.Valid(s.split)
		s.split = s.split[:0]
	}
	cut := len(b)
	for i := max(0, cut-utf8.UTFMax+1); i < cut; i++ {
		if utf8.RuneStart(b[i]) && !utf8.FullRune(b[i:]) {
			cut = i
		}
	}
	s.wrong = s.wrong || !utf8.Valid(b[:cut])
	s.split = append(s.split, b[cut:]...)
	return n, nil
}

// end reports whether all of it was UTF-8.
func (s *scanner) end() bool { return !s.wrong && len(s.split) == 0 }

// escaper writes bytes of UTF-8 as the inside of a JSON string. It does not
// embed the buffer, whose ReadFrom would pass the escaping by.
type escaper struct{ out *bufio.Writer }

func (e escaper) Write(b []byte) (int, error) {
	const hex = "0123456789abcdef"
	from := 0
	for i, c := range b {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		_, _ = e.out.Write(b[from:i])
		from = i + 1
		switch c {
		case '\n':
			_, _ = e.out.WriteString(`\n`)
		case '\r':
			_, _ = e.out.WriteString(`\r`)
		case '\t':
			_, _ = e.out.WriteString(`\t`)
		case '"', '\\':
			_ = e.out.WriteByte('\\')
			_ = e.out.WriteByte(c)
		default:
			_, _ = e.out.WriteString(`\u00` + string(hex[c>>4]) + string(hex[c&15]))
		}
	}
	if _, err := e.out.Write(b[from:]); err != nil {
		return 0, err
	}
	return len(b), nil
}
