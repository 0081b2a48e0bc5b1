package runlog

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ganger-dev/ganger"
)

// ID stands for the text of a task: the first half of its SHA-256.
type ID [16]byte

// Of returns the ID of a text.
func Of(text []byte) ID {
	sum := sha256.Sum256(text)
	return ID(sum[:16])
}

// MarshalText writes the ID as hexadecimal digits.
func (id ID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, id[:]), nil }

// UnmarshalText reads what MarshalText writes.
func (id *ID) UnmarshalText(b []byte) error {
	if len(b) != 2*len(id) {
		return fmt.Errorf("an id of %d digits, not %d", len(b), 2*len(id))
	}
	_, err := hex.Decode(id[:], b)
	return err
}

// version of the records that this package writes.
const version = 1

// Header begins a session. What it says of the command decides whether a run may
// go on with the log; the input may change.
type Header struct {
	Version int       `json:"ganger_log"`
	Command []string  `json:"command"`
	Call    string    `json:"call,omitempty"` // the function that is the worker; "" where Command is
	Proto   string    `json:"proto"`
	Shell   bool      `json:"shell"`
	Format  string    `json:"format"` // of the input
	Out     string    `json:"out,omitempty"`
	Started time.Time `json:"started"`
	PID     int       `json:"pid"`
}

// Difference says in words how the command of the log differs from the command h,
// "" if it does not.
func (h *Header) Difference(log *Header) string {
	var all []string
	differ := func(what, was, is string) {
		if was != is {
			all = append(all, fmt.Sprintf("%s %s, now %s", what, was, is))
		}
	}
	differ("the command was", words(log.Command), words(h.Command))
	differ("--call was", cmp.Or(log.Call, "absent"), cmp.Or(h.Call, "absent"))
	differ("--proto was", log.Proto, h.Proto)
	differ("--shell was", strconv.FormatBool(log.Shell), strconv.FormatBool(h.Shell))
	differ("the input was of", log.Format, h.Format)
	differ("--out was", given(log.Out), given(h.Out))
	return strings.Join(all, "; ")
}

// given is the value of a flag as a difference tells it.
func given(value string) string {
	if value == "" {
		return "not given"
	}
	return string(appendText(nil, value))
}

// words writes a command so that other words never look the same.
func words(command []string) string {
	b := []byte{'['}
	for i, w := range command {
		if i > 0 {
			b = append(b, ' ')
		}
		b = appendText(b, w)
	}
	return string(append(b, ']'))
}

// End is the end of one task. It owns nothing that it points to.
type End struct {
	Task     []byte // as it was read
	Value    bool   // Task is a JSON value, and stands in the record as that
	Index    int
	Outcome  ganger.Outcome
	Cause    ganger.Cause
	Error    string
	Exit     *int
	Signal   string
	Attempts int
	Deaths   int
	Ran      time.Duration
	Stderr   []byte
	// Submitted are the tasks that came of it, JSON values of one line. They are
	// tasks of the run, and have records of their own when they end.
	Submitted []json.RawMessage
}

// What is kept of an error and of a standard error, in bytes.
const (
	errorKept  = 1000
	stderrKept = 400
)

// timeFormat is that of RFC 3339.
const timeFormat = "2006-01-02T15:04:05.000Z"

