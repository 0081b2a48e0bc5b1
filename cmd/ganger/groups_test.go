package main

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestEveryFlagHasAHeading: each flag of ganger run is under exactly one heading
// of its help, and each heading names flags only.
func TestEveryFlagHasAHeading(t *testing.T) {
	var o options
	f := pflag.NewFlagSet("run", pflag.ContinueOnError)
	o.declare(f)
	count := make(map[string]int)
	for _, h := range headings {
		for name := range strings.FieldsSeq(h.flags) {
			count[name]++
			if f.Lookup(name) == nil {
				t.Errorf("heading %q has --%s, which is no flag", h.title, name)
			}
		}
	}
	f.VisitAll(func(f *pflag.Flag) {
		if n := count[f.Name]; n != 1 {
			t.Errorf("--%s is under %d headings; name it under one of groups.go", f.Name, n)
		}
	})
}

// TestEveryValueHasAName: the help names what a flag takes, as FILE or DIR, by which
// shells complete it too.
func TestEveryValueHasAName(t *testing.T) {
	status := 0
	c, _, err := newRoot(streams{strings.NewReader(""), io.Discard, io.Discard}, &status).Find([]string{"run"})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range flagGroups(c) {
		for _, f := range g.flags {
			w := wordsOf(f)
			if strings.Contains(w.text, "`") {
				t.Errorf("--%s: a backquote is left in %q", f.Name, w.text)
			}
			if slices.Contains([]string{"string", "strings", "int", "value", "text"}, w.value) {
				t.Errorf("--%s: its value has no name, but %q: write one between backquotes in the text", f.Name, w.value)
			}
		}
	}
}
