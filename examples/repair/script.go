package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// ledger is what the steps of a script have come to: the worth of each name.
type ledger map[string]int

// step performs one step and writes down what it comes to:
//
//	NAME = VALUE [OP VALUE]...    from left to right; OP is one of + - * /
//	assert VALUE == VALUE
//
// A value is a number or a name. After an error nothing has changed.
func (l ledger) step(text string) error {
	words := strings.Fields(text)
	switch {
	case len(words) == 4 && words[0] == "assert" && words[2] == "==":
		a, err := l.value(words[1])
		if err != nil {
			return err
		}
		b, err := l.value(words[3])
		if err == nil && a != b {
			err = fmt.Errorf("%d is not %d", a, b)
		}
		return err
	case len(words) >= 3 && words[1] == "=" && len(words)%2 == 1:
		if !isName(words[0]) {
			return fmt.Errorf("%s is no name: that is letters, digits and _, and begins with no digit", words[0])
		}
		n, err := l.value(words[2])
		for rest := words[3:]; err == nil && len(rest) > 0; rest = rest[2:] {
			n, err = l.apply(n, rest[0], rest[1])
		}
		if err == nil {
			l[words[0]] = n
		}
		return err
	}
	return errors.New("it is neither NAME = VALUE [OP VALUE]... nor assert VALUE == VALUE")
}

// isName reports whether a word may stand for a value.
func isName(word string) bool {
	for i, r := range word {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return false
		}
	}
	return word != ""
}

func (l ledger) value(word string) (int, error) {
	n, err := strconv.Atoi(word)
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, strconv.ErrRange):
		return 0, tooGreat(word)
	}
	n, ok := l[word]
	if !ok {
		return 0, fmt.Errorf("%s has no value yet", word)
	}
	return n, nil
}

func (l ledger) apply(n int, op, word string) (int, error) {
	m, err := l.value(word)
	if err != nil {
		return 0, err
	}
	switch op {
	case "+":
		if sum := n + m; (sum > n) == (m > 0) {
			return sum, nil
		}
	case "-":
		if difference := n - m; (difference < n) == (m > 0) {
			return difference, nil
		}
	case "*":
		if product := n * m; n == 0 || product/n == m && (n != -1 || m != math.MinInt) {
			return product, nil
		}
	case "/":
		if m == 0 {
			return 0, fmt.Errorf("%s is 0, and nothing is divided by that", word)
		}
		if m != -1 || n != math.MinInt {
			return n / m, nil
		}
	default:
		return 0, fmt.Errorf("there is no operator %s", op)
	}
	return 0, tooGreat(fmt.Sprintf("%d %s %s", n, op, word))
}

// tooGreat is why a number cannot be written down: silently it would be another.
func tooGreat(what string) error { return fmt.Errorf("%s does not fit into an integer", what) }