// append writes the record of the end of t, which was at the time that is given.
// Empty members are left out. It begins with what [glance] reads.
func (e *End) append(b []byte, t *Task, now []byte) []byte {
	b = hex.AppendEncode(append(b, idMember...), t.ID[:])
	b = strconv.AppendInt(append(b, nthMember...), int64(t.Nth), 10)
	b = append(append(b, outcomeMember...), e.Outcome.String()...)
	switch {
	case e.Value:
		b = append(append(b, `","task":`...), e.Task...)
	case utf8.Valid(e.Task):
		b = appendText(append(b, `","task":`...), string(e.Task))
	default:
		b = append(b, `","task_base64":"`...)
		b = append(base64.StdEncoding.AppendEncode(b, e.Task), '"')
	}
	b = strconv.AppendInt(append(b, `,"index":`...), int64(e.Index), 10)
	if e.Cause != "" {
		b = appendText(append(b, `,"cause":`...), string(e.Cause))
	}
	if e.Error != "" {
		b = appendText(append(b, `,"error":`...), e.Error[:min(len(e.Error), errorKept)])
	}
	if len(e.Stderr) > 0 {
		b = appendText(append(b, `,"stderr":`...), string(lastBytes(e.Stderr)))
	}
	if e.Exit != nil {
		b = strconv.AppendInt(append(b, `,"exit":`...), int64(*e.Exit), 10)
	}
	if e.Signal != "" {
		b = appendText(append(b, `,"signal":`...), e.Signal)
	}
	b = strconv.AppendInt(append(b, `,"attempts":`...), int64(e.Attempts), 10)
	if e.Deaths > 0 {
		b = strconv.AppendInt(append(b, `,"deaths":`...), int64(e.Deaths), 10)
	}
	us := e.Ran.Microseconds()
	b = strconv.AppendInt(append(b, `,"run_ms":`...), us/1000, 10)
	if us %= 1000; us > 0 {
		b = append(b, '.', byte('0'+us/100), byte('0'+us/10%10), byte('0'+us%10))
	}
	b = append(append(b, `,"ended":"`...), now...)
	b = append(b, '"')
	if len(e.Submitted) > 0 { // last, so that a glance sees it
		b = append(b, `,"submitted":[`...)
		for i, v := range e.Submitted {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, v...)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// The beginning of the record of an end.
const (
	idMember      = `{"id":"`
	nthMember     = `","nth":`
	outcomeMember = `,"outcome":"`
)

// glance reads the beginning of an end as this package writes it, without the rest:
// most records of a log need no more, and JSON takes ten times as long. ok is false
// for any other record, which parse reads, and for one with tasks that came of it.
func glance(b []byte) (o occurrence, outcome ganger.Outcome, ok bool) {
	if bytes.HasSuffix(b, []byte("]}")) {
		return o, 0, false
	}
	b, ok = bytes.CutPrefix(b, []byte(idMember))
	if !ok || len(b) < 2*len(o.id) || o.id.UnmarshalText(b[:2*len(o.id)]) != nil {
		return o, 0, false
	}
	b, ok = bytes.CutPrefix(b[2*len(o.id):], []byte(nthMember))
	digits, b, more := bytes.Cut(b, []byte(outcomeMember))
	nth, err := strconv.ParseUint(string(digits), 10, 31)
	if !ok || !more || err != nil || nth < 1 {
		return o, 0, false
	}
	word, _, more := bytes.Cut(b, []byte(`"`))
	if !more || outcome.UnmarshalText(word) != nil || outcome == 0 {
		return o, 0, false
	}
	o.nth = uint32(nth)
	return o, outcome, true
}

// lastBytes is what is kept of a standard error, from where a character begins.
func lastBytes(b []byte) []byte {
	b = b[max(len(b)-stderrKept, 0):]
	for i := range min(len(b), utf8.UTFMax) {
		if utf8.RuneStart(b[i]) {
			return b[i:]
		}
	}
	return b
}

// appendSmall writes a record of a task that is no end: began, or died with a
// number of deaths.
func appendSmall(b []byte, kind string, t *Task, deaths int) []byte {
	b = append(append(b, `{"`...), kind...)
	b = hex.AppendEncode(append(b, `":"`...), t.ID[:])
	b = strconv.AppendInt(append(b, `","nth":`...), int64(t.Nth), 10)
	if deaths > 0 {
		b = strconv.AppendInt(append(b, `,"deaths":`...), int64(deaths), 10)
	}
	return append(b, '}')
}

// appendText writes a JSON string; what is not UTF-8 in s becomes U+FFFD.
func appendText(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r < ' ':
			b = append(b, `\u00`...)
			b = append(b, digits[r>>4], digits[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// record is any record as it is read. Which it is, its members say.
type record struct {
	Header
	Task     json.RawMessage `json:"task"`
	Base64   []byte          `json:"task_base64"`
	ID       *ID             `json:"id"`
	Began    *ID             `json:"began"`
	Died     *ID             `json:"died"`
	Closed   *time.Time      `json:"closed"`
	Nth      int             `json:"nth"`
	Index    int             `json:"index"`
	Outcome  ganger.Outcome  `json:"outcome"`
	Cause    ganger.Cause    `json:"cause"`
	Error    string          `json:"error"`
	Stderr   string          `json:"stderr"`
	Exit     *int            `json:"exit"`
	Signal   string          `json:"signal"`
	Attempts int             `json:"attempts"`
	Deaths   int             `json:"deaths"`
	Ran      float64         `json:"run_ms"`

	Submitted []json.RawMessage `json:"submitted"`
}

// ErrLater is the error for a log that a later ganger wrote.
var ErrLater = errors.New("a later version of ganger wrote this log")

// parse reads one record and says what is wrong with it.
func parse(b []byte) (*record, error) {
	r := &record{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, err
	}
	of := r.ID
	for _, id := range []*ID{r.Began, r.Died} {
		if id != nil {
			of = id
		}
	}
	switch {
	case r.Version > version:
		return nil, ErrLater
	case of != nil && (r.Nth < 1 || r.Nth > 1<<31):
		return nil, fmt.Errorf("there is no occurrence %d", r.Nth)
	case r.Deaths < 0:
		return nil, fmt.Errorf("there are no %d deaths", r.Deaths)
	case r.ID != nil && r.Outcome == 0:
		return nil, errors.New("an end without an outcome")
	}
	return r, nil
}

// end is the record as an end. The task is a JSON value where format says so.
func (r *record) end(format string) *End {
	e := &End{
		Task: r.Base64, Index: r.Index, Outcome: r.Outcome, Cause: r.Cause, Error: r.Error,
		Exit: r.Exit, Signal: r.Signal, Attempts: r.Attempts, Deaths: r.Deaths,
		Ran: time.Duration(math.Round(r.Ran*1000)) * time.Microsecond, Stderr: []byte(r.Stderr),
		Submitted: r.Submitted,
	}
	var text string
	switch {
	case r.Task == nil:
	case format == FormatJSON || json.Unmarshal(r.Task, &text) != nil:
		e.Task, e.Value = r.Task, true
	default:
		e.Task = []byte(text)
	}
	return e
}

// FormatJSON is the [Header].Format of tasks that are JSON values.
const FormatJSON = "ndjson"
