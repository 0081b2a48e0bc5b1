package window

import (
	"os"

	"golang.org/x/sys/unix"
)

func reserveOf(f *os.File) (free, leave int64, err error) {
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &s); err != nil {
		return 0, 0, os.NewSyscallError("fstatfs", err)
	}
	if s.Blocks == 0 {
		return 0, 0, unix.ENOTSUP // a file system that does not know
	}
	return int64(s.Bavail) * s.Bsize, min(int64(s.Blocks)*s.Bsize/20, most), nil
}

// punch gives the disk back a part of f. Where that cannot be had the part is
// only gone with the file.
func punch(f *os.File, at, size int64) {
	_ = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, at, size)
}
