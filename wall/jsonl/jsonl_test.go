package jsonl_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/jsonl"
	"github.com/ganger-dev/ganger/wall/walltest"
)

const roomy = 64 << 10

var text jsonl.Dialect[string, string]

// asked is what a worker reads.
type asked struct {
	ID      int             `json:"id"`
	Request json.RawMessage `json:"request"`
	Cancel  int             `json:"cancel"`
}

func (a asked) text() string {
	s, err := strconv.Unquote(string(a.Request))
	if err != nil {
		return string(a.Request)
	}
	return s
}

// hears is a worker that says first and then, of each line that it reads, what f
// says of it.
func hears(first string, f func(a asked) string) func(*walltest.Far) error {
	return func(s *walltest.Far) error {
		if _, err := io.WriteString(s, first); err != nil {
			return err
		}
		in := bufio.NewReader(s)
		for {
			line, err := in.ReadBytes('\n')
			if err != nil {
				return nil
			}
			var a asked
			if err := json.Unmarshal(line, &a); err != nil {
				return err
			}
			if _, err := io.WriteString(s, f(a)); err != nil {
				return err
			}
		}
	}
}

func echo(a asked) string { return fmt.Sprintf(`{"id":%d,"response":%s}`+"\n", a.ID, a.Request) }

func TestRequestsAreAnswered(t *testing.T) {
	i, _ := walltest.Open(t, text, roomy, hears("", echo))
	if i.Slots() != 1 {
		t.Errorf("%d slots, want 1", i.Slots())
	}
	for _, q := range []string{"a", "", "two\nlines\r", "<é>", strings.Repeat("long ", 100_000)} {
		if got, err := walltest.Do(t, i, q); got != q || err != nil {
			t.Fatalf("%.40q: %.40q, %v", q, got, err)
		}
	}
}

// TestRawValuesCrossAsTheyAre: but for newlines, which would end the line.
func TestRawValuesCrossAsTheyAre(t *testing.T) {
	var d jsonl.Dialect[json.RawMessage, json.RawMessage]
	i, _ := walltest.Open(t, d, roomy, hears("", echo))
	for q, want := range map[string]string{
		`{"a" : "<&>"}`:   `{"a" : "<&>"}`,
		"[1,\n  2]":       `[1,2]`,
		`null`:            `null`,
		` 1.50 `:          `1.50`,
		`"\u003c"`:        `"\u003c"`,
		`12345678901e-10`: `12345678901e-10`,
	} {
		if got, err := walltest.Do(t, i, json.RawMessage(q)); string(got) != want || err != nil {
			t.Errorf("%s: %s, %v; want %s", q, got, err, want)
		}
	}
	_, err := walltest.Do(t, i, json.RawMessage(`{"a":`))
	walltest.EndedAs(t, err, ganger.Rejected, ganger.CauseEncode)
}

// TestALongLineAnsweredWhileItIsRead: a worker that writes as it reads fills its
// output before it has read its input.
func TestALongLineAnsweredWhileItIsRead(t *testing.T) {
	d := jsonl.Dialect[json.RawMessage, json.RawMessage]{}
	i, _ := walltest.Open(t, d, 8<<10, func(s *walltest.Far) error {
		in := bufio.NewReaderSize(s, 4<<10)
		for {
			head, err := in.Peek(len(`{"id":1,"request`))
			if err != nil {
				return nil
			}
			_, _ = in.Discard(len(head))
			if _, err := io.WriteString(s, strings.Replace(string(head), "request", "response", 1)); err != nil {
				return err
			}
			for {
				part, err := in.ReadSlice('\n')
				if _, err := s.Write(part); err != nil {
					return err
				}
				if err == nil {
					break
				}
			}
		}
	})
	for _, size := range []int{1 << 20, 100 << 10, 10} {
		q := json.RawMessage(`"` + strings.Repeat("x", size) + `"`)
		if got, err := walltest.Do(t, i, q); string(got) != string(q) || err != nil {
			t.Fatalf("%d bytes: %d bytes back, %v", size, len(got), err)
		}
	}
}

func TestT25T26ValuesThatCannotCross(t *testing.T) {
	d := jsonl.Dialect[any, int]{}
	i, l := walltest.Open(t, d, roomy, hears("", echo))
	_, err := walltest.Do[any](t, i, func() {})
	walltest.EndedAs(t, err, ganger.Rejected, ganger.CauseEncode)
	_, err = walltest.Do[any](t, i, "seven")
	walltest.EndedAs(t, err, ganger.Failed, ganger.CauseEncode)
	if !strings.Contains(err.Error(), "seven") {
		t.Errorf("err = %v, want what was seen", err)
	}
	if got, err := walltest.Do[any](t, i, 7); got != 7 || err != nil || l.Exit().Reason != "" {
		t.Errorf("the next: %d, %v, exit %+v", got, err, l.Exit())
	}
}

