package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ganger-dev/ganger/wall"
)

// TestDescriptors: a worker has exactly the descriptors that it should have,
// beside those that this program leaves to every child.
func TestDescriptors(t *testing.T) {
	tidy(t)
	open(t, sh("read x <&3"), wall.Start{}) // whose descriptors are not for the others
	list := func(pid int) (fds []int) {
		dir, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range dir {
			fd, _ := strconv.Atoi(e.Name())
			fds = append(fds, fd)
		}
		slices.Sort(fds)
		return fds
	}
	for channel, want := range map[Channel][]int{Private: {0, 1, 2, 3, 4}, Pair: {0, 1, 2, 3}, Stdio: {0, 1, 2}} {
		want = append(want, slices.DeleteFunc(slices.Clone(leaked), func(fd int) bool { return fd <= want[len(want)-1] })...)
		s := open(t, Command{Path: "sleep", Args: []string{"1000"}, Channel: channel}, wall.Start{})
		// A program that has just been executed opens its libraries for a moment.
		got := list(s.child.pid)
		for end := time.Now().Add(10 * time.Second); !slices.Equal(got, want) && time.Now().Before(end); got = list(s.child.pid) {
			time.Sleep(time.Millisecond)
		}
		if !slices.Equal(got, want) {
			t.Errorf("channel %d: descriptors %v, want %v", channel, got, want)
		}
	}
}

func TestEnvironmentAndDir(t *testing.T) {
	tidy(t)
	t.Setenv("P_INHERITED", "i")
	t.Setenv("P_BOTH", "i")
	dir := t.TempDir()
	c := sh(`echo $P_INHERITED $P_BOTH $P_COMMAND $P_START $(pwd) >&4`)
	c.Dir = dir
	c.Env = []string{"P_BOTH=c", "P_COMMAND=c", "P_START=c"}
	s := open(t, c, wall.Start{Env: []string{"P_START=s"}})
	if got, want := readAll(t, s), "i c c s "+dir+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRelativePathIsRelativeToDir(t *testing.T) {
	tidy(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tool"), []byte("#!/bin/sh\necho here >&4\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := open(t, Command{Path: "./tool", Dir: dir}, wall.Start{})
	if got := readAll(t, s); got != "here\n" {
		t.Errorf("got %q", got)
	}
}

func TestP17CannotStart(t *testing.T) {
	tidy(t)
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, test := range []struct {
		name string
		c    Command
		is   error
		says string
	}{
		{"not found", Command{Path: "no-such-program-anywhere"}, exec.ErrNotFound, "no-such-program-anywhere"},
		{"missing file", Command{Path: dir + "/none"}, os.ErrNotExist, "no such file"},
		{"not executable", Command{Path: file("plain", "text", 0o644)}, os.ErrPermission, "permission denied"},
		{"a directory", Command{Path: dir}, nil, "directory"},
		{"no interpreter", Command{Path: file("noint", "#!/no/such/interpreter\n", 0o755)}, os.ErrNotExist, "interpreter"},
		{"no format", Command{Path: file("noformat", "echo\n", 0o755)}, syscall.ENOEXEC, "#!/bin/sh"},
		{"no directory", Command{Path: "sh", Dir: dir + "/none"}, os.ErrNotExist, dir + "/none"},
		{"empty", Command{}, nil, "no program"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.c.Open(t.Context(), wall.Start{Name: "w", Incarnation: 7})
			se, ok := errors.AsType[*wall.StartError](err)
			if !ok {
				t.Fatalf("Open: %v (%T), want a StartError", err, err)
			}
			if se.Worker != "w#7" || test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %q, want worker w#7, %v, and %q in it", err, test.is, test.says)
			}
		})
	}
}

func TestOpenAfterItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	late := errors.New("too late")
	cancel(late)
	if _, err := sh("exit").Open(ctx, wall.Start{}); !errors.Is(err, late) {
		t.Errorf("err %v, want %v", err, late)
	}
}
