// Package vm is a small deterministic machine whose execution people can disagree
// about: a fixed program, registers, memory and fuel. Every state has a hash, and
// whoever holds the state before a tick can prove what that one tick does.
//
// The program counts the odd primes and files each under its remainder of 32. It
// would never end by itself; the machine stops when its fuel is used up, so an
// execution of any length can be had.
package vm

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/ganger-dev/ganger/examples/refutation/game"
)

const (
	registers = 8
	words     = 32 // a power of two: an address is taken modulo it
)

// State is all there is of the machine between two ticks. States are values:
// equal states have equal hashes and equal futures.
type State struct {
	Fuel uint64 // ticks that are left; 0: the machine is stopped
	PC   uint64 // the next instruction; past the program: the machine is stopped
	Reg  [registers]uint64
	Mem  [words]uint64
}

// Boot returns the state in which an execution of that many ticks begins.
func Boot(ticks uint64) State {
	return State{Fuel: ticks, Reg: [registers]uint64{candidate: 1}}
}

// op is what an instruction does, with x, y, z as its operands.
type op uint8

const (
	set   op = iota // reg[x] = n
	add             // reg[x] = reg[y] + n
	mul             // reg[x] = reg[y] * reg[z]
	mod             // reg[x] = reg[y] % reg[z]; reg[y] if reg[z] is 0
	load            // reg[x] = mem[reg[y]]
	store           // mem[reg[x]] = reg[y]
	jump            // go to n
	zero            // go to n if reg[x] is 0
	less            // go to n if reg[x] < reg[y]
)

type instruction struct {
	op      op
	x, y, z uint8
	n       uint64
}

// The registers of the program.
const (
	candidate = iota // the number that is tried
	divisor
	square // of the divisor
	rest
	size // of the remainders that primes are filed under
	slot
	filed
	found // how many primes; nothing depends on it, so a wrong number stays wrong
)

// program counts primes. It is part of what everybody agrees on, as the state is not.
var program = [...]instruction{
	{op: set, x: size, n: words},
	{op: add, x: candidate, y: candidate, n: 2}, // 1: the next number
	{op: set, x: divisor, n: 3},
	{op: mul, x: square, y: divisor, z: divisor}, // 3: the next divisor
	{op: less, x: candidate, y: square, n: 9},
	{op: mod, x: rest, y: candidate, z: divisor},
	{op: zero, x: rest, n: 1},
	{op: add, x: divisor, y: divisor, n: 2},
	{op: jump, n: 3},
	{op: mod, x: slot, y: candidate, z: size}, // 9: a prime
	{op: load, x: filed, y: slot},
	{op: add, x: filed, y: filed, n: 1},
	{op: store, x: slot, y: filed},
	{op: add, x: found, y: found, n: 1},
	{op: jump, n: 1},
}

// Run performs up to n ticks and returns how many it performed: fewer if the
// machine stopped. It is total: no state makes it fail.
func (s *State) Run(n uint64) uint64 {
	next := *s
	done := next.execute(n)
	*s = next
	return done
}

// execute is Run on a copy of the state that nobody else has: so the race detector,
// which would make a tick cost ten times as much, has nothing to find in it.
//
//go:norace
func (s *State) execute(n uint64) uint64 {
	n = min(n, s.Fuel)
	pc, r, done := s.PC, &s.Reg, uint64(0)
	for ; done < n && pc < uint64(len(program)); done++ {
		in := &program[pc]
		x, y, z := in.x%registers, in.y%registers, in.z%registers // spares the bounds checks
		pc++
		switch in.op {
		case set:
			r[x] = in.n
		case add:
			r[x] = r[y] + in.n
		case mul:
			r[x] = r[y] * r[z]
		case mod:
			if r[x] = r[y]; r[z] != 0 {
				r[x] = r[y] % r[z]
			}
		case load:
			r[x] = s.Mem[r[y]%words]
		case store:
			s.Mem[r[x]%words] = r[y]
		case jump:
			pc = in.n
		case zero:
			if r[x] == 0 {
				pc = in.n
			}
		case less:
			if r[x] < r[y] {
				pc = in.n
			}
		}
	}
	s.PC, s.Fuel = pc, s.Fuel-done
	return done
}

// encodedSize is the length of every encoded state.
const encodedSize = 8 * (2 + registers + words)

// Encode returns the state in its one encoding.
func (s *State) Encode() []byte {
	b := make([]byte, 0, encodedSize)
	b = binary.BigEndian.AppendUint64(b, s.Fuel)
	b = binary.BigEndian.AppendUint64(b, s.PC)
	for _, v := range s.Reg {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	for _, v := range s.Mem {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return b
}

// Decode returns the state that b encodes.
func Decode(b []byte) (State, error) {
	if len(b) != encodedSize {
		return State{}, fmt.Errorf("vm: a state has %d bytes, not %d", encodedSize, len(b))
	}
	next := func() uint64 {
		v := binary.BigEndian.Uint64(b)
		b = b[8:]
		return v
	}
	s := State{Fuel: next(), PC: next()}
	for i := range s.Reg {
		s.Reg[i] = next()
	}
	for i := range s.Mem {
		s.Mem[i] = next()
	}
	return s, nil
}

// Hash returns the hash that stands for the state in claims.
func (s *State) Hash() game.Hash { return sha256.Sum256(s.Encode()) }

// Verify checks a proof, which is the encoded state before a tick: it returns the
// hash of that state, and the hash of the state after the tick, which is
// [game.Stopped] if the machine is stopped before it. That is all that a referee
// ever executes.
func Verify(proof []byte) (before, after game.Hash, err error) {
	s, err := Decode(proof)
	if err != nil {
		return game.Stopped, game.Stopped, err
	}
	before = s.Hash()
	if s.Run(1) == 0 {
		return before, game.Stopped, nil
	}
	return before, s.Hash(), nil
}
