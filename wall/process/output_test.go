package process

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSplitter(t *testing.T) {
	long := strings.Repeat("x", lineBytes)
	for _, test := range []struct {
		name string
		in   string
		want []string
	}{
		{"nothing", "", nil},
		{"lines", "a\n\nb\n", []string{"a", "", "b"}},
		{"no end", "a\nb", []string{"a", "b"}},
		{"CR stays", "a\r\n", []string{"a\r"}},
		{"exactly full", long + "\nb\n", []string{long, "b"}},
		{"one more", long + "x\nb\n", []string{long, "x", "b"}},
		{"twice full", long + long + "\nb\n", []string{long, long, "b"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				var got []string
				s := splitter{line: func(p []byte) { got = append(got, string(p)) }}
				for rest := []byte(test.in); len(rest) > 0; {
					n := rapid.OneOf(rapid.IntRange(1, 10), rapid.IntRange(1, 2*lineBytes)).Draw(t, "piece")
					n = min(n, len(rest))
					s.add(rest[:n])
					rest = rest[n:]
					if len(rest) > 1000 && n < 10 { // small pieces of a long text take long
						s.add(rest[:len(rest)-10])
						rest = rest[len(rest)-10:]
					}
				}
				s.flush()
				if !slices.Equal(got, test.want) {
					t.Fatalf("got %d lines, want %d: %.200q", len(got), len(test.want), got)
				}
			})
		})
	}
}

func TestTail(t *testing.T) {
	numbered := func(from, to int) string {
		var b strings.Builder
		for i := from; i <= to; i++ {
			fmt.Fprintf(&b, "line %d\n", i)
		}
		return b.String()
	}
	for _, test := range []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"one", "a\n", "a"},
		{"no end", "a\nb", "a\nb"},
		{"the last lines", numbered(1, 5000), strings.TrimSuffix(numbered(4981, 5000), "\n")},
		{"a cut line is left out", strings.Repeat("x", 10000) + "\nend\n", "end"},
		{"unless it is the only one", strings.Repeat("x", 10000), strings.Repeat("x", tailBytes)},
		{"not UTF-8", "a\xff\n", "a\uFFFD"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, piece := range []int{1, 100, 9000, 1 << 20} {
				var tl tail
				for p := range slices.Chunk([]byte(test.in), piece) {
					tl.add(p)
				}
				if got := tl.String(); got != test.want {
					t.Errorf("pieces of %d: got %.100q, want %.100q", piece, got, test.want)
				}
				if cap(tl.buf) > 4*tailBytes {
					t.Errorf("pieces of %d: holds %d bytes", piece, cap(tl.buf))
				}
			}
		})
	}
}

func TestMarks(t *testing.T) {
	const token, other = "TOKEN", "OTHER"
	for _, test := range []struct {
		name    string
		environ []string
		life    uint64
		ok      bool
	}{
		{"none", []string{"A=1", "B=2"}, 0, false},
		{"ours", []string{"A=1", markOf("", token, 17, false), "B=2"}, 17, true},
		{"kept", []string{markOf("", token, 17, true)}, 0, false},
		{"another's", []string{markOf("", other, 17, false)}, 0, false},
		{"ours within another's", []string{markOf(other+".3", token, 17, false)}, 17, true},
		{"another's within ours", []string{markOf(token+".17", other, 3, false)}, 17, true},
		{"another variable", []string{"MY_" + markOf("", token, 17, false)}, 0, false},
		{"a longer token", []string{markOf("", "A"+token, 17, false)}, 0, false},
		{"spoilt", []string{markKey + token + ".x"}, 0, false},
	} {
		environ := []byte(strings.Join(test.environ, "\x00") + "\x00")
		if life, ok := lifeOf(environ, token); life != test.life || ok != test.ok {
			t.Errorf("%s: got %d, %v; want %d, %v", test.name, life, ok, test.life, test.ok)
		}
	}
}

func TestEnvironment(t *testing.T) {
	base := environment{}.with([]string{"A=1", "B=1", "AA=1", "A=2"})
	got := base.with([]string{"B=2", "C=1", "B=3", "odd"})
	want := environment{"AA=1", "A=2", "C=1", "B=3", "odd"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	t.Setenv(fdName, "3,4")
	t.Setenv(guardName, "x")
	for _, v := range inherited() {
		if strings.HasPrefix(v, fdName+"=") || strings.HasPrefix(v, guardName+"=") {
			t.Errorf("inherited %s", v)
		}
	}
}

func TestCommandLine(t *testing.T) {
	c := Command{Path: "./tool", Args: []string{"-n", "two words", "it's", ""}}
	if got, want := c.Traits().Command, `./tool -n 'two words' 'it'\''s' ''`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if bytes.ContainsRune([]byte(line("a", []string{"b"})), '\'') {
		t.Error("plain words are quoted")
	}
}
