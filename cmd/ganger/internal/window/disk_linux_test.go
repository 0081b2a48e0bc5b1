package window

import (
	"os"
	"syscall"
	"testing"
)

// blocks is how much of the disk f takes.
func blocks(t *testing.T, f *os.File) int64 {
	t.Helper()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Blocks
}

func TestTheReserveIsSmallAndKnown(t *testing.T) {
	f, err := unnamed()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	free, leave, err := reserveOf(f)
	if err != nil || free <= 0 || leave <= 0 || leave > most {
		t.Errorf("free %d, to be left %d, %v", free, leave, err)
	}
	k := keeper{reserve: func(*os.File) (int64, int64, error) { return 12 << 20, 8 << 20, nil }}
	if err := k.spare(f, 1<<20); err != nil {
		t.Errorf("the last megabyte: %v", err)
	}
	if err := k.spare(f, 5<<20); err == nil {
		t.Error("the reserve is not kept")
	}
}
