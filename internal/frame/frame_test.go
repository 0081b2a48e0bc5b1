package frame

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

const limit = 1 << 20

func encode(h Header, body []byte) []byte {
	h.Length = uint32(len(body))
	return append(Append(nil, h), body...)
}

func TestFramesComeBackAsTheyWent(t *testing.T) {
	var wire []byte
	var bodies [][]byte
	for i, size := range []int{0, 1, firstBuffer - Size, firstBuffer, 3 * firstBuffer, Own - 1, Own, Own + 1, limit, 5} {
		body := bytes.Repeat([]byte{byte(i)}, size)
		bodies = append(bodies, body)
		wire = append(wire, encode(Header{Kind: Request, ID: uint32(i), Ask: 9}, body)...)
	}
	for name, from := range map[string]io.Reader{
		"whole":        bytes.NewReader(wire),
		"halves":       iotest.HalfReader(bytes.NewReader(wire)),
		"eof with end": iotest.DataErrReader(bytes.NewReader(wire)),
		"single bytes": iotest.OneByteReader(bytes.NewReader(wire)),
	} {
		t.Run(name, func(t *testing.T) {
			r := NewReader(from, limit)
			for i, want := range bodies {
				h, got, err := r.Next()
				if err != nil {
					t.Fatalf("frame %d: %v", i, err)
				}
				if h.Kind != Request || h.ID != uint32(i) || h.Ask != 9 || !bytes.Equal(got, want) {
					t.Fatalf("frame %d: %+v with %d bytes, want id %d with %d", i, h, len(got), i, len(want))
				}
			}
			if _, _, err := r.Next(); err != io.EOF {
				t.Errorf("after the last frame: %v, want EOF", err)
			}
		})
	}
}

func TestWhatIsNoFrameIsQuoted(t *testing.T) {
	good := encode(Header{Kind: Response, ID: 1}, []byte("x"))
	with := func(at int, b byte) []byte {
		bad := bytes.Clone(good)
		bad[at] = b
		return bad
	}
	for _, c := range []struct {
		name string
		in   []byte
		want []string
	}{
		{"text", []byte("Loading the model, please wait\n"), []string{"no frame", `"Loading the model`}},
		{"short text", []byte("hi\n"), []string{"no frame", `"hi\n"`}},
		{"magic", with(0, 'G'), []string{"no frame"}},
		{"second byte of the magic", with(1, 'X'), []string{"no frame"}},
		{"kind 0", with(2, 0), []string{"unknown kind 0"}},
		{"kind 11", with(2, 11), []string{"unknown kind 11"}},
		{"flags", with(3, 0x80), []string{"unknown flags 0x80"}},
		{"oversize", with(6, 0x11), []string{"a response of 1114113 bytes", "limit of 1048576"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := NewReader(bytes.NewReader(c.in), limit).Next()
			if _, ok := errors.AsType[*Malformed](err); !ok {
				t.Fatalf("err = %v, want a *Malformed", err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("err = %q, want %q in it", err, w)
				}
			}
		})
	}
}

func TestAnEndInsideAFrameIsUnexpected(t *testing.T) {
	for _, body := range []int{1, Own} {
		wire := encode(Header{Kind: Response, ID: 1}, make([]byte, body))
		for _, cut := range []int{1, 2, Size - 1, Size, len(wire) - 1} {
			if cut >= len(wire) {
				continue
			}
			_, _, err := NewReader(bytes.NewReader(wire[:cut]), limit).Next()
			if err != io.ErrUnexpectedEOF {
				t.Errorf("%d of %d bytes: err = %v, want %v", cut, len(wire), err, io.ErrUnexpectedEOF)
			}
		}
	}
}

// TestALengthThatLiesTakesNoMemory: a header may claim what the limit allows,
// but only bytes that came are paid for.
func TestALengthThatLiesTakesNoMemory(t *testing.T) {
	const huge = 1 << 30
	lie := append(Append(nil, Header{Kind: Response, Length: huge}), "little"...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := NewReader(bytes.NewReader(lie), huge).Next()
	runtime.ReadMemStats(&after)
	if err != io.ErrUnexpectedEOF {
		t.Errorf("err = %v, want %v", err, io.ErrUnexpectedEOF)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 4*firstChunk {
		t.Errorf("took %d bytes of memory for 6 that came", took)
	}
}

func TestReadyTellsWhetherNextWouldRead(t *testing.T) {
	one := encode(Header{Kind: Response, ID: 1}, []byte("one"))
	two := encode(Header{Kind: Response, ID: 2}, []byte("two"))
	pieces := [][]byte{append(bytes.Clone(one), two[:len(two)-1]...), two[len(two)-1:]}
	r := NewReader(readerFunc(func(p []byte) (int, error) {
		if len(pieces) == 0 {
			return 0, io.EOF
		}
		n := copy(p, pieces[0])
		pieces = pieces[1:]
		return n, nil
	}), limit)
	for i, want := range []bool{false, false, false} { // before each Next; the last meets the end
		if got := r.Ready(); got != want {
			t.Errorf("before frame %d: Ready = %v, want %v", i+1, got, want)
		}
		if _, _, err := r.Next(); i < 2 && err != nil {
			t.Fatalf("frame %d: %v", i+1, err)
		}
	}
	r = NewReader(bytes.NewReader(append(bytes.Clone(one), one...)), limit)
	if _, _, err := r.Next(); err != nil || !r.Ready() {
		t.Errorf("with a whole frame behind the first: Ready = %v, err = %v", r.Ready(), err)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestAReaderWithoutProgressIsGivenUp(t *testing.T) {
	stuck := readerFunc(func([]byte) (int, error) { return 0, nil })
	if _, _, err := NewReader(stuck, limit).Next(); err != io.ErrNoProgress {
		t.Errorf("err = %v, want %v", err, io.ErrNoProgress)
	}
}

func TestSmallFramesAllocateNothing(t *testing.T) {
	wire := bytes.Repeat(encode(Header{Kind: Response, ID: 1}, make([]byte, 64)), 1000)
	from := bytes.NewReader(wire)
	r := NewReader(from, limit)
	next := func() {
		if _, _, err := r.Next(); err != nil {
			from.Reset(wire)
		}
	}
	for range 3000 { // the buffer grows to its last size
		next()
	}
	if n := testing.AllocsPerRun(500, next); n > 0.5 {
		t.Errorf("%v allocations a frame, want none", n)
	}
}

// FuzzReader: whatever bytes come, in whatever pieces, the reader returns only
// frames that are there, in order, and ends with an error.
func FuzzReader(f *testing.F) {
	f.Add(encode(Header{Kind: Hello}, []byte(`{"version":1}`)), 3)
	f.Add(append(encode(Header{Kind: Response, ID: 7}, []byte("x")), "garbage"...), 1)
	f.Add(Append(nil, Header{Kind: Response, Length: 1 << 31}), 100)
	f.Fuzz(func(t *testing.T, in []byte, piece int) {
		piece = max(1, min(piece, 1<<16))
		left := in
		r := NewReader(readerFunc(func(p []byte) (int, error) {
			if len(left) == 0 {
				return 0, io.EOF
			}
			n := copy(p, left[:min(len(left), piece)])
			left = left[n:]
			return n, nil
		}), limit)
		at := 0
		for {
			h, body, err := r.Next()
			if err != nil {
				return
			}
			frame := in[at : at+Size+int(h.Length)]
			if !bytes.Equal(Append(nil, h), frame[:Size]) || !bytes.Equal(body, frame[Size:]) {
				t.Fatalf("at %d: %+v %q, want %q", at, h, body, frame)
			}
			at += len(frame)
		}
	})
}
