package main

import (
	"fmt"
	"io"
)

// outputError is why the standard output took no more. That its reader has gone
// is none outside of a run: then SIGPIPE ends the process, as that of cat.
type outputError struct{ err error }

func (e *outputError) Error() string { return fmt.Sprintf("write the standard output: %v", e.err) }
func (e *outputError) Unwrap() error { return e.err }

// written makes an *outputError of what writing the standard output said.
func written(err error) error {
	if err == nil {
		return nil
	}
	return &outputError{err}
}

// remember keeps the first error of out, for those who write there and look at
// no error, as the printer of --help does.
type remember struct {
	out io.Writer
	err error
}

func (r *remember) Write(b []byte) (int, error) {
	n, err := r.out.Write(b)
	if r.err == nil {
		r.err = err
	}
	return n, err
}
