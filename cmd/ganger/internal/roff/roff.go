// Package roff writes manual pages in the man macros, which groff and mandoc read.
//
// # Usage
//
// A [Page] is made with [New] and given its parts in order; [Page.Bytes] is the
// page. All text is given as it is to be read: what has a meaning in roff is
// written so that it has none.
package roff

import (
	"fmt"
	"strings"
)

// Page is a manual page that is being written. Make it with [New].
type Page struct{ b strings.Builder }

// New returns a page with that name in that section of the manual. date and
// source stand in its foot; either may be "".
func New(name string, section int, date, source string) *Page {
	p := &Page{}
	p.line(".TH %s %d %s %s", quoted(strings.ToUpper(name)), section, quoted(date), quoted(source))
	p.line(".nh") // flags and examples are not to be broken
	p.line(".ad l")
	return p
}

// Section begins a section.
func (p *Page) Section(title string) { p.line(".SH %s", quoted(strings.ToUpper(title))) }

// Subsection begins a part of a section.
func (p *Page) Subsection(title string) { p.line(".SS %s", quoted(title)) }

// Text adds paragraphs, which empty lines divide. A paragraph whose first line
// begins with a blank keeps its lines as they are, others are filled.
func (p *Page) Text(text string) {
	for paragraph := range strings.SplitSeq(strings.Trim(text, "\n"), "\n\n") {
		p.line(".PP")
		if strings.HasPrefix(paragraph, " ") {
			p.Literal(paragraph)
			continue
		}
		p.lines(paragraph)
	}
}

// Literal adds lines that stay as they are.
func (p *Page) Literal(text string) {
	p.line(".nf")
	p.lines(strings.Trim(text, "\n"))
	p.line(".fi")
}

// Item adds a term with what is to be said of it.
func (p *Page) Item(term Words, text string) {
	p.line(".TP")
	p.line("%s", protected(term.String()))
	p.lines(text)
}

// Line adds one line of marked words.
func (p *Page) Line(w Words) { p.line("%s", protected(w.String())) }

// Bytes is the page.
func (p *Page) Bytes() []byte { return []byte(p.b.String()) }

// lines adds text of several lines, none of which is a request.
func (p *Page) lines(text string) {
	for line := range strings.SplitSeq(text, "\n") {
		p.line("%s", protected(escaped(line)))
	}
}

func (p *Page) line(format string, args ...any) {
	fmt.Fprintf(&p.b, format+"\n", args...)
}

// Words are words in several fonts. The zero Words are none.
type Words struct{ s string }

// Bold returns w with a word that is to be typed as it is.
func (w Words) Bold(s string) Words { return Words{w.s + `\fB` + escaped(s) + `\fR`} }

// Italic returns w with a word that stands for another.
func (w Words) Italic(s string) Words { return Words{w.s + `\fI` + escaped(s) + `\fR`} }

// Plain returns w with text.
func (w Words) Plain(s string) Words { return Words{w.s + escaped(s)} }

// String is w in roff.
func (w Words) String() string { return w.s }

// special are the characters that roff, or a typesetter, makes something else of.
var special = strings.NewReplacer(
	`\`, `\(rs`, `-`, `\-`, `'`, `\(aq`, "`", `\(ga`, `^`, `\(ha`, `~`, `\(ti`, `"`, `\(dq`,
)

// escaped is text that stands for itself, in one line or several.
func escaped(text string) string {
	var b strings.Builder
	for _, r := range special.Replace(text) {
		if r < 0x80 {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\[u%04X]`, r)
		}
	}
	return b.String()
}

// protected is a line that is no request, whatever it begins with.
func protected(line string) string {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") || strings.HasPrefix(line, " ") {
		return `\&` + line
	}
	return line
}

// quoted is one argument of a request.
func quoted(s string) string { return `"` + escaped(s) + `"` }
