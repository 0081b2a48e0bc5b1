package process

import (
	"bytes"
	"strings"
)

// What is kept of, and handed on from, a log.
const (
	tailBytes = 8 << 10
	tailLines = 20
	lineBytes = 64 << 10 // a longer line is handed on in pieces
)

// tail keeps the last bytes written to it. The zero tail is empty and ready.
type tail struct{ buf []byte }

// add appends p. Memory is bounded by about twice what is kept.
func (t *tail) add(p []byte) {
	const keep = tailBytes + 1 // one more, which tells that something was cut
	if len(p) > keep {
		p = p[len(p)-keep:]
	}
	if len(t.buf)+len(p) > 2*keep {
		t.buf = t.buf[:copy(t.buf, t.buf[len(t.buf)-keep:])]
	}
	t.buf = append(t.buf, p...)
}

// String returns the last lines, without a line that was cut at its beginning
// unless it is the only one.
func (t *tail) String() string {
	b := t.buf
	if len(b) > tailBytes {
		b = b[len(b)-tailBytes:]
		if i := bytes.IndexByte(b, '\n'); i >= 0 && i+1 < len(b) {
			b = b[i+1:]
		}
	}
	b = bytes.TrimRight(b, "\n")
	from := len(b)
	for range tailLines {
		if from = bytes.LastIndexByte(b[:from], '\n'); from < 0 {
			break
		}
	}
	return strings.ToValidUTF8(string(b[from+1:]), "\uFFFD")
}

// splitter cuts what is written to it into lines. It is used by one goroutine.
type splitter struct {
	line func(line []byte)
	part []byte // a line whose end has not come
	cut  bool   // the piece before part was of the same line
}

// add hands on every line that p completes.
func (s *splitter) add(p []byte) {
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		end := i >= 0
		if !end {
			i = len(p)
		}
		if room := lineBytes - len(s.part); i > room {
			i, end = room, false
		}
		switch {
		case end && len(s.part) == 0:
			if i > 0 || !s.cut {
				s.line(p[:i])
			}
		case end || len(s.part)+i == lineBytes:
			s.part = append(s.part, p[:i]...)
			s.flush()
			s.cut = !end
		default:
			s.part = append(s.part, p[:i]...)
		}
		p = p[i:]
		if end {
			p, s.cut = p[1:], false
		}
	}
}

// flush hands on what has no end.
func (s *splitter) flush() {
	if len(s.part) > 0 {
		s.line(s.part)
		s.part = s.part[:0]
	}
}
