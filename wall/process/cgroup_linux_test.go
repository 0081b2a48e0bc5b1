package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

func TestGroupsOfThisProgram(t *testing.T) {
	const unified = "30 24 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n"
	for _, test := range []struct {
		name, groups, mounts string
		want                 []ownGroup
	}{
		{"unified", "0::/user.slice/a.scope\n", "1 2 3:4 / / rw - ext4 /dev/sda rw\n" + unified, []ownGroup{{dir: "/sys/fs/cgroup/user.slice/a.scope", unified: true}}},
		{"container", "0::/\n", unified, []ownGroup{{dir: "/sys/fs/cgroup", unified: true, root: true}}},
		{"bind mount", "0::/docker/x/y\n", "30 24 0:26 /docker/x /cg ro - cgroup2 cgroup2 ro\n", []ownGroup{{dir: "/cg/y", unified: true}}},
		{
			"hybrid", "4:cpu,memory:/job\n2:cpuset:/\n0::/\n",
			"31 24 0:27 / /cg/memory rw - cgroup cgroup rw,cpu,memory\n32 24 0:28 / /cg/cpuset rw - cgroup cgroup rw,cpuset\n33 24 0:29 / /cg/unified rw - cgroup2 none rw\n",
			[]ownGroup{{dir: "/cg/memory/job"}, {dir: "/cg/unified", unified: true, root: true}},
		},
		{"not mounted", "0::/a\n", "", nil},
		{"mounted beside it", "0::/ab\n", "30 24 0:26 /a /cg rw - cgroup2 cgroup2 rw\n", nil},
		{"mounted elsewhere", "0::/a\n", "30 24 0:26 /b /cg rw - cgroup2 cgroup2 rw\n", nil},
		{"nonsense", "x\n1:y\n", "a b\n - \n", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := parseGroups(test.groups, test.mounts)
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(ownGroup{})); diff != "" {
				t.Errorf("groups (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBaseGroup(t *testing.T) {
	populated := func(t *testing.T, files map[string]string) string {
		t.Helper()
		dir := t.TempDir()
		for name, content := range files {
			if err := os.WriteFile(dir+"/"+name, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	for _, test := range []struct {
		name  string
		files map[string]string
		root  bool
		ok    bool
	}{
		{"enabled", map[string]string{"cgroup.controllers": "cpu memory\n", "cgroup.subtree_control": "memory\n"}, true, true},
		{"to be enabled", map[string]string{"cgroup.controllers": "cpu memory\n", "cgroup.subtree_control": ""}, true, true},
		{"cannot be enabled", map[string]string{"cgroup.controllers": "cpu memory\n"}, true, false},
		{"no controller", map[string]string{"cgroup.controllers": "hugetlb\n", "cgroup.subtree_control": "hugetlb\n"}, true, false},
		{"nothing there", nil, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := populated(t, test.files)
			old := dir + "/" + groupPrefix + "old"
			if err := os.Mkdir(old, 0o700); err != nil {
				t.Fatal(err)
			}
			want := ""
			if test.ok {
				want = dir
			}
			if got := baseGroup([]ownGroup{{dir: dir, unified: true, root: test.root}}, "memory"); got != want {
				t.Errorf("base %q, want %q", got, want)
			}
			if _, err := os.Stat(old); (err == nil) == test.ok {
				t.Errorf("what a killed program left: %v", err)
			}
			if got := baseGroup([]ownGroup{{dir: dir, root: test.root}}, "memory"); got != "" {
				t.Errorf("base %q in a group of version 1", got)
			}
		})
	}
	t.Run("of somebody else", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("what this user may write is given to it")
		}
		dir := populated(t, map[string]string{"cgroup.controllers": "memory\n", "cgroup.subtree_control": "memory\n", "cgroup.procs": ""})
		if got := baseGroup([]ownGroup{{dir: dir, unified: true}}, "memory"); got != "" {
			t.Errorf("base %q, although nobody delegated it", got)
		}
	})
}

// TestWithoutGroupsLivesStart: a base in which no group can be made, or none with
// limits, costs the limits of the kernel and nothing else.
func TestWithoutGroupsLivesStart(t *testing.T) {
	tidy(t)
	house.groups.once.Do(func() { house.groups.base = baseGroup(ownGroups(), controller) })
	was := house.groups.base
	defer func() { house.groups.base = was }()
	for _, base := range []string{t.TempDir(), t.TempDir() + "/none"} {
		house.groups.base = base
		c := sh("read x <&3")
		c.Limits = Limits{MemoryHard: 1 << 40}
		s := open(t, c, wall.Start{})
		if s.child.group != nil {
			t.Errorf("a group in %s", base)
		}
		if left, _ := os.ReadDir(base); len(left) > 0 {
			t.Errorf("%v is left", left)
		}
	}
}

// TestLifeInAGroup: the leader is born into the group, which ends with it.
func TestLifeInAGroup(t *testing.T) {
	born := func(t *testing.T, dir *os.File) (pid int) {
		t.Helper()
		if err := house.enter(nil); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(house.leave)
		empty, _ := null()
		pid, err := house.fork(nil, &job{
			path: "/bin/sleep", argv: []string{"sleep", "1000"}, made: make(chan struct{}, 1),
			attr: syscall.ProcAttr{Files: []uintptr{empty.Fd(), empty.Fd(), empty.Fd()}, Sys: &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			var status syscall.WaitStatus
			_ = wait(pid, &status, nil)
		})
		return pid
	}
	t.Run("refused", func(t *testing.T) {
		dir, err := os.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer dir.Close()
		born(t, dir) // no group, but a process
	})
	t.Run("real", func(t *testing.T) {
		var g *group
		for _, o := range ownGroups() {
			if o.unified && (o.root || delegated(o.dir)) {
				g, _ = newGroup(o.dir, fmt.Sprintf("test-%d", os.Getpid()))
			}
		}
		if g == nil {
			t.Skip("no group can be made here")
		}
		t.Cleanup(func() { // after the process is reaped
			g.end()
			if _, err := os.Stat(g.path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the group is left: %v", err)
			}
		})
		pid := born(t, g.dir)
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
		if err != nil || !strings.Contains(string(b), "/"+filepath.Base(g.path)+"\n") {
			t.Errorf("process %d is in %q, %v, want %s", pid, b, err, g.path)
		}
	})
	t.Run("limited", func(t *testing.T) {
		tidy(t)
		limit := weight(t) + 60*mb
		s := open(t, eating(Limits{MemoryHard: limit}), wall.Start{})
		if s.child.group == nil {
			t.Skip("no group with a memory controller is delegated here")
		}
		path := s.child.group.path
		_, _ = fmt.Fprintf(s, "hold %d\n", 2*limit/mb)
		if x := gone(t, s); x.Reason != ganger.LeavingMemoryHard {
			t.Errorf("exit %+v", x)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the group is left: %v", err)
		}
	})
}

// TestKilledByTheKernel: a life that the kernel kills for want of memory ended
// for that, and not by just any signal 9.
func TestKilledByTheKernel(t *testing.T) {
	tidy(t)
	w := &house.oom
	w.before() // it has found its file
	was := w.path
	defer func() { w.path = was }()
	for _, test := range []struct {
		name   string
		file   string
		count  string // before and after
		signal syscall.Signal
		asked  bool
		want   ganger.Leaving
	}{
		{"unified", "low 0\nhigh 0\nmax 1\noom 1\noom_kill %s\noom_group_kill 0\n", "3 4", syscall.SIGKILL, false, ganger.LeavingMemoryHard},
		{"version 1", "oom_kill_disable 0\nunder_oom 0\noom_kill %s\n", "0 1", syscall.SIGKILL, false, ganger.LeavingMemoryHard},
		{"somebody else's signal", "oom_kill %s\n", "7 7", syscall.SIGKILL, false, "signal 9"},
		{"another signal", "oom_kill %s\n", "7 8", syscall.SIGTERM, false, "signal 15"},
		{"ours", "oom_kill %s\n", "7 8", syscall.SIGKILL, true, ganger.LeavingStopped},
		{"unreadable", "nothing %s\n", "7 8", syscall.SIGKILL, false, "signal 9"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before, after, _ := strings.Cut(test.count, " ")
			w.path = t.TempDir() + "/events"
			say := func(n string) {
				if err := os.WriteFile(w.path, fmt.Appendf(nil, test.file, n), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			say(before)
			w.mu.Lock()
			w.at = time.Time{}
			w.mu.Unlock()
			s := open(t, sh("read x <&3"), wall.Start{})
			say(after)
			if test.asked {
				s.Kill(ganger.LeavingStopped)
			} else {
				_ = syscall.Kill(s.child.pid, test.signal)
			}
			x := gone(t, s)
			if x.Reason != test.want || x.Asked != test.asked || x.Signal == "" {
				t.Errorf("exit %+v, want %s, asked %v", x, test.want, test.asked)
			}
		})
	}
}
