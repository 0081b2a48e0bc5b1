package call

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ganger-dev/ganger/wall/process"
)

// Function is a function in a file of Python or JavaScript. It is a plain value;
// File and Name are required.
type Function struct {
	// File holds the function. Its extension tells the language: .py is Python;
	// .js, .cjs and .mjs are JavaScript.
	File string
	// Name is what the function is called in its file. In JavaScript "default"
	// is the default export.
	Name string
	// Interpreter is the program that runs the file, looked up in PATH if it
	// holds no slash. Empty means python3 or node, as the language is.
	Interpreter string
}

// ExitUnusable is the exit status of a worker that found no function to call in
// its file: there is none of that name, it is no function, or the file breaks
// the syntax of its language. Another start would end in the same way.
const ExitUnusable = 78

// Parse reads FILE:FUNCTION. The last colon counts.
func Parse(s string) (Function, error) {
	i := strings.LastIndexByte(s, ':')
	if i < 1 || i == len(s)-1 {
		return Function{}, fmt.Errorf("%q names no function: write FILE:FUNCTION, such as caption.py:caption", s)
	}
	return Function{File: s[:i], Name: s[i+1:]}, nil
}

// String returns FILE:FUNCTION.
func (f Function) String() string { return f.File + ":" + f.Name }

// Command returns the wall of workers that perform requests by calling f. It
// looks for the file and the interpreter, and errs with what is missing; whether
// the file holds the function is seen at the start of a worker.
//
// The rest of the command is the caller's to set, but the channel must not be
// [process.Stdio], and Env keeps what is in it.
func (f Function) Command() (process.Command, error) {
	if f.Name == "" || strings.Contains(f.Name, ":") {
		return process.Command{}, fmt.Errorf("call: %q is no name of a function", f.Name)
	}
	l, ok := languages[filepath.Ext(f.File)]
	if !ok {
		return process.Command{}, fmt.Errorf("%s is in no language that can be called: the name must end in .py, .js, .cjs or .mjs", f.File)
	}
	path, err := filepath.Abs(f.File) // wherever the worker is started
	if err != nil {
		return process.Command{}, err
	}
	switch info, err := os.Stat(path); {
	case err != nil:
		return process.Command{}, err
	case info.IsDir():
		return process.Command{}, fmt.Errorf("%s is a directory, and must be a file with the function %s", f.File, f.Name)
	}
	program := cmp.Or(f.Interpreter, l.interpreter)
	if err := find(program); err != nil {
		return process.Command{}, fmt.Errorf("%s needs %s: %w; %s", f, program, err, l.advice)
	}
	return process.Command{
		Path: program,
		Args: []string{l.flag, l.boot, path + ":" + f.Name},
		Env:  []string{textName + "=" + l.text},
	}, nil
}

// find looks for a program as the process wall will. A path with a slash may be
// relative to a directory that is not known here.
func find(program string) error {
	if strings.ContainsRune(program, '/') {
		return nil
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		info, err := os.Stat(filepath.Join(cmp.Or(dir, "."), program))
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return nil
		}
	}
	return errNotFound
}

var errNotFound = errors.New("there is no such program in PATH")
