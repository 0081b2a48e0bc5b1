package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// formula is an atom, or an operator with its operands.
type formula struct {
	op          byte   // 0 for an atom, else one of the operators
	name        string // of an atom
	left, right *formula
}

// operators are those with two operands, the loosest first; > is written ->.
// All of them bind to the right. The only other one is !.
const operators = ">|&"

// parse reads a formula such as "(p -> q) & !q -> !p".
func parse(text string) (*formula, error) {
	p := parser{strings.ReplaceAll(text, "->", ">")}
	f, err := p.binary(0)
	if err == nil && p.next() != "" {
		err = fmt.Errorf("%q is left over", p.rest)
	}
	if err != nil {
		return nil, fmt.Errorf("formula %q: %w", text, err)
	}
	return f, nil
}

type parser struct{ rest string }

// next returns what begins with the next sign, "" at the end.
func (p *parser) next() string {
	p.rest = strings.TrimLeft(p.rest, " \t")
	return p.rest
}

// place says where the parser is, for people.
func (p *parser) place() string {
	if p.next() == "" {
		return "at the end"
	}
	return fmt.Sprintf("before %q", p.rest)
}

func (p *parser) take(sign byte) bool {
	if !strings.HasPrefix(p.next(), string(sign)) {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *parser) binary(level int) (*formula, error) {
	if level == len(operators) {
		return p.unary()
	}
	left, err := p.binary(level + 1)
	if err != nil || !p.take(operators[level]) {
		return left, err
	}
	right, err := p.binary(level)
	return &formula{op: operators[level], left: left, right: right}, err
}

func (p *parser) unary() (*formula, error) {
	switch {
	case p.take('!'):
		f, err := p.unary()
		return &formula{op: '!', left: f}, err
	case p.take('('):
		f, err := p.binary(0)
		if err == nil && !p.take(')') {
			err = fmt.Errorf("a ) is missing %s", p.place())
		}
		return f, err
	}
	text := p.next()
	name := text[:len(text)-len(strings.TrimLeft(text, "abcdefghijklmnopqrstuvwxyz_0123456789"))]
	if name == "" {
		return nil, fmt.Errorf("an atom is missing %s", p.place())
	}
	p.rest = text[len(name):]
	return &formula{name: name}, nil
}

// The worth of a formula. An atom that has none yet is unknown.
const (
	no      = -1
	unknown = 0
	yes     = 1
)

// worth returns what f is worth when the atoms are worth what is known of them;
// and if that leaves it unknown, an atom whose worth would help.
func (f *formula) worth(known map[string]int) (int, string) {
	switch f.op {
	case 0:
		return known[f.name], f.name
	case '!':
		v, atom := f.left.worth(known)
		return -v, atom
	}
	l, atom := f.left.worth(known)
	if f.op == '>' {
		l = -l
	}
	settled := yes // what the left side must be worth to settle it alone
	if f.op == '&' {
		settled = no
	}
	if l == settled {
		return settled, ""
	}
	r, other := f.right.worth(known)
	if l == unknown && r != settled {
		return unknown, atom
	}
	return r, other
}

// search tries to prove one goal by cases.
type search struct {
	tick  func() error // told of each case; an error ends the search
	known map[string]int
	cases int
	left  int // that are not decided: they lie deeper than was allowed
}

// prove shows that f holds in every case, splitting on at most depth atoms one
// after the other, without a bound if that is negative. Its error is a
// counterexample, or that of tick.
func (s *search) prove(f *formula, depth int) error {
	s.cases++
	if err := s.tick(); err != nil {
		return err
	}
	v, atom := f.worth(s.known)
	switch {
	case v == yes:
		return nil
	case v == no:
		return fmt.Errorf("it is false when %s", s.facts())
	case depth == 0:
		s.left++
		return nil
	}
	for _, v := range []int{yes, no} {
		s.known[atom] = v
		if err := s.prove(f, depth-1); err != nil {
			return err
		}
	}
	delete(s.known, atom)
	return nil
}

// facts lists what is known, such as "p, !q".
func (s *search) facts() string {
	var all []string
	for _, atom := range slices.Sorted(maps.Keys(s.known)) {
		all = append(all, strings.Repeat("!", (1-s.known[atom])/2)+atom)
	}
	return cmp.Or(strings.Join(all, ", "), "nothing is assumed")
}

// pigeons returns the formula that says: of n+1 pigeons in n holes two share one.
// It is always true, and soon takes for ever to prove by cases.
func pigeons(n int) string {
	var housed, shared []string
	for i := range n + 1 {
		var holes []string
		for hole := range n {
			holes = append(holes, fmt.Sprintf("p%dh%d", i, hole))
			for other := range i {
				shared = append(shared, fmt.Sprintf("p%dh%d & p%dh%d", other, hole, i, hole))
			}
		}
		housed = append(housed, "("+strings.Join(holes, " | ")+")")
	}
	return strings.Join(housed, " & ") + " -> " + strings.Join(shared, " | ")
}
