package native_test

import (
	"context"
	"io"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/frame"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/walltest"
)

// frames joins whole frames.
func frames(kinds ...frame.Header) []byte {
	var b []byte
	for _, h := range kinds {
		body := `{"value":"x"}`
		h.Length = uint32(len(body))
		b = append(frame.Append(b, h), body...)
	}
	return b
}

// FuzzSession: whatever a worker sends, every call ends once, and the life ends
// if it is of no more use.
func FuzzSession(f *testing.F) {
	const first = 1 << 12 // the id of the first request of several slots
	f.Add(frames(frame.Header{Kind: frame.Response, ID: 1}), false)
	f.Add(frames(frame.Header{Kind: frame.Response, ID: first}, frame.Header{Kind: frame.Error, ID: first + 1}), true)
	f.Add(frames(frame.Header{Kind: frame.Feedback, ID: first}, frame.Header{Kind: frame.Ask, ID: first, Ask: 1}), true)
	f.Add(frames(frame.Header{Kind: frame.Cancelled, ID: 1}, frame.Header{Kind: frame.Bye}), false)
	f.Add(frame.Append(nil, frame.Header{Kind: frame.Response, ID: 1, Length: 1 << 31}), false)
	f.Add([]byte("Segmentation fault\n"), true)
	f.Fuzz(func(t *testing.T, in []byte, several bool) {
		slots := 1
		if several {
			slots = 4
		}
		d := text
		d.Limit = 1 << 20
		i, l := walltest.Open(t, d, roomy, raw(slots, func(s *walltest.Far, r *frame.Reader) error {
			if _, _, err := r.Next(); err != nil {
				return err
			}
			if _, err := s.Write(in); err != nil {
				return nil // it was killed for what it said so far
			}
			return nil
		}))
		h := &walltest.Host{Answer: func(context.Context, []byte) ([]byte, error) { return []byte("because"), nil }}
		var calls []*walltest.Call[string]
		for range slots {
			c := walltest.Begin(i, "q", h)
			calls = append(calls, c)
		}
		if several { // one alone may end so early that the worker gets no request at all
			i.Cancel(&calls[0].Call, unwanted)
		}
		for _, c := range calls {
			_, err := c.Wait(t)
			switch o := ganger.OutcomeOf(err); {
			case err == wall.ErrUnsent, o == ganger.Done, o == ganger.Failed, o == ganger.Crashed, o == ganger.Cancelled:
			default:
				t.Errorf("ended %v: %v", o, err)
			}
		}
		walltest.Await(t, l.Gone(), "the life to end")
		if _, err := walltest.Do(t, i, "late"); err == nil || ganger.OutcomeOf(err) == ganger.Cancelled {
			t.Errorf("a call after the end: %v", err)
		}
	})
}

// FuzzServe: whatever a coordinator sends, Serve returns, and says nothing but
// frames.
func FuzzServe(f *testing.F) {
	greet := frame.Header{Kind: frame.Hello}
	f.Add(frames(greet, frame.Header{Kind: frame.Request, ID: 1}, frame.Header{Kind: frame.Bye}))
	f.Add(frames(greet, frame.Header{Kind: frame.Request, ID: 1}, frame.Header{Kind: frame.Request, ID: 2}, frame.Header{Kind: frame.Cancel, ID: 1}))
	f.Add(frames(greet, frame.Header{Kind: frame.Request, ID: 7}, frame.Header{Kind: frame.Answer, ID: 7, Ask: 1}))
	f.Add([]byte("GET / HTTP/1.1\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		l, far := walltest.Pipe(1 << 30)
		_ = put(l, greet, `{"version":1}`)
		_, _ = l.Write(in)
		_ = l.Close()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = native.Serve(far, 4, native.JSON[string](), native.JSON[string](),
				func(ctx context.Context, q string, h wall.Host) (string, error) {
					h.Feedback([]byte("f"))
					if len(q) > 1 {
						_, err := h.Ask(ctx, []byte("q"))
						return q, err
					}
					return q, nil
				})
		}()
		walltest.Await(t, done, "Serve to return")
		far.CloseWrite()
		r := frame.NewReader(l, 1<<30)
		for {
			if _, _, err := r.Next(); err == io.EOF {
				return
			} else if err != nil {
				t.Fatalf("the worker said what is no frame: %v", err)
			}
		}
	})
}
