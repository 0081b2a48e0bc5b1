package outfile

import (
	"crypto/sha256"
	"math"
	"path/filepath"
)

// Claims are the names that tasks have taken for their files. They keep about
// fifty bytes of each. The zero Claims are none. One goroutine uses them.
type Claims struct {
	by map[[16]byte]uint32
}

// Take claims the name for a task, which has a number. If another has it already,
// however it was spelt, it reports that one's number and changes nothing.
func (c *Claims) Take(name string, number int) (other int, taken bool) {
	sum := sha256.Sum256([]byte(filepath.Clean(name)))
	key := [16]byte(sum[:16])
	if by, taken := c.by[key]; taken {
		return int(by), true
	}
	if c.by == nil {
		c.by = make(map[[16]byte]uint32)
	}
	c.by[key] = uint32(min(number, math.MaxUint32))
	return 0, false
}
