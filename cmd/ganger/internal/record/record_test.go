package record

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ganger-dev/ganger"
)

// line is what a record is written as.
func line(t testing.TB, r Record) string {
	t.Helper()
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	if err := r.Print(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func reader(s string) func() io.Reader {
	return func() io.Reader { return strings.NewReader(s) }
}

func TestRecords(t *testing.T) {
	tests := []struct {
		name string
		r    Record
		want string
	}{
		{
			"done",
			Record{
				Task: []byte("a\tb"), Index: 3, Outcome: ganger.Done, Output: reader("x\n\"\x01ü"), Attempts: 1,
				Worker: "w0#1", PID: 12, Exit: new(0), Queued: 1500 * time.Microsecond, Ran: time.Second,
			},
			`{"task":"a\tb","index":3,"outcome":"done","cause":"","output":"x\n\"\u0001ü","stderr":"","attempts":1,"deaths":0,` +
				`"worker":"w0#1","pid":12,"exit":0,"signal":"","queued_ms":1.5,"run_ms":1000}`,
		},
		{
			"a follow-up with a report",
			Record{Task: []byte("x"), Index: 1, Path: "2.1", Report: []byte(`{"half":true}`), Outcome: ganger.Done},
			`{"task":"x","index":1,"follow_up":"2.1","outcome":"done","cause":"","output":null,"feedback":{"half":true},"stderr":"","attempts":0,"deaths":0,` +
				`"worker":"","pid":0,"exit":null,"signal":"","queued_ms":0,"run_ms":0}`,
		},
		{
			"a JSON task and a response",
			Record{Task: []byte(`{"a":1}`), Value: true, Index: 1, Outcome: ganger.Done, Output: reader(`[1, 2]`), Response: true},
			`{"task":{"a":1},"index":1,"outcome":"done","cause":"","output":[1, 2],"stderr":"","attempts":0,"deaths":0,` +
				`"worker":"","pid":0,"exit":null,"signal":"","queued_ms":0,"run_ms":0}`,
		},
		{
			"crashed, with bytes that are no text",
			Record{
				Task: []byte("\xff"), Index: 1, Outcome: ganger.Crashed, Cause: "signal 11", Error: "it died",
				Output: reader("\x00\xfe"), Stderr: []byte("bad \xff"), Signal: "SIGSEGV",
			},
			`{"task_base64":"/w==","index":1,"outcome":"crashed","cause":"signal 11","error":"it died","output_base64":"AP4=","stderr":"bad �",` +
				`"attempts":0,"deaths":0,"worker":"","pid":0,"exit":null,"signal":"SIGSEGV","queued_ms":0,"run_ms":0}`,
		},
		{
			"rejected",
			Record{Task: []byte("{"), Index: 1, Outcome: ganger.Rejected, Cause: ganger.CauseInput},
			`{"task":"{","index":1,"outcome":"rejected","cause":"input","output":null,"stderr":"","attempts":0,"deaths":0,` +
				`"worker":"","pid":0,"exit":null,"signal":"","queued_ms":0,"run_ms":0}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want+"\n", line(t, tt.r)); d != "" {
				t.Errorf("record (-want +got):\n%s", d)
			}
		})
	}
}

func TestABrokenOutputIsAnError(t *testing.T) {
	broken := errors.New("no such block")
	r := Record{Output: func() io.Reader { return iotest.ErrReader(broken) }}
	if err := r.Print(bufio.NewWriter(io.Discard)); !errors.Is(err, broken) {
		t.Errorf("err = %v, want %v", err, broken)
	}
}

// FuzzOutput: any output comes back byte for byte, however it is cut into pieces.
func FuzzOutput(f *testing.F) {
	f.Add([]byte("plain\n"), []byte("ü"))
	f.Add([]byte("\xe2\x82"), []byte("\xac\x00\x7f\u2028"))
	f.Add([]byte("\xc3"), []byte("x"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		both := string(a) + string(b)
		open := func() io.Reader {
			return io.MultiReader(bytes.NewReader(a), iotest.OneByteReader(bytes.NewReader(b)))
		}
		text := line(t, Record{Task: a, Output: open})
		var got struct {
			Output       *string `json:"output"`
			OutputBase64 *string `json:"output_base64"`
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%q is no JSON: %v", text, err)
		}
		if utf8.ValidString(both) {
			if got.Output == nil || *got.Output != both {
				t.Fatalf("output %q came back as %s", both, text)
			}
			return
		}
		if got.OutputBase64 == nil {
			t.Fatalf("output %q is not in base64: %s", both, text)
		}
		if raw, err := base64.StdEncoding.DecodeString(*got.OutputBase64); err != nil || string(raw) != both {
			t.Fatalf("output %q came back as %q, %v", both, raw, err)
		}
	})
}
