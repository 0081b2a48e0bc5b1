package native_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/frame"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/walltest"
)

// watched is an end of a stream whose writes are seen.
type watched struct {
	io.ReadWriter
	seen func(p []byte)
}

func (s watched) Write(p []byte) (int, error) {
	s.seen(p)
	return s.ReadWriter.Write(p)
}

// watching is a wall of streams on which what the coordinator writes is seen.
type watching struct {
	*walltest.Workers
	seen func(p []byte)
}

type watchedStream struct {
	wall.Stream
	wall.Roomer
	wall.Unreader
	end watched
}

func (s watchedStream) Write(p []byte) (int, error) { return s.end.Write(p) }

func (w watching) Open(ctx context.Context, st wall.Start) (wall.Stream, error) {
	s, err := w.Workers.Open(ctx, st)
	return watchedStream{s, s.(wall.Roomer), s.(wall.Unreader), watched{s, w.seen}}, err
}

// watch opens an instance of a worker that is f, and sees what is written to it.
func watch(t *testing.T, seen func(p []byte), f func(*walltest.Far) error) wall.Instance[[]byte, []byte] {
	t.Helper()
	w := watching{walltest.NewWorkers(t, roomy, f), seen}
	i, err := wall.Speak(w, raws).Open(t.Context(), wall.Start{Name: "w", Incarnation: 1})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// again starts a call from the end of another, once.
type again struct {
	i    wall.Instance[[]byte, []byte]
	next *walltest.Call[[]byte]
	q    []byte
}

func (a again) EndCall(*wall.Call[[]byte]) { a.i.Start(a.q, &a.next.Call) }

// TestP25WindowOfSixteen: sixteen requests are in hand of one worker at once and
// reach it in the order of their start; each gets its own answer, whatever the
// order of the answers; and what the answers start is written in two halves, not
// in sixteen pieces.
func TestP25WindowOfSixteen(t *testing.T) {
	const window = 16
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var writes atomic.Int64
		worker := raw(window, func(s *walltest.Far, in *frame.Reader) error {
			var order []string
			for range 2 {
				var answers [][]byte
				for range window { // all of them before any answer
					h, body, err := in.Next()
					if err != nil {
						return err
					}
					order = append(order, string(body))
					h.Kind = frame.Response
					answers = append(answers, append(frame.Append(nil, h), body...))
				}
				<-release
				slices.Reverse(answers)
				if _, err := s.Write(bytes.Join(answers, nil)); err != nil {
					return err
				}
			}
			// The second sixteen were started by the ends of the first, which
			// came in reverse.
			for n, got := range order {
				want := n
				if n >= window {
					want = 3*window - 1 - n
				}
				if got != fmt.Sprint(want) {
					return fmt.Errorf("request %d on the stream is %s, want %d", n, got, want)
				}
			}
			return nil
		})
		i := watch(t, func([]byte) { writes.Add(1) }, worker)
		var first, second []*walltest.Call[[]byte]
		for n := range window {
			a := again{i: i, next: walltest.NewCall[[]byte](nil), q: fmt.Append(nil, window+n)}
			c := walltest.NewCall[[]byte](nil)
			c.End = a
			i.Start(fmt.Append(nil, n), &c.Call)
			first, second = append(first, c), append(second, a.next)
		}
		synctest.Wait() // the worker has all, and waits
		before := writes.Load()
		release <- struct{}{}
		synctest.Wait()
		if got := writes.Load() - before; got != 2 {
			t.Errorf("%d requests were written in %d pieces, want 2", window, got)
		}
		release <- struct{}{}
		synctest.Wait()
		for n := range window {
			if c := first[n]; c.Err != nil || string(c.Response) != fmt.Sprint(n) {
				t.Errorf("call %d: %s, %v", n, c.Response, c.Err)
			}
			if c := second[n]; c.Err != nil || string(c.Response) != fmt.Sprint(window+n) {
				t.Errorf("call %d: %s, %v", window+n, c.Response, c.Err)
			}
		}
		<-i.Gone()
		if x := i.Exit(); x.Stderr != "" {
			t.Error(x.Stderr)
		}
	})
}

// TestP25AnswersGoTogether: a worker answers what came in one piece in one piece,
// when it is about to wait for more.
func TestP25AnswersGoTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var writes atomic.Int64
		w := walltest.NewWorkers(t, roomy, func(far *walltest.Far) error {
			err := native.Serve(watched{far, func([]byte) { writes.Add(1) }}, 16, native.Bytes(), native.Bytes(), func(_ context.Context, q []byte, _ wall.Host) ([]byte, error) {
				return q, nil
			})
			if err != nil {
				t.Error(err)
			}
			return err
		})
		s, err := w.Open(t.Context(), wall.Start{Name: "w", Incarnation: 1})
		if err != nil {
			t.Fatal(err)
		}
		in := frame.NewReader(s, 1<<20)
		if err := put(s, frame.Header{Kind: frame.Hello}, `{"version":1}`); err != nil {
			t.Fatal(err)
		}
		if _, _, err := in.Next(); err != nil {
			t.Fatal(err)
		}
		var requests []byte
		for n := range uint32(16) {
			requests = append(frame.Append(requests, frame.Header{Kind: frame.Request, Length: 4, ID: n + 1}), "body"...)
		}
		before := writes.Load()
		if _, err := s.Write(requests); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := writes.Load() - before; got != 1 {
			t.Errorf("16 answers were written in %d pieces, want 1", got)
		}
		for n := range uint32(16) {
			if h, body, err := in.Next(); err != nil || h.Kind != frame.Response || h.ID != n+1 || string(body) != "body" {
				t.Errorf("answer %d: %+v %q, %v", n, h, body, err)
			}
		}
		if err := put(s, frame.Header{Kind: frame.Bye}, ""); err != nil {
			t.Fatal(err)
		}
		<-s.Gone()
	})
}

