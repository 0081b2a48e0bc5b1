package process

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ownGroup is a control group that this program lives in.
type ownGroup struct {
	dir     string
	unified bool // of version 2; else the memory group of version 1
	root    bool // as far as this program can see there is none above it
}

// ownGroups finds the groups of this program that may have to do with memory.
func ownGroups() []ownGroup {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	return parseGroups(string(groups), string(mounts))
}

// parseGroups puts together what /proc/self/cgroup and /proc/self/mountinfo say.
func parseGroups(groups, mounts string) (own []ownGroup) {
	for line := range strings.Lines(groups) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) < 3 {
			continue
		}
		unified := f[0] == "0" && f[1] == ""
		if !unified && !slices.Contains(strings.Split(f[1], ","), "memory") {
			continue
		}
		for mount := range strings.Lines(mounts) {
			if dir, ok := mounted(mount, f[2], unified); ok {
				own = append(own, ownGroup{dir: dir, unified: unified, root: unified && f[2] == "/"})
				break
			}
		}
	}
	return own
}

// mounted returns where a line of mountinfo shows the group of a path.
func mounted(line, path string, unified bool) (dir string, ok bool) {
	left, right, found := strings.Cut(line, " - ")
	f, kind := strings.Fields(left), strings.Fields(right)
	if !found || len(f) < 5 || len(kind) < 3 {
		return "", false
	}
	if unified {
		ok = kind[0] == "cgroup2"
	} else {
		ok = kind[0] == "cgroup" && slices.Contains(strings.Split(kind[2], ","), "memory")
	}
	rest, below := strings.CutPrefix(path, strings.TrimSuffix(f[3], "/"))
	return filepath.Join(f[4], rest), ok && below && (rest == "" || rest[0] == '/')
}

// oomWatch counts the processes that the kernel killed for want of memory where
// this program lives: in its control group or, without one, on the machine. It
// tells such a death from another by signal 9.
type oomWatch struct {
	once sync.Once
	path string // of the file that counts; "" if there is none

	mu     sync.Mutex // guards what follows
	newest uint64
	at     time.Time // of newest
}

// stale is how old a count may be that a new life begins with.
const stale = time.Second

// before is a count from before now, to be compared with that after a death.
func (w *oomWatch) before() uint64 {
	w.mu.Lock()
	n, fresh := w.newest, !w.at.IsZero() && time.Since(w.at) < stale
	w.mu.Unlock()
	if fresh {
		return n
	}
	return w.now()
}

// now reads the count.
func (w *oomWatch) now() uint64 {
	w.once.Do(func() { w.path = countFile(ownGroups()) })
	n, _ := counted(w.path)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.newest, w.at = n, time.Now()
	return n
}

// countFile is the file that counts the kills nearest to this program.
func countFile(own []ownGroup) string {
	var paths []string
	for _, o := range own {
		name := "memory.oom_control"
		if o.unified {
			name = "memory.events"
		}
		paths = append(paths, filepath.Join(o.dir, name))
	}
	for _, path := range append(paths, "/proc/vmstat") {
		if _, ok := counted(path); ok {
			return path
		}
	}
	return ""
}

// counted reads the line that counts kills for want of memory.
func counted(path string) (n uint64, ok bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(b)) {
		if value, found := strings.CutPrefix(line, "oom_kill "); found {
			n, err = strconv.ParseUint(strings.TrimSpace(value), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
