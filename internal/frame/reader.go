package frame

import "io"

const (
	// Own is the length from which a body has memory of its own.
	Own = 64<<10 + 1
	// firstBuffer is enough for small frames; most streams never need more.
	firstBuffer = 4 << 10
	lastBuffer  = Own - 1 + Size
	// firstChunk bounds what a length that lies can take.
	firstChunk = 1 << 20
)

// Reader takes frames from a stream, with as few reads as the stream allows. It
// is for one goroutine at a time.
type Reader struct {
	r          io.Reader
	limit      int
	buf        []byte
	begin, end int  // what is buffered and not yet returned
	full       bool // the last read filled all the room there was
}

// NewReader returns a Reader that refuses bodies longer than limit bytes.
func NewReader(r io.Reader, limit int) *Reader {
	return &Reader{r: r, limit: limit, buf: make([]byte, firstBuffer)}
}

// SetLimit changes the limit for the frames to come.
func (r *Reader) SetLimit(limit int) { r.limit = limit }

// Buffered returns how many bytes were read and not yet returned.
func (r *Reader) Buffered() int { return r.end - r.begin }

// Ready reports whether Next returns without reading: a whole frame is
// buffered, or one that it will refuse.
func (r *Reader) Ready() bool {
	if r.Buffered() < Size {
		return false
	}
	h, err := Parse(r.buf[r.begin:r.end], r.limit)
	return err != nil || int64(r.Buffered()) >= Size+int64(h.Length)
}

// Next returns the next frame. A body of [Own] bytes or more belongs to the
// caller, a shorter one only until the next call. Memory is taken only after
// the length was checked, and for long bodies only as their bytes arrive.
//
// It errs with a [*Malformed], with io.EOF between two frames, with
// io.ErrUnexpectedEOF inside of one, or as the stream does. After an error the
// place in the stream is lost, and there is nothing more to read.
func (r *Reader) Next() (Header, []byte, error) {
	if err := r.need(Size); err != nil {
		return Header{}, nil, r.short(err)
	}
	h, err := Parse(r.buf[r.begin:r.end], r.limit)
	if err != nil {
		return Header{}, nil, err
	}
	if h.Length >= Own {
		r.begin += Size
		body, err := r.long(int(h.Length))
		return h, body, err
	}
	n := Size + int(h.Length)
	if err := r.need(n); err != nil {
		return Header{}, nil, inside(err)
	}
	body := r.buf[r.begin+Size : r.begin+n : r.begin+n]
	r.begin += n
	return h, body, nil
}

// short says which end of the stream came before a header was complete. Bytes
// that cannot begin a frame are told as that, for they say more.
func (r *Reader) short(err error) error {
	left := r.buf[r.begin:r.end]
	switch {
	case err != io.EOF || len(left) == 0:
		return err
	case left[0] != magic&0xFF || len(left) > 1 && left[1] != magic>>8:
		return malformed(left, "this is no frame")
	}
	return io.ErrUnexpectedEOF
}

func inside(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// need reads until n bytes, at most lastBuffer, are buffered in one piece.
func (r *Reader) need(n int) error {
	if r.end-r.begin >= n {
		return nil
	}
	if r.begin == r.end {
		r.begin, r.end = 0, 0
	}
	if r.begin+n > len(r.buf) || r.full && len(r.buf) < lastBuffer {
		to := r.buf
		if n > len(to) || r.full {
			to = make([]byte, min(max(n, 2*len(to)), lastBuffer))
			r.full = false
		}
		r.end = copy(to, r.buf[r.begin:r.end])
		r.buf, r.begin = to, 0
	}
	for r.end-r.begin < n {
		got, err := read(r.r, r.buf[r.end:])
		r.end += got
		r.full = r.end == len(r.buf)
		if got == 0 {
			return err
		}
	}
	return nil
}

// long reads a body of n bytes into memory of its own, which grows only as its
// bytes arrive.
func (r *Reader) long(n int) ([]byte, error) {
	body := make([]byte, min(n, firstChunk))
	have := copy(body, r.buf[r.begin:r.end])
	r.begin += have
	for have < n {
		if have == len(body) {
			longer := make([]byte, min(n, 2*len(body)))
			copy(longer, body)
			body = longer
		}
		got, err := read(r.r, body[have:])
		have += got
		if got == 0 {
			return nil, inside(err)
		}
	}
	return body, nil
}

// read reads once into p, which has room: some bytes, or none and an error. An
// error that came with bytes comes again without.
func read(from io.Reader, p []byte) (int, error) {
	for range 100 {
		n, err := from.Read(p)
		if n > 0 || err != nil {
			if n == 0 {
				return 0, err
			}
			return n, nil
		}
	}
	return 0, io.ErrNoProgress
}