// from counts the writes of a whole body from where it lies.
func from(body []byte, n *atomic.Int64) func(p []byte) {
	return func(p []byte) {
		if len(p) == len(body) && &p[0] == &body[0] {
			n.Add(1)
		}
	}
}

// TestLongBodiesAreNotCopied: a long request is written from the caller's
// memory, and an answer from what the worker's function returned.
func TestLongBodiesAreNotCopied(t *testing.T) {
	slotted(t, func(t *testing.T, slots int) {
		q := make([]byte, 1<<20)
		for n := range len(q) / 8 {
			binary.LittleEndian.PutUint64(q[8*n:], uint64(n))
		}
		answer := bytes.Clone(q)
		slices.Reverse(answer)
		var asked, answered atomic.Int64
		i := watch(t, from(q, &asked), func(far *walltest.Far) error {
			return native.Serve(watched{far, from(answer, &answered)}, slots, native.Bytes(), native.Bytes(), func(_ context.Context, got []byte, _ wall.Host) ([]byte, error) {
				if !bytes.Equal(got, q) {
					return nil, errors.New("this is not the request")
				}
				return answer, nil
			})
		})
		for range 3 {
			var calls []*walltest.Call[[]byte]
			for range slots {
				c := walltest.Begin(i, q, nil)
				calls = append(calls, c)
			}
			for n, c := range calls {
				if got, err := c.Wait(t); err != nil || !bytes.Equal(got, answer) {
					t.Fatalf("call %d: %d bytes, %v; want the answer", n, len(got), err)
				}
			}
		}
		i.Stop(t.Context(), ganger.LeavingStopped)
		want := int64(3 * slots)
		if asked.Load() != want || answered.Load() != want {
			t.Errorf("of %d requests %d were written from the caller's memory, of as many answers %d from the worker's", want, asked.Load(), answered.Load())
		}
	})
}

// TestLentMemoryIsReturned: when a call has ended, however it did, nobody reads
// its request any more. The race detector sees who does.
func TestLentMemoryIsReturned(t *testing.T) {
	for name, f := range map[string]func(s *walltest.Far, in *frame.Reader) error{
		"the worker dies in its midst": func(s *walltest.Far, _ *frame.Reader) error {
			_, err := io.CopyN(io.Discard, s, 100<<10)
			return errors.Join(err, errors.New("exit 1"))
		},
		"the worker breaks the protocol in its midst": func(s *walltest.Far, in *frame.Reader) error {
			if _, err := io.WriteString(s, "Traceback (most recent call last):"); err != nil {
				return err
			}
			return hang(frame.NewReader(s, 1<<30))
		},
		"the worker answers": func(s *walltest.Far, in *frame.Reader) error {
			h, _, err := in.Next()
			if err == nil {
				err = put(s, frame.Header{Kind: frame.Response, ID: h.ID}, "good")
			}
			return errors.Join(err, hang(in))
		},
	} {
		t.Run(name, func(t *testing.T) {
			slotted(t, func(t *testing.T, slots int) {
				worker := raw(slots, f)
				i := watch(t, func([]byte) {}, worker)
				q := make([]byte, 1<<20)
				_, err := walltest.Do(t, i, q)
				clear(q)
				if answers := name == "the worker answers"; answers != (err == nil) {
					t.Errorf("err = %v", err)
				}
				i.Kill(ganger.LeavingStopped)
				walltest.Await(t, i.Gone(), "the life to end")
			})
		})
	}
}

// TestAnswerBeforeTheEndOfTheRequest: a worker that answers what it has not read
// yet is not believed until it has: so long somebody reads the caller's memory.
func TestAnswerBeforeTheEndOfTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		on := make(chan struct{})
		worker := raw(2, func(s *walltest.Far, _ *frame.Reader) error {
			var head [frame.Size]byte
			if _, err := io.ReadFull(s, head[:]); err != nil {
				return err
			}
			h, err := frame.Parse(head[:], 1<<30)
			if err == nil {
				err = put(s, frame.Header{Kind: frame.Response, ID: h.ID}, "already")
			}
			<-on
			_, _ = io.Copy(io.Discard, s)
			return err
		})
		i := watch(t, func([]byte) {}, worker)
		c := walltest.Begin(i, make([]byte, 1<<20), nil)
		synctest.Wait()
		if c.Ended() {
			t.Error("the call has ended while its request is written")
		}
		close(on)
		if got, err := c.Wait(t); err != nil || string(got) != "already" {
			t.Errorf("%q, %v", got, err)
		}
		i.Stop(t.Context(), ganger.LeavingStopped)
	})
}
