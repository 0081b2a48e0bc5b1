//go:build !linux

package window

import (
	"os"
	"testing"
)

// blocks is how much of the disk f takes: not known here.
func blocks(*testing.T, *os.File) int64 { return 0 }
