// Package pointer finds a value in a JSON text by a JSON pointer (RFC 6901)
// without decoding the rest of it.
//
// A pointer is empty, for the whole value, or names one level after another,
// each behind a slash: a member of an object, or an element of an array by its
// number from 0. In a name ~1 stands for a slash and ~0 for a tilde. Of members
// with one name the last counts, as with most readers of JSON.
package pointer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Pointer is a parsed JSON pointer. The zero Pointer is the whole value. It is
// immutable.
type Pointer struct{ steps []step }

// step is one level.
type step struct {
	name  string
	index int // name as the number of an element; -1 if it is none
}

// Parse parses s, or says what is wrong with it.
func Parse(s string) (Pointer, error) {
	if s == "" {
		return Pointer{}, nil
	}
	if s[0] != '/' {
		return Pointer{}, errors.New("a JSON pointer is empty or begins with a slash, as in /name")
	}
	var p Pointer
	for name := range strings.SplitSeq(s[1:], "/") {
		for i, c := range name {
			if c == '~' && (i+1 == len(name) || name[i+1] != '0' && name[i+1] != '1') {
				return Pointer{}, fmt.Errorf("in a JSON pointer ~ is written ~0 and a slash in a name ~1: %q", name)
			}
		}
		// ~1 first would make a slash of ~01, which is a tilde and a one.
		name = strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
		p.steps = append(p.steps, step{name, element(name)})
	}
	return p, nil
}

// element is the number that name is, without sign and leading zeros; else -1.
func element(name string) int {
	n, err := strconv.ParseUint(name, 10, 31)
	if err != nil || name[0] == '0' && len(name) > 1 {
		return -1
	}
	return int(n)
}

// Find returns the text of the value that p points to in text, which must be one
// valid JSON value; ok is false if there is none. The result shares text's bytes.
func (p Pointer) Find(text []byte) (value []byte, ok bool) {
	value = bytes.TrimSpace(text)
	for _, s := range p.steps {
		switch value[0] {
		case '{':
			value = member(value, s.name)
		case '[':
			value = nth(value, s.index)
		default:
			value = nil
		}
		if value == nil {
			return nil, false
		}
	}
	return value, true
}

// member returns the last member of that name, nil if there is none.
func member(object []byte, name string) (found []byte) {
	i := space(object, 1)
	for object[i] != '}' {
		end := skip(object, i)
		key := object[i:end]
		i = space(object, end) // at the colon
		i = space(object, i+1)
		end = skip(object, i)
		if same(key, name) {
			found = object[i:end]
		}
		i = next(object, end)
	}
	return found
}

// nth returns an element, nil if there is none of that number.
func nth(array []byte, n int) []byte {
	i := space(array, 1)
	for k := 0; array[i] != ']'; k++ {
		end := skip(array, i)
		if k == n {
			return array[i:end]
		}
		i = next(array, end)
	}
	return nil
}

// next returns where the next item begins, or the closing bracket is, behind an
// item that ended at i.
func next(text []byte, i int) int {
	i = space(text, i)
	if text[i] == ',' {
		i = space(text, i+1)
	}
	return i
}

// space returns the first place from i on that is no white space.
func space(text []byte, i int) int {
	for text[i] == ' ' || text[i] == '\t' || text[i] == '\r' || text[i] == '\n' {
		i++
	}
	return i
}

// skip returns the end of the value that begins at i.
func skip(text []byte, i int) int {
	depth := 0
	for {
		switch text[i] {
		case '"':
			i = closing(text, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ' ', '\t', '\r', '\n', ',', ':':
			i++
			continue
		default: // a number, true, false or null
			for i < len(text) && !bytes.ContainsRune([]byte(" \t\r\n,:]}"), rune(text[i])) {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
}

// closing returns what is behind the string that begins at i.
func closing(text []byte, i int) int {
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// same reports whether a string's text stands for name.
func same(text []byte, name string) bool {
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text[1:len(text)-1]) == name
	}
	var s string
	return json.Unmarshal(text, &s) == nil && s == name
}
