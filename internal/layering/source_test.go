package layering

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// module is the import path of the library; the command's is below it.
const module = "github.com/ganger-dev/ganger"

// file is one Go file of the tree.
type file struct {
	path    string // slash-separated, relative to the root of the tree
	dir     string // its package's directory; "" is the root
	test    bool   // _test.go
	imports []string
	syntax  *ast.File
}

// source parses every Go file of the tree once, without those in testdata.
var source = sync.OnceValues(func() ([]*file, error) {
	root, err := root()
	if err != nil {
		return nil, err
	}
	var files []*file
	set := token.NewFileSet()
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		syntax, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		f := &file{path: filepath.ToSlash(rel), test: strings.HasSuffix(name, "_test.go"), syntax: syntax}
		if f.dir = path.Dir(f.path); f.dir == "." {
			f.dir = ""
		}
		for _, i := range syntax.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, p)
		}
		files = append(files, f)
		return nil
	})
	return files, err
})

// root is the directory of go.work.
func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return filepath.Dir(filepath.Dir(dir)), nil
}

func parsed(t *testing.T) []*file {
	t.Helper()
	files, err := source()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// own returns the package directory that an import path of ours names.
func own(imported string) (dir string, ok bool) {
	if imported == module {
		return "", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// below reports whether dir is one of tops or below it.
func below(dir string, tops ...string) bool {
	for _, top := range tops {
		if dir == top || strings.HasPrefix(dir, top+"/") {
			return true
		}
	}
	return false
}

// calls lists the selectors "pkg.Name" that f uses of imported packages, and
// the built-in functions that it calls by name.
func calls(f *file) map[string]bool {
	local := map[string]string{} // name in the file -> import path
	for _, i := range f.syntax.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			continue // parsed before
		}
		name := path.Base(p)
		if i.Name != nil {
			name = i.Name.Name
		}
		local[name] = p
	}
	used := map[string]bool{}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && local[x.Name] != "" {
				used[local[x.Name]+"."+n.Sel.Name] = true
			}
		case *ast.CallExpr:
			if x, ok := n.Fun.(*ast.Ident); ok {
				used[x.Name] = true
			}
		}
		return true
	})
	return used
}
