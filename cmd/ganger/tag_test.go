package main

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzLines: however output is cut into pieces on its way, every line comes whole
// with its tag, and only lines that are too long are cut.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\n\nb"), uint16(1))
	f.Add([]byte("\n"), uint16(3))
	f.Add(bytes.Repeat([]byte("long"), maxLine/3), uint16(1000))
	f.Fuzz(func(t *testing.T, text []byte, piece uint16) {
		var got bytes.Buffer
		g := &tagger{to: &got, tag: "t\t"}
		l := &liner{to: g}
		for rest := text; len(rest) > 0; {
			n := min(len(rest), int(piece)+1)
			if k, err := l.Write(rest[:n]); k != n || err != nil {
				t.Fatalf("Write = %d, %v, want %d", k, err, n)
			}
			rest = rest[n:]
			if b := got.Bytes(); len(b) > 0 && b[len(b)-1] != '\n' {
				t.Fatalf("%q was handed on, which is not whole lines", b)
			}
		}
		l.finish()
		g.finish()
		var want strings.Builder
		for line := range strings.Lines(string(text)) {
			want.WriteString("t\t" + strings.TrimSuffix(line, "\n") + "\n")
		}
		if len(text) < maxLine && got.String() != want.String() {
			t.Errorf("%q became %q, want %q", text, &got, &want)
		}
		if a, b := strings.Count(got.String(), "\n"), strings.Count(want.String(), "\n"); a < b || a > b+len(text)/maxLine {
			t.Errorf("%d lines of %d bytes became %d", b, len(text), a)
		}
	})
}

// TestTaggerEndsWhatHasNoEnd: with --tag alone, nothing is held back.
func TestTaggerEndsWhatHasNoEnd(t *testing.T) {
	var got bytes.Buffer
	g := &tagger{to: &got, tag: "t\t"}
	for _, piece := range []string{"a", "b\nc", "", "d"} {
		if _, err := g.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	if want := "t\tab\nt\tcd"; got.String() != want {
		t.Errorf("before the end %q, want %q", &got, want)
	}
	g.finish()
	g.finish()
	if want := "t\tab\nt\tcd\n"; got.String() != want {
		t.Errorf("%q, want %q", &got, want)
	}
}
