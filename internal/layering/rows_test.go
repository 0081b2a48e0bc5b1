package layering

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// required are the rows that docs/rows.md must hold, each with a test.
var required = strings.Fields(`
	T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13 T14 T15 T17 T18 T19 T20 T21 T22 T23
	T24 T25 T26 T27 T28 T29 T30 T31 T32 T33 T34 T35 T36 T37 T38 T39 T40 T41 T42 T43
	T44 T45 T46 T47 T48 T49 T54 T55 T56 T57 T58
	P1 P2 P4 P5 P6 P7 P8 P9 P10 P12 P13 P14 P16 P17 P22 P25 P28
	W1 W2 W3 W4 W5 W6 W7 W8 W9 W10 W11 W12 W13 W14 W15 W16 W17 W18 W19 W20 W21 W22
	W23 W24 W25 W26 W27 W28 W29 W30 W31 W32 W33 W34 W35 W36 W37
	N1 N2 N3 N8 N12 N17`)

// rowed matches the name of a test function that stands for a row.
var rowed = regexp.MustCompile(`^Test[TPWLKN][0-9]`)

// row is one line of the table of docs/rows.md.
type row struct {
	id, what string
	tests    []string
}

// readRows parses the table: lines of three cells whose first is a row's name.
func readRows(t *testing.T, text string) []row {
	t.Helper()
	id := regexp.MustCompile(`^[TPWLKN][0-9]+$`)
	var rows []row
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if !id.MatchString(cells[0]) {
			continue
		}
		if len(cells) != 3 || cells[1] == "" {
			t.Errorf("row %s: %d cells, want row, what, tests", cells[0], len(cells))
			continue
		}
		r := row{id: cells[0], what: cells[1]}
		if cells[2] != "-" {
			for name := range strings.SplitSeq(cells[2], ",") {
				r.tests = append(r.tests, strings.Trim(strings.TrimSpace(name), "`"))
			}
		}
		rows = append(rows, r)
	}
	return rows
}

// index is what the tree offers for the table to name.
type index struct {
	root  string
	tests map[string]bool            // "dir.TestName"
	words map[string]map[string]bool // dir -> names of functions and string literals, for subtests
	bench map[string]bool            // string literals of the bench module
}

func newIndex(t *testing.T) index {
	t.Helper()
	top, err := root()
	if err != nil {
		t.Fatal(err)
	}
	x := index{top, map[string]bool{}, map[string]map[string]bool{}, map[string]bool{}}
	for _, f := range parsed(t) {
		words := x.words[f.dir]
		if words == nil {
			words = map[string]bool{}
			x.words[f.dir] = words
		}
		if below(f.dir, "bench") {
			words = x.bench
		}
		for _, d := range f.syntax.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if ok && fn.Recv == nil && f.test && strings.HasPrefix(fn.Name.Name, "Test") {
				x.tests[f.dir+"."+fn.Name.Name] = true
			}
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				words[n.Name.Name] = true
			case *ast.BasicLit:
				if s, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil {
					words[s] = true
				}
			}
			return true
		})
	}
	return x
}

// has reports whether the tree has the test that a cell of the table names.
func (x index) has(name string) bool {
	if strings.HasSuffix(name, ".txtar") {
		_, err := os.Stat(filepath.Join(x.root, filepath.FromSlash(name)))
		return err == nil
	}
	if id, ok := strings.CutPrefix(name, "bench:"); ok {
		return x.bench[id]
	}
	dir, test, sub := parts(name)
	// A subtest may come from the suite that the walls share.
	return x.tests[dir+"."+test] && (sub == "" || x.words[dir][sub] || x.words["wall/walltest"][sub])
}

// parts takes "dir.TestName/Subtest" apart.
func parts(name string) (dir, test, sub string) {
	dir, test, _ = strings.Cut(name, ".")
	test, sub, _ = strings.Cut(test, "/")
	return dir, test, sub
}

// table reads docs/rows.md.
func table(t *testing.T) []row {
	t.Helper()
	top, err := root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(top, "docs", "rows.md"))
	if err != nil {
		t.Fatal(err)
	}
	return readRows(t, string(text))
}

func TestRowsNameTestsThatExist(t *testing.T) {
	x := newIndex(t)
	seen := map[string]bool{}
	for _, r := range table(t) {
		if seen[r.id] {
			t.Errorf("docs/rows.md has row %s twice", r.id)
		}
		seen[r.id] = true
		if len(r.tests) == 0 {
			t.Errorf("docs/rows.md: row %s has no test", r.id)
		}
		for _, name := range r.tests {
			if !x.has(name) {
				t.Errorf("docs/rows.md: row %s names %q, which does not exist", r.id, name)
			}
		}
	}
}

func TestRowsAreComplete(t *testing.T) {
	rows := table(t)
	for _, id := range required {
		if !slices.ContainsFunc(rows, func(r row) bool { return r.id == id }) {
			t.Errorf("docs/rows.md has no row %s", id)
		}
	}
}

func TestRowedTestsAreListed(t *testing.T) {
	listed := map[string]bool{}
	for _, r := range table(t) {
		for _, name := range r.tests {
			dir, test, _ := parts(name)
			listed[dir+"."+test] = true
		}
	}
	for name := range newIndex(t).tests {
		if _, test, _ := parts(name); rowed.MatchString(test) && !listed[name] {
			t.Errorf("%q stands for a row but docs/rows.md does not list it", name)
		}
	}
}
