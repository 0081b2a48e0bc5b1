package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

const (
	magic     = "ganger journal 1\n"
	headSize  = 8
	markBit   = 1 << 31
	maxRecord = 1 << 30 // bytes
	markSize  = headSize + 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendFrame appends a record to b.
func appendFrame(b, record []byte) []byte { return seal(b, uint32(len(record)), record) }

// appendMark appends a mark: the file was synced up to the offset.
func appendMark(b []byte, synced int64) []byte {
	return seal(b, markBit|8, binary.LittleEndian.AppendUint64(nil, uint64(synced)))
}

func seal(b []byte, length uint32, body []byte) []byte {
	at := len(b)
	b = binary.LittleEndian.AppendUint32(b, length)
	sum := crc32.Update(crc32.Checksum(b[at:], castagnoli), castagnoli, body)
	return append(binary.LittleEndian.AppendUint32(b, sum), body...)
}

// errTorn says that what follows is no whole frame.
var errTorn = errors.New("no whole frame")

// scanner reads frames. Its buffer for a record grows with what is there, not
// with what a damaged length promises.
type scanner struct {
	in     *bufio.Reader
	offset int64 // behind the last whole frame
	body   []byte
}

// next returns the next frame, valid until the next call: io.EOF at the end of
// the file, errTorn where no whole frame follows.
func (s *scanner) next() (body []byte, mark bool, err error) {
	var head [headSize]byte
	if _, err := io.ReadFull(s.in, head[:]); err != nil {
		return nil, false, torn(err)
	}
	length := binary.LittleEndian.Uint32(head[:4])
	mark = length&markBit != 0
	size := int64(length &^ markBit)
	if size > maxRecord || mark && size != 8 {
		return nil, false, errTorn
	}
	s.body = s.body[:0]
	for int64(len(s.body)) < size {
		from := len(s.body)
		s.body = append(s.body, make([]byte, min(size-int64(from), 1<<20))...)
		if _, err := io.ReadFull(s.in, s.body[from:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, false, torn(err)
		}
	}
	sum := crc32.Update(crc32.Checksum(head[:4], castagnoli), castagnoli, s.body)
	if sum != binary.LittleEndian.Uint32(head[4:]) {
		return nil, false, errTorn
	}
	s.offset += headSize + size
	return s.body, mark, nil
}

// torn tells an end in the midst of a frame from one between two, and from an
// error of the disk.
func torn(err error) error {
	if err == io.ErrUnexpectedEOF {
		return errTorn
	}
	return err
}

// syncedPast reports whether in, which begins at the offset, has a mark that
// everything up to some place behind the offset was synced.
func syncedPast(in io.Reader, offset int64) (bool, error) {
	r := bufio.NewReaderSize(in, 1<<16)
	for {
		b, err := r.Peek(markSize)
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if binary.LittleEndian.Uint32(b) == markBit|8 {
			sum := crc32.Update(crc32.Checksum(b[:4], castagnoli), castagnoli, b[headSize:])
			if sum == binary.LittleEndian.Uint32(b[4:]) && int64(binary.LittleEndian.Uint64(b[headSize:])) > offset {
				return true, nil
			}
		}
		if _, err := r.Discard(1); err != nil {
			return false, err
		}
	}
}
