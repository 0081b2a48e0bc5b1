// Package outfile knows the files that tasks make: how they are called while they
// are being made, that no two tasks make one, and how they become safe.
//
// A file is made under a temporary name in its own directory and gets its name
// when it is whole. The temporary name depends on the name alone, so that a later
// run finds what a killed one left. Names are those of the system, of any bytes
// but NUL; nothing here asks whether they are UTF-8.
package outfile

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode/utf8"
)

// mark begins the last part of every temporary name, and of no other.
const mark = ".part."

// maxPart is the longest part of a path that file systems take.
const maxPart = 255

// Check says why no task can make a file of that name.
func Check(name string) error {
	part := name[strings.LastIndexByte(name, '/')+1:]
	switch {
	case name == "":
		return errors.New("the name of its output is empty")
	case strings.IndexByte(name, 0) >= 0:
		return errors.New("the name of its output holds a NUL byte")
	case part == "" || part == "." || part == "..":
		return fmt.Errorf("its output %q is the name of a directory", name)
	case len(part) > maxPart:
		return fmt.Errorf("its output %q is a name of %d bytes; allowed: %d", name, len(part), maxPart)
	case strings.HasPrefix(part, mark):
		return fmt.Errorf("its output %q begins with %q, which only temporary names do", name, mark)
	}
	return nil
}

// Temporary is how the file of a name is called while it is being made: in the
// same directory and with the same end. Of a name that would become too long the
// end is kept, behind what tells it from others that end so.
func Temporary(name string) string {
	at := strings.LastIndexByte(name, '/') + 1
	dir, part := name[:at], name[at:]
	if len(mark)+len(part) <= maxPart {
		return dir + mark + part
	}
	sum := sha256.Sum256([]byte(part))
	own := mark + hex.EncodeToString(sum[:16]) + "."
	cut := len(own) + len(part) - maxPart
	for range utf8.UTFMax - 1 { // not in the midst of a character
		if utf8.RuneStart(part[cut]) {
			break
		}
		cut++
	}
	return dir + own + part[cut:]
}

// Remove removes the file, or the directory with all that is in it, if it is there.
// Modes of directories that keep their owner from it are no obstacle.
func Remove(temporary string) error {
	err := os.Remove(temporary)
	if err == nil || errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	err = os.RemoveAll(temporary)
	if errors.Is(err, os.ErrPermission) { // as of an archive whose directories nobody may write to
		_ = filepath.WalkDir(temporary, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				_ = os.Chmod(path, 0o700) // before it is read
			}
			return nil
		})
		err = os.RemoveAll(temporary)
	}
	return err
}
