package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
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

func (l ledger) value(word string) (int, error) {
	if n, err := strconv.Atoi(word); err == nil {
		return n, nil
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
		return n + m, nil
	case "-":
		return n - m, nil
	case "*":
		return n * m, nil
	case "/":
		if m == 0 {
			return 0, fmt.Errorf("%s is 0, and nothing is divided by that", word)
		}
		return n / m, nil
	}
	return 0, fmt.Errorf("there is no operator %s", op)
}
