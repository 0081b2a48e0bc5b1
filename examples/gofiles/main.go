// Command gofiles is a warm worker that judges Go files: is one formatted as
// gofmt would have it, does it parse, how much does it declare. A task is the
// path of a file:
//
//	find . -name '*.go' -print0 | ganger run -0 --proto native -- gofiles
//
// All three verdicts are answers. Only a file that cannot be read has none:
// that task fails.
package main

import (
	"bytes"
	"context"
	"fmt"
	"go/format"
	"go/parser"
	"go/token"
	"os"

	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "gofiles:", err)
		os.Exit(1)
	}
}

// serve performs requests until the coordinator says bye.
func serve() error {
	s, err := native.Stream()
	if err != nil {
		return err
	}
	return native.Serve(s, 1, native.JSON[string](), native.JSON[Report](), func(_ context.Context, file string, _ wall.Host) (Report, error) {
		return judge(file)
	})
}

// Report is what is told of one file.
type Report struct {
	File    string `json:"file"`
	Verdict string `json:"verdict"` // one of the constants below
	Decls   int    `json:"decls"`   // declarations at the top level, imports included
	Error   string `json:"error,omitempty"`
}

// The verdicts.
const (
	formatted    = "formatted"
	notFormatted = "not formatted"
	doesNotParse = "does not parse"
)

// judge reports on one file. It errs when the file cannot be read.
func judge(name string) (Report, error) {
	source, err := os.ReadFile(name)
	if err != nil {
		return Report{}, err
	}
	r := Report{File: name, Verdict: doesNotParse}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		r.Error = err.Error()
		return r, nil
	}
	r.Decls = len(file.Decls)
	var again bytes.Buffer
	if err := format.Node(&again, set, file); err != nil {
		return Report{}, fmt.Errorf("print %s: %w", name, err)
	}
	r.Verdict = notFormatted
	if bytes.Equal(source, again.Bytes()) {
		r.Verdict = formatted
	}
	return r, nil
}
