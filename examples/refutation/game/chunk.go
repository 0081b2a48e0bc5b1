// Package game is the refutation game: two players assert different ends of one
// execution, and a referee that can check a single tick finds out who lies.
//
// Everything in it is a pure function: it takes the state of a game and what
// somebody does, and returns the next state or why that is not allowed. Nothing
// here knows the machine, a clock or a process.
//
// # State model
//
//	              dissection
//	             +----------+
//	             v          |
//	Start --> dissecting ---+--- convincing proof, timeout --> lost
//	             |
//	             | proof that does not convince
//	             v
//	          final move --- convincing proof --> lost (by who moved first)
//	                     --- any other, timeout --> draw
package game

import (
	"encoding/hex"
	"errors"
	"fmt"
)

// Hash stands for the state of the machine after some tick.
type Hash [32]byte

// Stopped is the zero Hash. It says that the machine is stopped before the tick. No
// state has it as its hash.
var Stopped Hash

// String returns the beginning of the hash, for people.
func (h Hash) String() string {
	if h == Stopped {
		return "stopped"
	}
	return hex.EncodeToString(h[:4])
}

// MarshalText writes all of the hash; "" is [Stopped].
func (h Hash) MarshalText() ([]byte, error) {
	if h == Stopped {
		return nil, nil
	}
	return hex.AppendEncode(nil, h[:]), nil
}

// UnmarshalText reads what MarshalText writes.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*h = Stopped
		return nil
	}
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(h) {
		return fmt.Errorf("game: %.80q is no hash: it has %d hexadecimal digits", text, 2*len(h))
	}
	copy(h[:], b)
	return nil
}

// Chunk asserts the state of the machine after Tick ticks.
type Chunk struct {
	State Hash   `json:"state"`
	Tick  uint64 `json:"tick"`
}

// Sections is how many sections a dissection has, unless there are fewer ticks.
const Sections = 32

// Even returns the ticks of the dissection that divides the ticks from start to
// stop as evenly as can be, both ends included. Stop must be after start.
func Even(start, stop uint64) []uint64 {
	n := min(Sections, stop-start)
	each, rest := (stop-start)/n, (stop-start)%n
	ticks := make([]uint64, 0, n+1)
	for i := range n + 1 {
		ticks = append(ticks, start+i*each+min(i, rest)) // the first rest sections are one longer
	}
	return ticks
}

// CheckDissection returns nil if ds is a legal dissection of the section from start
// to stop, by somebody who agrees with start and not with stop.
func CheckDissection(start, stop Chunk, ds []Chunk) error {
	length := stop.Tick - start.Tick
	switch n := min(Sections, length); {
	case length < 2:
		return errors.New("game: a section of one tick is not dissected but proved")
	case uint64(len(ds)) != n+1:
		return fmt.Errorf("game: a dissection of %d ticks has %d chunks, not %d", length, n+1, len(ds))
	case ds[0] != start:
		return fmt.Errorf("game: the dissection starts at tick %d with %v, not at tick %d with %v, which was chosen", ds[0].Tick, ds[0].State, start.Tick, start.State)
	case start.State == Stopped:
		return fmt.Errorf("game: the machine is stopped before tick %d, so no section starts there", start.Tick)
	}
	last := ds[len(ds)-1]
	switch {
	case last.Tick != stop.Tick:
		return fmt.Errorf("game: the dissection ends at tick %d, not at %d, which was chosen", last.Tick, stop.Tick)
	case last.State == stop.State:
		return fmt.Errorf("game: the dissection ends with %v, which it should refute", stop.State)
	}
	for i, c := range ds[1:] {
		before := ds[i]
		switch {
		case c.Tick <= before.Tick:
			return fmt.Errorf("game: tick %d comes after tick %d in the dissection", c.Tick, before.Tick)
		case c.Tick-before.Tick > length/2:
			return fmt.Errorf("game: the section of the dissection from tick %d to %d is longer than half of all", before.Tick, c.Tick)
		case before.State == Stopped && c.State != Stopped:
			return fmt.Errorf("game: the dissection says that the machine is stopped before tick %d and goes on at %d", before.Tick, c.Tick)
		}
	}
	return nil
}
