package replace

import "strings"

// Quote returns s as one word of the POSIX shell, in quotes if it needs them.
// The shell's word is s byte for byte, except that no word can hold a NUL.
func Quote(s string) string {
	if s != "" && strings.IndexFunc(s, special) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// special reports whether a word with r in it needs quotes. It knows only what
// is surely harmless. A byte that is not UTF-8 is special.
func special(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	}
	return !strings.ContainsRune("_-./:,+@%", r)
}

// quotes follows the quotes of a script, so that a replacement string inside of
// them is found. It does not follow comments and here-documents; what it gets
// wrong there is at worst an error for a script that would have worked.
type quotes struct {
	within  byte // 0, ' or "
	escaped bool // the last byte was a backslash that quotes the next
}

func (q *quotes) open() bool { return q.within != 0 || q.escaped }

func (q *quotes) read(text string) {
	for i := range len(text) {
		c := text[i]
		switch {
		case q.escaped:
			q.escaped = false
		case c == '\\' && q.within != '\'':
			q.escaped = true
		case q.within == 0 && (c == '\'' || c == '"'):
			q.within = c
		case q.within == c:
			q.within = 0
		}
	}
}
