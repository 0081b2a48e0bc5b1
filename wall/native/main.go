package native

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// Main is the main function of a worker: it serves with f on [Stream], bodies in
// [JSON], and exits. The status is 0 when the coordinator ended it, 2 after a
// panic in f, whose stack goes to standard error, and 1 for what else went
// wrong, which is told there.
func Main[Q, R any](slots int, f func(context.Context, Q, wall.Host) (R, error)) {
	s, err := Stream()
	if err == nil {
		err = Serve(s, slots, JSON[Q](), JSON[R](), f)
	}
	if err == nil {
		os.Exit(0)
	}
	fmt.Fprintln(os.Stderr, err)
	if e, ok := errors.AsType[*ganger.Error](err); ok && e.Exit != nil {
		fmt.Fprintln(os.Stderr, e.Exit.Stack)
		os.Exit(2)
	}
	os.Exit(1)
}
