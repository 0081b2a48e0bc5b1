package jsonl_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/jsonl"
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
func hears(first string, f func(a asked) string) func(io.ReadWriteCloser) error {
	return func(s io.ReadWriteCloser) error {
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
	i, _ := open(t, text, roomy, hears("", echo))
	if i.Slots() != 1 {
		t.Errorf("%d slots, want 1", i.Slots())
	}
	for _, q := range []string{"a", "", "two\nlines\r", "<é>", strings.Repeat("long ", 100_000)} {
		if got, err := do(t, i, q); got != q || err != nil {
			t.Fatalf("%.40q: %.40q, %v", q, got, err)
		}
	}
}

// TestRawValuesCrossAsTheyAre: but for newlines, which would end the line.
func TestRawValuesCrossAsTheyAre(t *testing.T) {
	var d jsonl.Dialect[json.RawMessage, json.RawMessage]
	i, _ := open(t, d, roomy, hears("", echo))
	for q, want := range map[string]string{
		`{"a" : "<&>"}`:   `{"a" : "<&>"}`,
		"[1,\n  2]":       `[1,2]`,
		`null`:            `null`,
		` 1.50 `:          `1.50`,
		`"\u003c"`:        `"\u003c"`,
		`12345678901e-10`: `12345678901e-10`,
	} {
		if got, err := do(t, i, json.RawMessage(q)); string(got) != want || err != nil {
			t.Errorf("%s: %s, %v; want %s", q, got, err, want)
		}
	}
	_, err := do(t, i, json.RawMessage(`{"a":`))
	outcome(t, err, ganger.Rejected, ganger.CauseEncode)
}

// TestALongLineAnsweredWhileItIsRead: a worker that writes as it reads fills its
// output before it has read its input.
func TestALongLineAnsweredWhileItIsRead(t *testing.T) {
	d := jsonl.Dialect[json.RawMessage, json.RawMessage]{}
	i, _ := open(t, d, 8<<10, func(s io.ReadWriteCloser) error {
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
		if got, err := do(t, i, q); string(got) != string(q) || err != nil {
			t.Fatalf("%d bytes: %d bytes back, %v", size, len(got), err)
		}
	}
}

func TestT25T26ValuesThatCannotCross(t *testing.T) {
	d := jsonl.Dialect[any, int]{}
	i, l := open(t, d, roomy, hears("", echo))
	_, err := do[any](t, i, func() {})
	outcome(t, err, ganger.Rejected, ganger.CauseEncode)
	_, err = do[any](t, i, "seven")
	outcome(t, err, ganger.Failed, ganger.CauseEncode)
	if !strings.Contains(err.Error(), "seven") {
		t.Errorf("err = %v, want what was seen", err)
	}
	if got, err := do[any](t, i, 7); got != 7 || err != nil || l.Exit().Reason != "" {
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
	i, _ := open(t, text, roomy, hears("", func(a asked) string {
		return fmt.Sprintf(`{"id":%d,%s}`+"\n", a.ID, says[a.text()])
	}))
	for q, want := range map[string]string{"object": "disk full", "text": "disk full", "empty": "gave no reason"} {
		_, err := do(t, i, q)
		outcome(t, err, ganger.Failed, "")
		f, ok := errors.AsType[*jsonl.Failure](err)
		if !ok || !strings.Contains(f.Message, want) || q == "object" && f.Trace != "line 7" {
			t.Errorf("%s: %#v, want %q", q, err, want)
		}
	}
	if got, err := do(t, i, "null"); got != "fine" || err != nil {
		t.Errorf("a null error: %q, %v", got, err)
	}
}

// reports keeps feedback.
type reports struct {
	wall.Host
	mu  sync.Mutex // guards all
	all []string
}

func (r *reports) Feedback(body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, string(body))
}

func TestT29FeedbackComesInOrderBeforeTheResponse(t *testing.T) {
	i, _ := open(t, text, roomy, hears("", func(a asked) string {
		var b strings.Builder
		for n := range 100 {
			fmt.Fprintf(&b, `{"id":%d,"feedback":{"n":%d}}`+"\n", a.ID, n)
		}
		return b.String() + echo(a)
	}))
	h := &reports{}
	c := &call[string]{done: make(chan struct{})}
	c.Host, c.End = h, c
	i.Start("x", &c.Call)
	if got, err := c.wait(t); got != "x" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	for n, got := range h.all {
		if want := fmt.Sprintf(`{"n":%d}`, n); got != want {
			t.Fatalf("feedback %d is %s, want %s", n, got, want)
		}
	}
	if len(h.all) != 100 {
		t.Errorf("%d feedbacks, want 100", len(h.all))
	}
}

// TestSixteenWithheldAndAnsweredBackwards: a worker that withholds its first
// response until 16 requests have arrived, and answers the last one first.
func TestSixteenWithheldAndAnsweredBackwards(t *testing.T) {
	d := jsonl.Dialect[string, string]{Ready: true, Slots: 16}
	var held []string
	i, _ := open(t, d, roomy, hears(`{"ready":true,"slots":20}`+"\n", func(a asked) string {
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
	var calls []*call[string]
	for n := range 16 {
		calls = append(calls, start(i, fmt.Sprint(n)))
	}
	for n, c := range calls {
		if got, err := c.wait(t); got != fmt.Sprint(n) || err != nil {
			t.Errorf("call %d: %q, %v", n, got, err)
		}
	}
}

var unwanted = &ganger.Error{Outcome: ganger.Cancelled, Cause: ganger.CauseTask}

func TestACancelIsForThoseThatAskedForIt(t *testing.T) {
	d := jsonl.Dialect[string, string]{Ready: true}
	i, l := open(t, d, roomy, hears(`{"ready":true,"cancel":true}`+"\n", func(a asked) string {
		switch {
		case a.Cancel > 0:
			return fmt.Sprintf(`{"id":%d,"cancelled":true}`+"\n", a.Cancel)
		case a.text() == "hard":
			return ""
		}
		return echo(a)
	}))
	for range 3 {
		c := start(i, "hard")
		i.Cancel(&c.Call, unwanted)
		_, err := c.wait(t)
		outcome(t, err, ganger.Cancelled, ganger.CauseTask)
	}
	if got, err := do(t, i, "easy"); got != "easy" || err != nil || l.Exit().Reason != "" {
		t.Errorf("the next request: %q, %v, exit %+v", got, err, l.Exit())
	}

	i, l = open(t, d, roomy, hears(`{"ready":true}`+"\n", func(asked) string { return "" }))
	c := start(i, "hard")
	i.Cancel(&c.Call, unwanted)
	_, err := c.wait(t)
	outcome(t, err, ganger.Cancelled, ganger.CauseTask)
	await(t, l.Gone(), "the life to be ended, which cannot be asked")
}

// TestHammerCancel cancels calls at any moment: each ends once, as done or as
// asked, no cancel is lost, and the worker lives.
func TestHammerCancel(t *testing.T) {
	d := jsonl.Dialect[string, string]{Ready: true, Slots: 4}
	inHand := map[int]bool{} // of the worker
	w := worker(roomy, hears(`{"ready":true,"cancel":true,"slots":4}`+"\n", func(a asked) string {
		switch {
		case a.Cancel > 0 && inHand[a.Cancel]:
			delete(inHand, a.Cancel)
			return fmt.Sprintf(`{"id":%d,"cancelled":true}`+"\n", a.Cancel)
		case a.Cancel > 0: // too late
			return ""
		case a.text() == "hard":
			inHand[a.ID] = true
			return ""
		}
		return echo(a)
	}))
	// The grace is longer than a test is waited for, so that a lost cancel shows.
	i, err := wall.Speak(w, d).Open(t.Context(), wall.Start{Name: "w", Grace: 2 * patience})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Kill(ganger.LeavingStopped)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for n := range 300 {
				c := &call[string]{done: make(chan struct{})}
				c.End = c
				cancelled := make(chan struct{})
				go func() {
					defer close(cancelled)
					i.Cancel(&c.Call, unwanted)
				}()
				i.Start([]string{"hard", "easy"}[n%2], &c.Call)
				if _, err := c.wait(t); err != nil {
					outcome(t, err, ganger.Cancelled, ganger.CauseTask)
				}
				<-cancelled
			}
		})
	}
	all.Wait()
	if got, err := do(t, i, "easy"); got != "easy" || err != nil {
		t.Errorf("after it all: %q, %v", got, err)
	}
}

// hook is a request that calls a function while it is encoded.
type hook func()

func (h hook) MarshalJSON() ([]byte, error) {
	h()
	return []byte(`"hard"`), nil
}

// TestACancelBeforeTheRequestIsInHand must not be lost.
func TestACancelBeforeTheRequestIsInHand(t *testing.T) {
	d := jsonl.Dialect[hook, string]{Ready: true}
	w := worker(roomy, hears(`{"ready":true,"cancel":true}`+"\n", func(a asked) string {
		if a.Cancel == 0 {
			return ""
		}
		return fmt.Sprintf(`{"id":%d,"cancelled":true}`+"\n", a.Cancel)
	}))
	i, err := wall.Speak(w, d).Open(t.Context(), wall.Start{Name: "w", Grace: 2 * patience})
	if err != nil {
		t.Fatal(err)
	}
	defer i.Kill(ganger.LeavingStopped)
	c := &call[string]{done: make(chan struct{})}
	c.End = c
	i.Start(func() { i.Cancel(&c.Call, unwanted) }, &c.Call)
	_, err = c.wait(t)
	outcome(t, err, ganger.Cancelled, ganger.CauseTask)
}

func TestP7WhatIsNoAnswerEndsTheLife(t *testing.T) {
	for _, c := range []struct{ name, says, want string }{
		{"a print", "Loading the model\n", `"Loading the model`},
		{"an empty line", "\n", "not understood"},
		{"an array", "[1]\n", `"[1]`},
		{"an unasked id", `{"id":99,"response":1}` + "\n", "request 99, which is not in hand"},
		{"no id", `{"response":1}` + "\n", "without an id"},
		{"nothing said", `{"id":1,"later":1}` + "\n", "says nothing"},
		{"an error of another form", `{"id":1,"error":[7]}` + "\n", `"[7]"`},
		{"oversize", `{"id":1,"response":"` + strings.Repeat("y", 2000) + "\"}\n", "limit of 1000"},
		{"obeys what nobody asked", `{"id":1,"cancelled":true}` + "\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := jsonl.Dialect[string, string]{Limit: 1000}
			i, l := open(t, d, roomy, hears("", func(asked) string { return c.says }))
			_, err := do(t, i, "x")
			outcome(t, err, ganger.Crashed, ganger.CauseProtocol)
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v, want %q in it", err, c.want)
			}
			await(t, l.Gone(), "the life to be ended")
			if _, err := do(t, i, "late"); err != wall.ErrUnsent {
				t.Errorf("afterwards: %v, want %v", err, wall.ErrUnsent)
			}
		})
	}
}

