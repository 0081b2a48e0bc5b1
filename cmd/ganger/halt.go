package main

import (
	"fmt"
	"strconv"
	"strings"
)

// halt is when a run takes no more tasks: the value of --halt. The zero halt is
// never.
type halt struct {
	text    string // as it was given
	n       int    // tasks without success, or with percent their share; 0 means never
	percent bool
	now     bool // running tasks are cancelled, else they finish
}

// A share means nothing before so many tasks have ended, or with fewer than so
// many of them without success: one early failure is no tenth of a long input.
const (
	haltEnded   = 10
	haltWithout = 3
)

// reached reports whether the run halts when so many tasks have ended and so
// many of these had no success.
func (h halt) reached(ended, without int64) bool {
	switch {
	case h.n == 0:
		return false
	case h.percent:
		return ended >= haltEnded && without >= haltWithout && without*100 >= int64(h.n)*ended
	}
	return without >= int64(h.n)
}

func (h *halt) String() string { return h.text }
func (h *halt) Type() string   { return "" }

// Set parses [now,|soon,]N[%].
func (h *halt) Set(s string) error {
	v := halt{text: s}
	number := s
	if when, rest, ok := strings.Cut(s, ","); ok {
		if when != "now" && when != "soon" {
			return fmt.Errorf("allowed before the comma: now or soon")
		}
		v.now, number = when == "now", rest
	}
	number, v.percent = strings.CutSuffix(number, "%")
	n, err := strconv.ParseUint(number, 10, 30)
	switch {
	case err != nil || n == 0:
		return fmt.Errorf("allowed: N or N%%, a whole number of at least 1, after now, or soon, if wanted")
	case v.percent && n > 100:
		return fmt.Errorf("allowed: at most 100%%")
	}
	v.n = int(n)
	*h = v
	return nil
}
