package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// headings are those of the flags of ganger run, in the order of the help, with
// the flags under each. A flag is under exactly one.
var headings = []struct{ title, flags string }{
	{"Tasks", "input null ndjson key priority"},
	{"Workers", "call proto workers slots env dir shell ready start-timeout max-tasks ttl idle-ttl jitter keep-daemons"},
	{"Limits and retries", "timeout grace retries max-deaths halt memory-soft memory-hard memory-limit cpu-limit core"},
	{"Output", "keep-order unordered out results tag line-buffer json quiet dry-run"},
	{"Log and resume", "log resume resume-failed"},
	{"Unattended", "drain log-format junit format"},
}

// Annotations of a flag.
const (
	headed = "ganger_heading" // its heading
	valued = "ganger_value"   // what stands for its value
)

// arrange notes at each flag of f under which heading it goes and, from between
// backquotes in its text, what stands for its value. The text is left as it is
// to be read, because completion shows it so.
func arrange(f *pflag.FlagSet) {
	f.VisitAll(func(flag *pflag.Flag) {
		value, text := pflag.UnquoteUsage(flag)
		flag.Usage = text
		flag.Annotations = map[string][]string{valued: {value}}
	})
	for _, h := range headings {
		for name := range strings.FieldsSeq(h.flags) {
			if flag := f.Lookup(name); flag != nil {
				flag.Annotations[headed] = []string{h.title}
			}
		}
	}
}

// flagGroup is a heading with its flags, in the order of their declaration.
type flagGroup struct {
	title string
	flags []*pflag.Flag
}

// flagGroups returns the flags of c under their headings; those that have none
// come last.
func flagGroups(c *cobra.Command) []flagGroup {
	var groups []flagGroup
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		title := ""
		if a := f.Annotations[headed]; len(a) > 0 {
			title = a[0]
		}
		i := slices.IndexFunc(groups, func(g flagGroup) bool { return g.title == title })
		if i < 0 {
			i = len(groups)
			groups = append(groups, flagGroup{title: title})
		}
		groups[i].flags = append(groups[i].flags, f)
	})
	slices.SortStableFunc(groups, func(a, b flagGroup) int { return cmp.Compare(rank(a.title), rank(b.title)) })
	for i := range groups {
		if groups[i].title == "" {
			groups[i].title = "Flags"
			if len(groups) > 1 {
				groups[i].title = "Other"
			}
		}
	}
	return groups
}

// rank is the place of a heading among the others.
func rank(title string) int {
	for i, h := range headings {
		if h.title == title {
			return i
		}
	}
	return len(headings)
}

// flagWords are what is told of a flag, in the help and in its manual page.
type flagWords struct {
	short, long string // with their dashes; short may be ""
	value       string // what stands for its value, "" if it takes none
	optional    bool   // the value may be left out, and follows an equals sign
	text        string // with the default, if that says anything
}

func wordsOf(f *pflag.Flag) flagWords {
	w := flagWords{long: "--" + f.Name, text: f.Usage}
	if a := f.Annotations[valued]; len(a) > 0 {
		w.value = a[0]
	}
	if f.Shorthand != "" {
		w.short = "-" + f.Shorthand
	}
	if f.NoOptDefVal != "" && f.Value.Type() != "bool" {
		w.optional = true
	}
	switch f.DefValue {
	case "", "false", "[]", "0", "0s":
	default:
		w.text += " (default: " + f.DefValue + ")"
	}
	return w
}

// String is how the flag is written, aligned with flags that have a short form.
func (w flagWords) String() string {
	s := "    "
	if w.short != "" {
		s = w.short + ", "
	}
	s += w.long
	switch {
	case w.value == "":
	case w.optional:
		s += "[=" + w.value + "]"
	default:
		s += " " + w.value
	}
	return s
}
