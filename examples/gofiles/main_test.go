package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestJudge(t *testing.T) {
	tests := []struct {
		name, source, verdict string
		decls                 int
	}{
		{"formatted", "package a\n\nimport \"b\"\n\nvar x, y = 1, 2\n", formatted, 2},
		{"blanks", "package a\nvar  x = 1\n", notFormatted, 1},
		{"unsorted imports", "package a\n\nimport (\n\t\"c\"\n\t\"b\"\n)\n", notFormatted, 1},
		{"no final newline", "package a", notFormatted, 0},
		{"half a function", "package a\n\nfunc f() {\n", doesNotParse, 0},
		{"empty", "", doesNotParse, 0},
		{"not UTF-8", "package a\n\nvar x = \"\xff\"\n", doesNotParse, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "a.go")
			if err := os.WriteFile(file, []byte(tt.source), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := judge(file)
			if err != nil {
				t.Fatal(err)
			}
			if got.File != file || got.Verdict != tt.verdict || got.Decls != tt.decls {
				t.Errorf("judge(%q) = %+v, want %s with %d declarations", tt.source, got, tt.verdict, tt.decls)
			}
			if (got.Error != "") != (tt.verdict == doesNotParse) {
				t.Errorf("judge(%q): error %q beside verdict %q", tt.source, got.Error, got.Verdict)
			}
		})
	}
}

func TestJudgeUnreadable(t *testing.T) {
	if _, err := judge(filepath.Join(t.TempDir(), "none.go")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("judge of no file: error %v, want %v", err, fs.ErrNotExist)
	}
	if _, err := judge(t.TempDir()); err == nil {
		t.Error("judge of a directory: no error")
	}
}
