//go:build unix

package native

import "golang.org/x/sys/unix"

// closeOnExec keeps fd from what this process starts. It errs if there is no
// such descriptor.
func closeOnExec(fd uintptr) error {
	_, err := unix.FcntlInt(fd, unix.F_SETFD, unix.FD_CLOEXEC)
	return err
}
