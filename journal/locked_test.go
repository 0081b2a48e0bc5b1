//go:build unix

package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestLocked: who duplicated the file keeps nobody from a log that was closed, and
// an error of it is that of Open, which leaves no lock behind.
func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for _, fails := range []error{nil, errFull, nil} {
		called := 0
		l, err := Open(path, Config{Locked: func(f *os.File) error {
			called++
			fd, err := unix.Dup(int(f.Fd()))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = unix.Close(fd) })
			return fails
		}}, func([]byte) error { return nil })
		if !errors.Is(err, fails) || called != 1 {
			t.Fatalf("Open: %v, want %v; Locked was called %d times", err, fails, called)
		}
		if err == nil {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
