package lines_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/lines"
	"github.com/ganger-dev/ganger/wall/walltest"
)

const roomy = 64 << 10

var text lines.Dialect[string, string]

// answering is a worker that answers each line with f of it.
func answering(f func(line string) string) func(*walltest.Far) error {
	return func(s *walltest.Far) error {
		in := bufio.NewReader(s)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return nil
			}
			if _, err := io.WriteString(s, f(strings.TrimSuffix(line, "\n"))); err != nil {
				return err
			}
		}
	}
}

func TestALineIsAnsweredByALine(t *testing.T) {
	i, _ := walltest.Open(t, text, roomy, answering(func(q string) string { return strings.ToUpper(q) + "\n" }))
	if _, ok := i.(wall.Runner[string, string]); !ok || i.Slots() != 1 {
		t.Errorf("%T with %d slots, want a Runner with 1", i, i.Slots())
	}
	for _, q := range []string{"a", "", "with\rreturn\r", "\x00\xff", strings.Repeat("long ", 100_000), "b"} {
		if got, err := walltest.Do(t, i, q); got != strings.ToUpper(q) || err != nil {
			t.Fatalf("%.40q: %.40q, %v", q, got, err)
		}
	}
	b, _ := walltest.Open(t, lines.Dialect[[]byte, []byte]{}, roomy, answering(func(q string) string { return q + "\n" }))
	first, err := walltest.Do(t, b, []byte("first"))
	if _, again := walltest.Do(t, b, []byte("other")); string(first) != "first" || err != nil || again != nil {
		t.Errorf("%q, %v, %v; want an answer of its own", first, err, again)
	}
}

// TestALongLineAnsweredWhileItIsRead: a filter that writes as it reads fills its
// output before it has read its input.
func TestALongLineAnsweredWhileItIsRead(t *testing.T) {
	i, _ := walltest.Open(t, text, 8<<10, func(s *walltest.Far) error {
		_, err := io.CopyBuffer(struct{ io.Writer }{s}, s, make([]byte, 1000))
		return err
	})
	for _, size := range []int{4 << 10, 100 << 10, 1 << 20, 10} {
		q := strings.Repeat("x", size)
		if got, err := walltest.Do(t, i, q); got != q || err != nil {
			t.Fatalf("%d bytes: %d bytes back, %v", size, len(got), err)
		}
	}
}

func TestARequestWithANewlineIsRejected(t *testing.T) {
	i, _ := walltest.Open(t, text, roomy, answering(func(q string) string { return q + "\n" }))
	_, err := walltest.Do(t, i, "two\nlines")
	walltest.EndedAs(t, err, ganger.Rejected, ganger.CauseInput)
	if got, err := walltest.Do(t, i, "one"); got != "one" || err != nil {
		t.Errorf("the next: %q, %v", got, err)
	}
}

func TestP7WhatComesEarlyCostsNoRequest(t *testing.T) {
	alone := make(chan struct{}) // the answer was read
	for name, f := range map[string]func(*walltest.Far) error{
		"with an answer": answering(func(q string) string { return q + "\nby the way\n" }),
		"after an answer": func(s *walltest.Far) error {
			in := bufio.NewReader(s)
			if _, err := in.ReadString('\n'); err != nil {
				return err
			}
			if _, err := io.WriteString(s, "one\n"); err != nil {
				return err
			}
			<-alone
			if _, err := io.WriteString(s, "noise"); err != nil {
				return err
			}
			_, err := io.Copy(io.Discard, in)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			i, l := walltest.Open(t, text, roomy, f)
			if got, err := walltest.Do(t, i, "one"); got != "one" || err != nil {
				t.Fatalf("%q, %v", got, err)
			}
			if name == "after an answer" {
				close(alone)
				for !l.Waiting() {
					runtime.Gosched()
				}
			}
			if _, err := walltest.Do(t, i, "two"); err != wall.ErrUnsent {
				t.Errorf("%v, want %v", err, wall.ErrUnsent)
			}
			walltest.Await(t, l.Gone(), "the life to be ended")
			if l.Exit().Reason != ganger.LeavingProtocol {
				t.Errorf("exit = %+v, want protocol", l.Exit())
			}
			if _, err := walltest.Do(t, i, "three"); err != wall.ErrUnsent {
				t.Errorf("afterwards: %v, want %v", err, wall.ErrUnsent)
			}
		})
	}
}

func TestAnAnswerBeyondTheLimitIsBroken(t *testing.T) {
	i, l := walltest.Open(t, lines.Dialect[string, string]{Limit: 100}, roomy, answering(func(q string) string { return q + q + "\n" }))
	if got, err := walltest.Do(t, i, strings.Repeat("x", 50)); len(got) != 100 || err != nil {
		t.Fatalf("at the limit: %d bytes, %v", len(got), err)
	}
	_, err := walltest.Do(t, i, strings.Repeat("y", 51))
	walltest.EndedAs(t, err, ganger.Crashed, ganger.CauseProtocol)
	if !strings.Contains(err.Error(), "limit of 100") || !strings.Contains(err.Error(), `"yyyy`) {
		t.Errorf("err = %v, want the limit and what was seen", err)
	}
	walltest.Await(t, l.Gone(), "the life to be ended")
}

