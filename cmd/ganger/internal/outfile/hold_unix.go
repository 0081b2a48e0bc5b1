//go:build linux || darwin

package outfile

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Hold keeps other processes from holding the directory until release is called or
// this process ends, however it does. Its error says that another holds it already.
// A file system that knows no locks, and a directory that may not be read, keep
// nobody from it.
func Hold(dir string) (release func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return func() {}, nil
	}
	if errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK) {
		_ = f.Close()
		return nil, fmt.Errorf("%s: another run keeps its results there", dir)
	}
	return func() { _ = f.Close() }, nil
}
