package journal

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// holder returns the process that holds the lock of f, as /proc/locks tells it
// (proc_locks(5)), and its command.
func holder(f *os.File) (pid int, command string) {
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil {
		return 0, ""
	}
	dev := uint64(st.Dev)
	want := fmt.Sprintf("%02x:%02x:%d", unix.Major(dev), unix.Minor(dev), st.Ino)
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0, ""
	}
	for line := range strings.Lines(string(locks)) {
		field := strings.Fields(line) // 1: FLOCK ADVISORY WRITE 4711 08:01:1234 0 EOF
		if len(field) < 6 || field[1] != "FLOCK" || field[5] != want {
			continue
		}
		pid, err := strconv.Atoi(field[4])
		if err != nil || pid <= 0 {
			return 0, ""
		}
		line, _ := os.ReadFile("/proc/" + field[4] + "/cmdline")
		return pid, string(bytes.TrimSpace(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
	}
	return 0, ""
}
