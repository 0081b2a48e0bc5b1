// Package frame is the byte layout of the native worker protocol: frames of a
// fixed header and a body. It knows nothing of what the frames mean.
//
// # Usage
//
// [Append] writes a header, [Put] fills one in that space was left for, and a
// [Reader] takes frames from a stream:
//
//	b = frame.Append(b, frame.Header{Kind: frame.Cancel, ID: 7})
//	h, body, err := r.Next()
//
// # Layout
//
// All numbers are little-endian.
//
//	offset 0  2 bytes  magic, F7 47
//	       2  1 byte   kind
//	       3  1 byte   flags, 0 in version 1
//	       4  4 bytes  length of the body
//	       8  4 bytes  id of the request, 0 where there is none
//	      12  4 bytes  number of the question, 0 where there is none
//
// # Failure handling
//
// A reader that lost its place must say so rather than guess: magic, kind,
// flags and length are checked before anything else is done with a frame. The
// magic begins with a byte that no UTF-8 text contains, so that text printed on
// the wrong descriptor is never taken for a frame. There is no checksum: a
// local pipe does not flip bits.
package frame

import (
	"encoding/binary"
	"fmt"
)

// Size is the length of a header in bytes.
const Size = 16

const magic = 0x47F7 // F7 47 on the wire

// Kind says what a frame is for.
type Kind uint8

// The kinds of frames; docs/worker-protocol.md tells who sends which, and when.
const (
	_ Kind = iota
	Hello
	Request
	Response
	Error
	Feedback
	Ask
	Answer
	Cancel
	Cancelled
	Bye
)

var kindNames = [...]string{"", "hello", "request", "response", "error", "feedback", "ask", "answer", "cancel", "cancelled", "bye"}

// String returns the kind's word, such as "request".
func (k Kind) String() string {
	if k.known() {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

func (k Kind) known() bool { return k > 0 && int(k) < len(kindNames) }

// Header is what stands before a body.
type Header struct {
	Kind   Kind
	Length uint32 // of the body, in bytes
	ID     uint32
	Ask    uint32
}

// Append appends h to dst.
func Append(dst []byte, h Header) []byte {
	dst = append(dst, make([]byte, Size)...)
	Put(dst[len(dst)-Size:], h)
	return dst
}

// Put writes h into the first Size bytes of b, which must have that many.
func Put(b []byte, h Header) {
	_ = b[Size-1]
	binary.LittleEndian.PutUint16(b, magic)
	b[2], b[3] = byte(h.Kind), 0
	binary.LittleEndian.PutUint32(b[4:], h.Length)
	binary.LittleEndian.PutUint32(b[8:], h.ID)
	binary.LittleEndian.PutUint32(b[12:], h.Ask)
}

// SetID sets the id in a header that [Put] has written.
func SetID(b []byte, id uint32) { binary.LittleEndian.PutUint32(b[8:], id) }

// Parse takes the header from the first Size bytes of b, which must have that
// many. It errs with a [*Malformed] if no frame begins there, or one whose body
// is longer than limit.
func Parse(b []byte, limit int) (Header, error) {
	h := Header{
		Kind:   Kind(b[2]),
		Length: binary.LittleEndian.Uint32(b[4:]),
		ID:     binary.LittleEndian.Uint32(b[8:]),
		Ask:    binary.LittleEndian.Uint32(b[12:]),
	}
	switch {
	case binary.LittleEndian.Uint16(b) != magic:
		return Header{}, malformed(b, "this is no frame")
	case !h.Kind.known():
		return Header{}, malformed(b, "a frame of the unknown kind %d", b[2])
	case b[3] != 0:
		return Header{}, malformed(b, "a frame with the unknown flags %#x", b[3])
	case int64(h.Length) > int64(limit):
		return Header{}, malformed(b, "a %s of %d bytes, more than the limit of %d", h.Kind, h.Length, limit)
	}
	return h, nil
}

// Malformed says that the bytes at hand are not a frame that may be read.
type Malformed struct {
	Why  string
	Seen []byte // the first bytes of it, 64 at most
}

// Error tells why, and quotes what was seen.
func (e *Malformed) Error() string { return fmt.Sprintf("%s; it begins with %q", e.Why, e.Seen) }

func malformed(b []byte, format string, args ...any) *Malformed {
	return &Malformed{fmt.Sprintf(format, args...), append([]byte(nil), b[:min(len(b), 64)]...)}
}
