package outfile

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// wholesale says that a file system can be synced whole.
const wholesale = true

// syncSystems makes everything safe on the file systems of the directories.
func syncSystems(dirs map[string]struct{}) error {
	synced := make(map[uint64]bool)
	for dir := range dirs {
		d, err := os.Open(dir)
		if err != nil {
			if gone(err) == nil {
				continue
			}
			return err
		}
		info, err := d.Stat()
		if s, ok := statOf(info); err == nil && ok && !synced[s] {
			synced[s] = true
			err = unix.Syncfs(int(d.Fd()))
		}
		if err = done(d, err); err != nil {
			return err
		}
	}
	return nil
}

// statOf is the file system that a file is on.
func statOf(info os.FileInfo) (uint64, bool) {
	if info == nil {
		return 0, false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return s.Dev, true
}