// TestP7WhatComesEarlyCostsNoRequest: what is said while nothing is in hand.
func TestP7WhatComesEarlyCostsNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, l := open(t, text, roomy, hears("Welcome!\n", echo))
		synctest.Wait() // until it was heard
		if _, err := do(t, i, "x"); err != wall.ErrUnsent {
			t.Errorf("%v, want %v", err, wall.ErrUnsent)
		}
		await(t, l.Gone(), "the life to be ended")
		if l.Exit().Reason != ganger.LeavingProtocol {
			t.Errorf("exit = %+v, want protocol", l.Exit())
		}
	})
}

func TestT22DeathsTellWhatWasTaken(t *testing.T) {
	d := jsonl.Dialect[string, string]{Slots: 4}
	die := make(chan struct{})
	i, l := open(t, d, roomy, func(s io.ReadWriteCloser) error {
		var b [1]byte
		for b[0] != '\n' { // the first request, and not a byte more
			if _, err := s.Read(b[:]); err != nil {
				return err
			}
		}
		<-die
		_, _ = io.WriteString(s, `{"id":1,"resp`)
		return errors.New("exit 1")
	})
	var calls []*call[string]
	for range 4 {
		calls = append(calls, start(i, "x"))
	}
	for l.untaken() < 3*len(`{"id":1,"request":"x"}`+"\n") {
		runtime.Gosched()
	}
	close(die)
	_, err := calls[0].wait(t)
	outcome(t, err, ganger.Crashed, "exit 1")
	for n, c := range calls[1:] {
		if _, err := c.wait(t); err != wall.ErrUnsent {
			t.Errorf("call %d: %v, want %v", n+1, err, wall.ErrUnsent)
		}
	}
}

