//go:build !linux

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/ganger-dev/ganger/wall"
)

func (c Command) open(context.Context, wall.Start) (wall.Stream, error) { return nil, unsupported() }

func (e Exec) open(context.Context, wall.Start) (wall.Instance[Request, Result], error) {
	return nil, unsupported()
}

func unsupported() error {
	return fmt.Errorf("worker processes need Linux, this is %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

// Main does nothing on this platform.
func Main() {}

// Adopt does nothing on this platform.
func Adopt() {}

// Lend does nothing on this platform.
func Lend(*os.File) error { return nil }
