// Command ganger performs heaps of tasks on supervised worker processes. Its
// manual is docs/run.md; "ganger run --help" has the short form.
package main

import (
	"cmp"
	"context"
	"io"
	"os"

	"github.com/ganger-dev/ganger/wall/process"
)

func main() {
	process.Main()  // first: this binary is also the guard of its own workers
	process.Adopt() // nothing else starts processes here
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// The exit statuses of every command.
const (
	exitDone    = 0 // all done
	exitWithout = 1 // it ran, and some of the work has no success
	exitUsage   = 2
	exitNotRun  = 3 // it could not run at all
	exitSignal  = 128
)

// run is the whole tool: it performs the command that args name on the given
// streams and returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	status := exitDone
	root := newRoot(streams{stdin, stdout, stderr}, &status)
	root.SetArgs(args)
	root.SetIn(stdin)
	help := &remember{out: stdout} // what cobra itself writes
	root.SetOut(help)
	root.SetErr(stderr)
	c, err := root.ExecuteContextC(ctx)
	if err = cmp.Or(err, written(help.err)); err != nil {
		return complain(stderr, err, formatOf(c))
	}
	return status
}

// streams are the standard ones of a command.
type streams struct {
	in       io.Reader
	out, err io.Writer
}
