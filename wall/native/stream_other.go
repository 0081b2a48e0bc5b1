//go:build !unix

package native

import (
	"errors"
	"fmt"
)

func closeOnExec(uintptr) error {
	return fmt.Errorf("inherited descriptors are known on Unix only: %w", errors.ErrUnsupported)
}