func TestDeaths(t *testing.T) {
	dies := errors.New("exit 1")
	t.Run("in the middle of an answer", func(t *testing.T) {
		i, _ := walltest.Open(t, text, roomy, func(s *walltest.Far) error {
			_, _ = bufio.NewReader(s).ReadString('\n')
			_, _ = io.WriteString(s, "half of")
			return dies
		})
		_, err := walltest.Do(t, i, "x")
		walltest.EndedAs(t, err, ganger.Crashed, "exit 1")
	})
	t.Run("T22 before it took the request", func(t *testing.T) {
		written := make(chan struct{})
		i, l := walltest.Open(t, text, roomy, func(*walltest.Far) error {
			<-written
			return dies
		})
		c := walltest.Begin(i, "x", nil)
		for n := 0; n == 0; n, _ = l.Unread() {
			runtime.Gosched()
		}
		close(written)
		if _, err := c.Wait(t); err != wall.ErrUnsent {
			t.Errorf("%v, want %v", err, wall.ErrUnsent)
		}
	})
	t.Run("T22 in the middle of a long request", func(t *testing.T) {
		i, _ := walltest.Open(t, text, roomy, func(s *walltest.Far) error {
			_, _ = io.ReadFull(s, make([]byte, 10_000))
			return dies
		})
		if _, err := walltest.Do(t, i, strings.Repeat("x", 1<<20)); err != wall.ErrUnsent {
			t.Errorf("%v, want %v", err, wall.ErrUnsent)
		}
	})
}

// TestACancelEndsTheLife: lines cannot be asked to give up.
func TestACancelEndsTheLife(t *testing.T) {
	i, l := walltest.Open(t, text, roomy, answering(func(string) string { return "" }))
	c := walltest.Begin(i, "x", nil)
	i.Cancel(&c.Call, &ganger.Error{Outcome: ganger.TimedOut, Cause: ganger.CauseExec})
	_, err := c.Wait(t)
	walltest.EndedAs(t, err, ganger.TimedOut, ganger.CauseExec)
	walltest.Await(t, l.Gone(), "the life to end")
}

func TestReady(t *testing.T) {
	d := lines.Dialect[string, string]{Ready: true}
	if d.Mute() || !text.Mute() {
		t.Errorf("Mute: %v with Ready, %v without", d.Mute(), text.Mute())
	}
	says := func(first string) func(*walltest.Far) error {
		return func(s *walltest.Far) error {
			if _, err := io.WriteString(s, first); err != nil {
				return err
			}
			return answering(func(q string) string { return q + "\n" })(s)
		}
	}
	for _, first := range []string{"ready\n", "ready\r\n"} {
		i, _ := walltest.Open(t, d, roomy, says(first))
		if got, err := walltest.Do(t, i, "x"); got != "x" || err != nil {
			t.Errorf("%q: %q, %v", first, got, err)
		}
	}
	_, err := wall.Speak(walltest.NewWorkers(t, roomy, says("Loading…\n")), d).Open(t.Context(), wall.Start{Name: "w"})
	if !errors.Is(err, wall.ErrBroken) || !strings.Contains(err.Error(), "Loading") {
		t.Errorf("another first line: %v", err)
	}
	_, err = wall.Speak(walltest.NewWorkers(t, roomy, func(*walltest.Far) error { return nil }), d).
		Open(t.Context(), wall.Start{Name: "w"})
	if err == nil || !strings.Contains(err.Error(), "before it was ready") {
		t.Errorf("no line at all: %v", err)
	}
	_, err = lines.Dialect[string, string]{Limit: -1}.Hello(context.Background(), nil, wall.Start{})
	if err == nil || !strings.Contains(err.Error(), "Limit") {
		t.Errorf("a negative limit: %v", err)
	}
}

// FuzzLines: whatever a worker says, the call ends, with the bytes before the
// first newline if it is done.
func FuzzLines(f *testing.F) {
	f.Add([]byte("answer\n"))
	f.Add([]byte("no end"))
	f.Add([]byte("\n\n\n"))
	f.Add(bytes.Repeat([]byte("x"), 2000))
	f.Fuzz(func(t *testing.T, said []byte) {
		const limit = 1000
		i, _ := walltest.Open(t, lines.Dialect[[]byte, []byte]{Limit: limit}, roomy, func(s *walltest.Far) error {
			if _, err := bufio.NewReader(s).ReadString('\n'); err != nil {
				return err
			}
			_, _ = s.Write(said) // it may be killed for it
			return errors.New("exit 1")
		})
		got, err := walltest.Do(t, i, []byte("q"))
		line, _, whole := bytes.Cut(said, []byte("\n"))
		switch {
		case whole && len(line) <= limit:
			if !bytes.Equal(got, line) || err != nil {
				t.Fatalf("%q: %q, %v", said, got, err)
			}
		case len(line) > limit:
			walltest.EndedAs(t, err, ganger.Crashed, ganger.CauseProtocol)
		default:
			walltest.EndedAs(t, err, ganger.Crashed, "exit 1")
		}
		if _, err := walltest.Do(t, i, []byte("late")); err != wall.ErrUnsent && ganger.OutcomeOf(err) != ganger.Crashed {
			t.Errorf("a call after the end: %v", fmt.Sprint(err))
		}
	})
}