// TestAWorkerThatTakesNothingMore closes its ends and lives on: its calls must
// not wait for ever, and it is ended.
func TestAWorkerThatTakesNothingMore(t *testing.T) {
	i, l := open(t, text, roomy, func(s io.ReadWriteCloser) error {
		_ = s.Close()
		return nil
	})
	if _, err := do(t, i, "x"); err != wall.ErrUnsent {
		t.Errorf("%v, want %v", err, wall.ErrUnsent)
	}
	await(t, l.Gone(), "the worker to end")
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
		i, _ := open(t, d, roomy, hears(first+"\n", echo))
		if got, err := do(t, i, "x"); got != "x" || err != nil || i.Slots() != slots {
			t.Errorf("%s: %q, %v, %d slots, want %d", first, got, err, i.Slots(), slots)
		}
	}
	for _, first := range []string{"Loading…", `{"ready":false}`, `{"id":1}`, `{"ready":true,"slots":-1}`} {
		_, err := wall.Speak(worker(roomy, hears(first+"\n", echo)), d).Open(t.Context(), wall.Start{Name: "w"})
		if !errors.Is(err, wall.ErrBroken) {
			t.Errorf("%s: %v, want %v", first, err, wall.ErrBroken)
		}
	}
	_, err := wall.Speak(worker(roomy, func(io.ReadWriteCloser) error { return nil }), d).Open(t.Context(), wall.Start{Name: "w"})
	if err == nil || !strings.Contains(err.Error(), "before it was ready") {
		t.Errorf("no line at all: %v", err)
	}
	_, err = jsonl.Dialect[string, string]{Limit: -1, Slots: -1}.Hello(t.Context(), nil, wall.Start{})
	if err == nil || !strings.Contains(err.Error(), "Limit") || !strings.Contains(err.Error(), "Slots") {
		t.Errorf("negative fields: %v, want both named", err)
	}
}

