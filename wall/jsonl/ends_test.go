package jsonl_test

import (
	"bufio"
	"errors"
	"io"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/jsonl"
	"github.com/ganger-dev/ganger/wall/walltest"
)

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
			i, l := walltest.Open(t, d, roomy, hears("", func(asked) string { return c.says }))
			_, err := walltest.Do(t, i, "x")
			walltest.EndedAs(t, err, ganger.Crashed, ganger.CauseProtocol)
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v, want %q in it", err, c.want)
			}
			walltest.Await(t, l.Gone(), "the life to be ended")
			if _, err := walltest.Do(t, i, "late"); err != wall.ErrUnsent {
				t.Errorf("afterwards: %v, want %v", err, wall.ErrUnsent)
			}
		})
	}
}

// TestP7WhatComesEarlyCostsNoRequest: what is said while nothing is in hand.
func TestP7WhatComesEarlyCostsNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, l := walltest.Open(t, text, roomy, hears("Welcome!\n", echo))
		synctest.Wait() // until it was heard
		if _, err := walltest.Do(t, i, "x"); err != wall.ErrUnsent {
			t.Errorf("%v, want %v", err, wall.ErrUnsent)
		}
		walltest.Await(t, l.Gone(), "the life to be ended")
		if l.Exit().Reason != ganger.LeavingProtocol {
			t.Errorf("exit = %+v, want protocol", l.Exit())
		}
	})
}

func TestT22DeathsTellWhatWasTaken(t *testing.T) {
	d := jsonl.Dialect[string, string]{Slots: 4}
	die := make(chan struct{})
	i, l := walltest.Open(t, d, roomy, func(s *walltest.Far) error {
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
	var calls []*walltest.Call[string]
	for range 4 {
		calls = append(calls, walltest.Begin(i, "x", nil))
	}
	for n := 0; n < 3*len(`{"id":1,"request":"x"}`+"\n"); n, _ = l.Unread() {
		runtime.Gosched()
	}
	close(die)
	_, err := calls[0].Wait(t)
	walltest.EndedAs(t, err, ganger.Crashed, "exit 1")
	for n, c := range calls[1:] {
		if _, err := c.Wait(t); err != wall.ErrUnsent {
			t.Errorf("call %d: %v, want %v", n+1, err, wall.ErrUnsent)
		}
	}
}

// TestAWorkerThatTakesNothingMore closes its ends and lives on: its calls must
// not wait for ever, and it is ended.
func TestAWorkerThatTakesNothingMore(t *testing.T) {
	i, l := walltest.Open(t, text, roomy, func(s *walltest.Far) error {
		_ = s.Close()
		return nil
	})
	if _, err := walltest.Do(t, i, "x"); err != wall.ErrUnsent {
		t.Errorf("%v, want %v", err, wall.ErrUnsent)
	}
	walltest.Await(t, l.Gone(), "the worker to end")
}

// FuzzAnswers: whatever a worker says, every call ends once, and the life ends.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"id":1,"response":"x"}` + "\n"))
	f.Add([]byte(`{"id":2,"error":{"message":"m"}}` + "\n" + `{"id":1,"feedback":7}` + "\n" + `{"id":1,"response":7}`))
	f.Add([]byte(`{"id":3,"response":"x"}` + "\n" + `{"id":3,"response":"x"}` + "\n"))
	f.Add([]byte("{}\n\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		d := jsonl.Dialect[string, string]{Slots: 4, Limit: 1000}
		i, l := walltest.Open(t, d, roomy, func(s *walltest.Far) error {
			in := bufio.NewReader(s)
			for range 4 {
				if _, err := in.ReadBytes('\n'); err != nil {
					return err
				}
			}
			_, _ = s.Write(said) // it may be killed for it
			return errors.New("exit 1")
		})
		var calls []*walltest.Call[string]
		for range 4 {
			calls = append(calls, walltest.Begin(i, "q", nil))
		}
		for n, c := range calls {
			got, err := c.Wait(t)
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
		walltest.Await(t, l.Gone(), "the life to end")
	})
}
