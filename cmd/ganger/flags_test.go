package main

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestTheManualHasEveryFlag: the table of flags in docs/run.md is that of the tool.
func TestTheManualHasEveryFlag(t *testing.T) {
	manual, err := os.ReadFile("../../docs/run.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(manual), "## Flags\n")
	table, _, end := strings.Cut(table, "\n## ")
	if !ok || !end {
		t.Fatal("docs/run.md has no section Flags")
	}
	var o options
	f := pflag.NewFlagSet("run", pflag.ContinueOnError)
	o.declare(f)
	f.VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(table, "`--"+f.Name) {
			t.Errorf("docs/run.md has no row for --%s", f.Name)
		}
	})
	table, _, _ = strings.Cut(table, "\nFlags of") // the sentence behind it
	for word := range strings.FieldsSeq(table) {
		name, ok := strings.CutPrefix(strings.Trim(word, "`;,"), "--")
		if ok && name != "" && f.Lookup(name) == nil {
			t.Errorf("docs/run.md has a row for --%s, which is no flag", name)
		}
	}
}

// TestMisspeltFlags: the nearest flag is suggested, and none if none is near.
func TestMisspeltFlags(t *testing.T) {
	var o options
	f := pflag.NewFlagSet("run", pflag.ContinueOnError)
	o.declare(f)
	for name, want := range map[string]string{
		"tiemout": "timeout", "worker": "workers", "keeporder": "keep-order", "max-death": "max-deaths",
		"colour": "", "x": "", "jsno": "json",
	} {
		if got := nearest(f, name); got != want {
			t.Errorf("nearest to --%s is --%s, want --%s", name, got, want)
		}
	}
}