// FuzzAnswers: whatever a worker says, every call ends once, and the life ends.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"id":1,"response":"x"}` + "\n"))
	f.Add([]byte(`{"id":2,"error":{"message":"m"}}` + "\n" + `{"id":1,"feedback":7}` + "\n" + `{"id":1,"response":7}`))
	f.Add([]byte(`{"id":3,"response":"x"}` + "\n" + `{"id":3,"response":"x"}` + "\n"))
	f.Add([]byte("{}\n\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		d := jsonl.Dialect[string, string]{Slots: 4, Limit: 1000}
		i, l := open(t, d, roomy, func(s io.ReadWriteCloser) error {
			in := bufio.NewReader(s)
			for range 4 {
				if _, err := in.ReadBytes('\n'); err != nil {
					return err
				}
			}
			_, _ = s.Write(said) // it may be killed for it
			return errors.New("exit 1")
		})
		var calls []*call[string]
		for range 4 {
			calls = append(calls, start(i, "q"))
		}
		for n, c := range calls {
			got, err := c.wait(t)
			switch o := ganger.OutcomeOf(err); o {
			case ganger.Done:
				if !strings.Contains(string(said), strconv.Itoa(n+1)) {
					t.Errorf("call %d is done, with %q, of %q", n, got, said)
				}
			case ganger.Failed, ganger.Crashed:
			default:
				t.Errorf("call %d of %q ended %v: %v", n, said, o, err)
			}
		}
		await(t, l.Gone(), "the life to end")
	})
}
