package main

import "testing"

func TestProve(t *testing.T) {
	tests := []struct {
		text, want string // "" when it is true
		depth      int
		left       int
	}{
		{text: "p -> p", depth: -1},
		{text: "p -> q -> p", depth: -1},
		{text: "!!p -> p", depth: -1},
		{text: "p & q | !p | !q", depth: -1},
		{text: "(p -> q) -> (!q -> !p)", depth: -1},
		{text: pigeons(1), depth: -1},
		{text: pigeons(2), depth: -1},
		{text: "p", depth: -1, want: "it is false when !p"},
		{text: "p | q -> p & q", depth: -1, want: "it is false when p, !q"},
		{text: "p -> q & !p", depth: -1, want: "it is false when p"},
		{text: "p & !p", depth: -1, want: "it is false when p"},
		{text: "p & q -> q & p", depth: 2},
		{text: "p & q -> q & p", depth: 1, left: 1},
		{text: "p & q -> q & p", depth: 0, left: 1},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			f, err := parse(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			s := search{known: map[string]int{}, tick: func() error { return nil }}
			got := ""
			if err := s.prove(f, tt.depth); err != nil {
				got = err.Error()
			}
			if got != tt.want || s.left != tt.left {
				t.Errorf("prove to depth %d: %q, %d cases left; want %q, %d", tt.depth, got, s.left, tt.want, tt.left)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":       `formula "": an atom is missing at the end`,
		"p &":    `formula "p &": an atom is missing at the end`,
		"(p & q": `formula "(p & q": a ) is missing at the end`,
		"(p q)":  `formula "(p q)": a ) is missing before "q)"`,
		"p) | q": `formula "p) | q": ") | q" is left over`,
		"P":      `formula "P": an atom is missing before "P"`,
		"p - q":  `formula "p - q": "- q" is left over`,
	} {
		if _, err := parse(text); err == nil || err.Error() != want {
			t.Errorf("parse(%q): %v, want %q", text, err, want)
		}
	}
}
