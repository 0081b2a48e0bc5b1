package process

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// groups makes control groups of version 2 for lives whose memory is limited,
// where one with a memory controller is delegated to this program. Whatever is
// missing for that, lives have none, and are limited by looking at them alone.
type groups struct {
	once sync.Once
	base string // where they are made; "" where that is impossible
}

// The names of what this package makes, and of the controller that it needs.
const (
	groupPrefix = "ganger-"
	controller  = "memory"
)

// group is the control group of one life.
type group struct {
	path string
	dir  *os.File // closed when the leader was started
}

// make returns a new group for life n, nil if it can have none.
func (g *groups) make(n uint64, l Limits) *group {
	if l.MemoryHard == 0 {
		return nil
	}
	g.once.Do(func() { g.base = baseGroup(ownGroups(), controller) })
	if g.base == "" {
		return nil
	}
	grp, err := newGroup(g.base, house.token+"-"+strconv.FormatUint(n, 10))
	if err != nil {
		return nil
	}
	if err := grp.write("memory.max", strconv.FormatInt(l.MemoryHard, 10)); err != nil {
		grp.end()
		return nil
	}
	_ = grp.write("memory.oom.group", "1") // all of it or nothing; kernels before 4.19 have none
	return grp
}

func newGroup(base, name string) (*group, error) {
	g := &group{path: filepath.Join(base, groupPrefix+name)}
	if err := os.Mkdir(g.path, 0o755); err != nil {
		return nil, err
	}
	dir, err := os.Open(g.path)
	if err != nil {
		g.end()
		return nil, err
	}
	g.dir = dir
	return g, nil
}

// write sets a value. Such a file is never made.
func (g *group) write(file, value string) error {
	return rewrite(filepath.Join(g.path, file), value)
}

func rewrite(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// started says that nobody is born into the group from here on, but by those that
// are in it.
func (g *group) started() {
	if g.dir != nil {
		_ = g.dir.Close()
		g.dir = nil
	}
}

// kills is how many processes of the group the kernel killed for want of memory.
func (g *group) kills() uint64 {
	n, _ := counted(filepath.Join(g.path, "memory.events"))
	return n
}

// end removes the group, in which nobody lives any more. One with kept daemons
// in it stays, and with it their limit, until another program sweeps it up.
func (g *group) end() {
	g.started()
	_ = unix.Rmdir(g.path)
}

// baseGroup returns the directory in which groups with a controller can be made:
// that of this program's own group, or, if that cannot have children because this
// program lives in it, its parent. It must be delegated: a manager of the system
// does not expect others in its own. "" if there is none.
func baseGroup(own []ownGroup, controller string) string {
	for _, o := range own {
		if !o.unified {
			continue
		}
		for _, dir := range []string{o.dir, filepath.Dir(o.dir)} {
			if !o.root && !delegated(dir) || !offers(filepath.Join(dir, "cgroup.controllers"), controller) {
				continue
			}
			enabled := filepath.Join(dir, "cgroup.subtree_control")
			if !offers(enabled, controller) && rewrite(enabled, "+"+controller) != nil {
				continue
			}
			sweepGroups(dir)
			return dir
		}
	}
	return ""
}

// sweepGroups removes what killed programs left in base. A group in which
// somebody lives cannot be removed.
func sweepGroups(base string) {
	left, _ := filepath.Glob(filepath.Join(base, groupPrefix+"*"))
	for _, path := range left {
		_ = unix.Rmdir(path)
	}
}

// offers reports whether a file that lists controllers has one.
func offers(path, controller string) bool {
	b, err := os.ReadFile(path)
	return err == nil && slices.Contains(strings.Fields(string(b)), controller)
}

// delegated reports whether the group at dir is this program's to divide: the
// manager said so in an attribute, or its files were given to this user.
func delegated(dir string) bool {
	for _, name := range []string{"user.delegate", "trusted.delegate"} {
		value := make([]byte, 1)
		if n, err := unix.Getxattr(dir, name, value); err == nil && n == 1 && value[0] == '1' {
			return true
		}
	}
	if os.Geteuid() == 0 { // may write everywhere
		return false
	}
	for _, file := range []string{"", "cgroup.procs", "cgroup.subtree_control"} {
		if unix.Access(filepath.Join(dir, file), unix.W_OK) != nil {
			return false
		}
	}
	return true
}
