package roff

import (
	"strings"
	"testing"
)

// TestPage is the whole of a page that has everything.
func TestPage(t *testing.T) {
	p := New("a-b", 1, "2026-11-21", "a 1.0")
	p.Section("Name")
	p.Line(Words{}.Bold("a-b").Plain(" - ").Italic("it's"))
	p.Subsection("More")
	p.Text("It is\n.so\n'quoted' \\n ~^` \"x\".\n\n  literal\n    lines\n\nlast é")
	p.Item(Words{}.Bold("--x").Plain(" ").Italic("N"), ".5 of N")
	const want = `.TH "A\-B" 1 "2026\-11\-21" "a 1.0"
.nh
.ad l
.SH "NAME"
\fBa\-b\fR \- \fIit\(aqs\fR
.SS "More"
.PP
It is
\&.so
\(aqquoted\(aq \(rsn \(ti\(ha\(ga \(dqx\(dq.
.PP
.nf
\&  literal
\&    lines
.fi
.PP
last \[u00E9]
.TP
\fB\-\-x\fR \fIN\fR
\&.5 of N
`
	if got := string(p.Bytes()); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// FuzzText: whatever text is given, no line of it is a request, and no escape is
// left but those that stand for a character.
func FuzzText(f *testing.F) {
	f.Add(".so /etc/passwd")
	f.Add("a\n'br\n\\n(.z")
	f.Add(" \n.x\r\n\x00\xff")
	f.Fuzz(func(t *testing.T, text string) {
		p := New("x", 1, "", "")
		p.Item(Words{}.Plain("x"), text)
		_, body, _ := strings.Cut(string(p.Bytes()), "\nx\n")
		for line := range strings.SplitSeq(body, "\n") {
			if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
				t.Errorf("%q is a request in what was made of %q", line, text)
			}
		}
	})
}