func TestAnErrorIsTheWorkersWord(t *testing.T) {
	says := map[string]string{
		"object": `"error":{"message":"disk full","trace":"line 7"}`,
		"text":   `"error":"disk full"`,
		"empty":  `"error":{}`,
		"null":   `"error":null,"feedback":null,"response":"fine"`,
	}
	i, _ := walltest.Open(t, text, roomy, hears("", func(a asked) string {
		return fmt.Sprintf(`{"id":%d,%s}`+"\n", a.ID, says[a.text()])
	}))
	for q, want := range map[string]string{"object": "disk full", "text": "disk full", "empty": "gave no reason"} {
		_, err := walltest.Do(t, i, q)
		walltest.EndedAs(t, err, ganger.Failed, "")
		f, ok := errors.AsType[*jsonl.Failure](err)
		if !ok || !strings.Contains(f.Message, want) || q == "object" && f.Trace != "line 7" {
			t.Errorf("%s: %#v, want %q", q, err, want)
		}
	}
	if got, err := walltest.Do(t, i, "null"); got != "fine" || err != nil {
		t.Errorf("a null error: %q, %v", got, err)
	}
}

func TestT29FeedbackComesInOrderBeforeTheResponse(t *testing.T) {
	i, _ := walltest.Open(t, text, roomy, hears("", func(a asked) string {
		var b strings.Builder
		for n := range 100 {
			fmt.Fprintf(&b, `{"id":%d,"feedback":{"n":%d}}`+"\n", a.ID, n)
		}
		return b.String() + echo(a)
	}))
	h := &walltest.Host{}
	if got, err := walltest.Begin(i, "x", h).Wait(t); got != "x" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	for n, got := range h.Reports() {
		if want := fmt.Sprintf(`{"n":%d}`, n); got != want {
			t.Fatalf("feedback %d is %s, want %s", n, got, want)
		}
	}
	if n := len(h.Reports()); n != 100 {
		t.Errorf("%d feedbacks, want 100", n)
	}
}

// TestSixteenWithheldAndAnsweredBackwards: a worker that withholds its first
// response until 16 requests have arrived, and answers the last one first.
func TestSixteenWithheldAndAnsweredBackwards(t *testing.T) {
	d := jsonl.Dialect[string, string]{Ready: true, Slots: 16}
	var held []string
	i, _ := walltest.Open(t, d, roomy, hears(`{"ready":true,"slots":20}`+"\n", func(a asked) string {
		if held = append(held, echo(a)); len(held) < 16 {
			return ""
		}
		var b strings.Builder
		for n := range held {
			b.WriteString(held[len(held)-1-n])
		}
		return b.String()
	}))
	if i.Slots() != 16 {
		t.Fatalf("%d slots, want 16", i.Slots())
	}
	var calls []*walltest.Call[string]
	for n := range 16 {
		calls = append(calls, walltest.Begin(i, fmt.Sprint(n), nil))
	}
	for n, c := range calls {
		if got, err := c.Wait(t); got != fmt.Sprint(n) || err != nil {
			t.Errorf("call %d: %q, %v", n, got, err)
		}
	}
}

func TestReady(t *testing.T) {
	d := jsonl.Dialect[string, string]{Ready: true, Slots: 4}
	if d.Mute() || !text.Mute() {
		t.Errorf("Mute: %v with Ready, %v without", d.Mute(), text.Mute())
	}
	for first, slots := range map[string]int{
		`{"ready":true}`:                    4,
		`{"ready":true,"slots":2}` + "\r":   2,
		`{"ready":true,"slots":9,"more":1}`: 4,
	} {
		i, _ := walltest.Open(t, d, roomy, hears(first+"\n", echo))
		if got, err := walltest.Do(t, i, "x"); got != "x" || err != nil || i.Slots() != slots {
			t.Errorf("%s: %q, %v, %d slots, want %d", first, got, err, i.Slots(), slots)
		}
	}
	for _, first := range []string{"Loading…", `{"ready":false}`, `{"id":1}`, `{"ready":true,"slots":-1}`} {
		_, err := wall.Speak(walltest.NewWorkers(t, roomy, hears(first+"\n", echo)), d).Open(t.Context(), wall.Start{Name: "w"})
		if !errors.Is(err, wall.ErrBroken) {
			t.Errorf("%s: %v, want %v", first, err, wall.ErrBroken)
		}
	}
	_, err := wall.Speak(walltest.NewWorkers(t, roomy, func(*walltest.Far) error { return nil }), d).Open(t.Context(), wall.Start{Name: "w"})
	if err == nil || !strings.Contains(err.Error(), "before it was ready") {
		t.Errorf("no line at all: %v", err)
	}
	_, err = jsonl.Dialect[string, string]{Limit: -1, Slots: -1}.Hello(t.Context(), nil, wall.Start{})
	if err == nil || !strings.Contains(err.Error(), "Limit") || !strings.Contains(err.Error(), "Slots") {
		t.Errorf("negative fields: %v, want both named", err)
	}
}
