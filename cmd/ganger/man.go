package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ganger-dev/ganger/cmd/ganger/internal/roff"
)

// newMan returns ganger man.
func newMan() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages",
		Long: `Write the manual pages of ganger and of each of its commands, in section 1, to
the directory DIR, which is made if it is not there. They say what --help says.`,
		Example:               "  ganger man ~/.local/share/man/man1 && man ganger-run",
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     directories,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{text: fmt.Sprintf("one directory is wanted, not %d", len(args)), hint: "ganger man DIR", help: "ganger man"}
			}
			return writeManual(c.Root(), args[0])
		},
	}
}

// writeManual writes a page for root and for each command below it.
func writeManual(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("the manual pages cannot be written: %w", err)
	}
	for _, c := range append([]*cobra.Command{root}, root.Commands()...) {
		if c != root && !c.IsAvailableCommand() {
			continue
		}
		c.InitDefaultHelpFlag()
		path := filepath.Join(dir, pageName(c)+".1")
		if err := os.WriteFile(path, manualPage(c), 0o644); err != nil {
			return fmt.Errorf("the manual page cannot be written: %w", err)
		}
	}
	return nil
}

// pageName is the name of the manual page of c.
func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// manualPage is the manual page of c.
func manualPage(c *cobra.Command) []byte {
	b := thisBuild()
	day, _, _ := strings.Cut(b.Date, "T")
	p := roff.New(pageName(c), 1, day, "ganger "+b.Version)
	p.Section("Name")
	p.Line(roff.Words{}.Plain(pageName(c) + " - " + strings.ToLower(c.Short[:1]) + c.Short[1:]))
	p.Section("Synopsis")
	p.Line(synopsis(c))
	p.Section("Description")
	p.Text(c.Long)
	if c.HasAvailableSubCommands() {
		p.Section("Commands")
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				p.Item(roff.Words{}.Bold(pageName(sub)).Plain("(1)"), sub.Short)
			}
		}
	}
	p.Section("Options")
	groups := flagGroups(c)
	for _, g := range groups {
		if len(groups) > 1 {
			p.Subsection(g.title)
		}
		for _, f := range g.flags {
			w := wordsOf(f)
			p.Item(w.marked(), w.text)
		}
	}
	p.Section("Examples")
	p.Text(c.Example)
	p.Section("See also")
	p.Line(seeAlso(c))
	return p.Bytes()
}

// synopsis is the usage line of c with its own words in bold.
func synopsis(c *cobra.Command) roff.Words {
	rest := strings.TrimPrefix(usageLine(c), c.CommandPath())
	return roff.Words{}.Bold(c.CommandPath()).Plain(rest)
}

// seeAlso names the pages beside that of c.
func seeAlso(c *cobra.Command) roff.Words {
	var w roff.Words
	for i, other := range append([]*cobra.Command{c.Root()}, c.Root().Commands()...) {
		if other == c || i > 0 && !other.IsAvailableCommand() {
			continue
		}
		if w != (roff.Words{}) {
			w = w.Plain(", ")
		}
		w = w.Bold(pageName(other)).Plain("(1)")
	}
	return w
}

// marked is how the flag is written, with fonts.
func (w flagWords) marked() roff.Words {
	var m roff.Words
	if w.short != "" {
		m = m.Bold(w.short).Plain(", ")
	}
	m = m.Bold(w.long)
	switch {
	case w.value == "":
		return m
	case w.optional:
		return m.Plain("[=").Italic(w.value).Plain("]")
	}
	return m.Plain(" ").Italic(w.value)
}
