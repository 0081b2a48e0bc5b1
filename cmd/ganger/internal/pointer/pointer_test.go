package pointer

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFind(t *testing.T) {
	// The document of RFC 6901, section 5, and what is awkward besides.
	const text = ` {"foo": ["bar", "baz", [[], {"x":[1,{"y":"]}\\\""}]}]], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4,
		"i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8, "\u00e9": 9, "twice": 10, "twice" : {"n":-1.5e3} , "~1": null } `
	for pointer, want := range map[string]string{
		"":              strings.TrimSpace(text),
		"/foo/0":        `"bar"`,
		"/foo/1":        `"baz"`,
		"/foo/2/0":      `[]`,
		"/foo/2/1/x/0":  `1`,
		"/foo/2/1/x/1":  `{"y":"]}\\\""}`,
		"/foo/2/1/x/01": "",
		"/foo/3":        "",
		"/foo/-":        "",
		"/foo/+1":       "",
		"/foo/bar":      "",
		"/foo/0/0":      "",
		"/":             `0`,
		"/a~1b":         `1`,
		"/c%d":          `2`,
		"/e^f":          `3`,
		"/g|h":          `4`,
		`/i\j`:          `5`,
		`/k"l`:          `6`,
		"/ ":            `7`,
		"/m~0n":         `8`,
		"/é":            `9`,
		"/twice":        `{"n":-1.5e3}`,
		"/twice/n":      `-1.5e3`,
		"/~01":          `null`,
		"/nothing":      "",
		"/0":            "",
	} {
		p, err := Parse(pointer)
		if err != nil {
			t.Errorf("Parse(%q): %v", pointer, err)
			continue
		}
		got, ok := p.Find([]byte(text))
		if string(got) != want || ok != (want != "") {
			t.Errorf("%q points to %s, %v; want %s", pointer, got, ok, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{"a", "a/b", "#/a", "/~", "/a~", "/~2", "/a/~x/b", " /a"} {
		if _, err := Parse(s); err == nil {
			t.Errorf("Parse(%q) takes it", s)
		}
	}
}

// FuzzFind: what is found is what is there when the whole text is decoded.
func FuzzFind(f *testing.F) {
	f.Add("/a/1", `{"a":[1,{"b":2}]}`)
	f.Add("/a~1b/~01", `{"a/b" : {"~1":"x\"]"} }`)
	f.Add("", ` 5 `)
	f.Add("/0/", `[{"":[]}]`)
	f.Add("/é", `{"\u00e9":null,"é":true}`)
	f.Fuzz(func(t *testing.T, pointer, text string) {
		p, err := Parse(pointer)
		if err != nil || !json.Valid([]byte(text)) || !utf8.ValidString(text) {
			return
		}
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		var want any
		if err := d.Decode(&want); err != nil {
			t.Skip(err)
		}
		there := true
		for _, s := range p.steps {
			switch v := want.(type) {
			case map[string]any:
				want, there = v[s.name]
			case []any:
				n, err := strconv.Atoi(s.name)
				there = err == nil && strconv.Itoa(n) == s.name && n >= 0 && n < len(v)
				if there {
					want = v[n]
				}
			default:
				there = false
			}
			if !there {
				break
			}
		}
		raw, ok := p.Find([]byte(text))
		if ok != there {
			t.Fatalf("%q in %s: found %v, want %v", pointer, text, ok, there)
		}
		if !ok {
			return
		}
		var got any
		d = json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if err := d.Decode(&got); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q in %s: found %s (%v), want %v", pointer, text, raw, err, want)
		}
	})
}
