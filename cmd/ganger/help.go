package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// helpWidth is how wide the help is, in columns.
const helpWidth = 80

// printHelp writes the help of c where its output goes. Who gave it that output
// looks for the error.
func printHelp(c *cobra.Command, _ []string) {
	_, _ = io.WriteString(c.OutOrStdout(), help(c))
}

// newHelp returns ganger help.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:                   "help [COMMAND]",
		Short:                 "Tell about a command",
		Long:                  "Tell about a command, as its flag --help does.",
		Example:               "  ganger help run",
		DisableFlagsInUseLine: true,
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
			for _, sub := range c.Root().Commands() {
				if sub.IsAvailableCommand() && len(args) == 0 {
					names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(c.Root(), args)
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// help is the help of c. Examples come first: most people need no more.
func help(c *cobra.Command) string {
	var b strings.Builder
	add := func(parts ...string) {
		for _, p := range parts {
			b.WriteString(p)
		}
	}
	if c.Long != "" {
		add(c.Long, "\n\n")
	}
	if c.Example != "" {
		add("Examples:\n", c.Example, "\n\n")
	}
	add("Usage:\n  ", usageLine(c), "\n")
	if c.HasAvailableSubCommands() {
		add("\nCommands:\n")
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				add("  ", padded(sub.Name(), sub.NamePadding()), " ", sub.Short, "\n")
			}
		}
		add("\n\"", c.CommandPath(), " COMMAND --help\" tells more about a command.\n")
	}
	groups := flagGroups(c)
	indent := 0
	for _, g := range groups {
		for _, f := range g.flags {
			indent = max(indent, len(wordsOf(f).String()))
		}
	}
	indent += 4 // two before and two behind
	for _, g := range groups {
		add("\n", g.title, ":\n")
		for _, f := range g.flags {
			w := wordsOf(f)
			add(padded("  "+w.String(), indent), wrapped(w.text, indent), "\n")
		}
	}
	return b.String()
}

// usageLine is how c is called.
func usageLine(c *cobra.Command) string {
	if c.HasAvailableSubCommands() {
		return c.CommandPath() + " COMMAND"
	}
	return c.UseLine()
}

func padded(s string, width int) string { return s + strings.Repeat(" ", max(0, width-len(s))) }

// wrapped is text in lines of helpWidth, of which the first already has indent
// columns and the others are given as many.
func wrapped(text string, indent int) string {
	var b strings.Builder
	column := indent
	for word := range strings.FieldsSeq(text) {
		switch {
		case column == indent:
		case column+1+len(word) > helpWidth:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}
