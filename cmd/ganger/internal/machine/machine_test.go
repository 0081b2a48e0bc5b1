package machine

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMemory(t *testing.T) {
	const (
		meminfo = "MemTotal:        8192 kB\nMemFree:         1 kB\n"
		v2      = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
		v1      = "31 23 0:27 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n32 23 0:28 / /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n"
	)
	tests := []struct {
		name  string
		files map[string]string
		want  int64
		from  string
	}{
		{"nothing is known", nil, 0, ""},
		{"no limit", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a\n", "proc/self/mountinfo": v2,
			"sys/fs/cgroup/a/memory.max": "max\n",
		}, 8 << 20, "machine"},
		{"version 2, its own group", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a/b\n", "proc/self/mountinfo": v2,
			"sys/fs/cgroup/a/memory.max": "max\n", "sys/fs/cgroup/a/b/memory.max": "4096\n",
		}, 4096, "cgroup"},
		{"version 2, a group above, which is the smaller", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a/b\n", "proc/self/mountinfo": v2,
			"sys/fs/cgroup/a/memory.max": "2048\n", "sys/fs/cgroup/a/b/memory.max": "4096\n",
		}, 2048, "cgroup"},
		{"version 2, with a namespace", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "proc/self/mountinfo": v2,
			"sys/fs/cgroup/memory.max": "4096\n",
		}, 4096, "cgroup"},
		{"version 1, named as the host names it", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "4:cpu:/docker/abc\n3:hugetlb,memory:/docker/abc\n0::/docker/abc\n", "proc/self/mountinfo": v1,
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "4096\n",
		}, 4096, "cgroup"},
		{"version 1, no limit", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "3:memory:/docker/abc/d\n", "proc/self/mountinfo": v1,
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n", "sys/fs/cgroup/memory/d/memory.limit_in_bytes": "9223372036854771712\n",
		}, 8 << 20, "machine"},
		{"more than there is", map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "proc/self/mountinfo": v2,
			"sys/fs/cgroup/memory.max": "99999999999\n",
		}, 8 << 20, "machine"},
		{"rubbish", map[string]string{
			"proc/meminfo": "MemTotal: many\n", "proc/self/cgroup": "x\n0::\n\n", "proc/self/mountinfo": "- \n1 2 - cgroup2\n" + v2,
			"sys/fs/cgroup/memory.max": "4096\n",
		}, 4096, "cgroup"},
	}
	for _, tt := range tests {
		if n, from := memory(tree(t, tt.files)); n != tt.want || from != tt.from {
			t.Errorf("%s: memory is %d from %q, want %d from %q", tt.name, n, from, tt.want, tt.from)
		}
	}
}

func TestCPUs(t *testing.T) {
	const (
		v2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
		v1 = "32 23 0:28 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu,cpuacct\n"
	)
	tests := []struct {
		name  string
		files map[string]string
		want  int
		from  string
	}{
		{"nothing is known", nil, 8, "machine"},
		{"version 2, no quota", map[string]string{"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": v2, "sys/fs/cgroup/cpu.max": "max 100000\n"}, 8, "machine"},
		{"version 2, half a CPU", map[string]string{"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": v2, "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1, "cgroup"},
		{"version 2, a little more than two, above", map[string]string{
			"proc/self/cgroup": "0::/a/b\n", "proc/self/mountinfo": v2,
			"sys/fs/cgroup/a/cpu.max": "200001 100000\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
		}, 3, "cgroup"},
		{"version 2, more than there are", map[string]string{"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": v2, "sys/fs/cgroup/cpu.max": "900000 100000\n"}, 8, "machine"},
		{"version 1, two", map[string]string{
			"proc/self/cgroup": "2:cpuacct,cpu:/docker/abc\n", "proc/self/mountinfo": v1,
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
		}, 2, "cgroup"},
		{"version 1, no quota", map[string]string{
			"proc/self/cgroup": "2:cpu:/docker/abc\n", "proc/self/mountinfo": v1,
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
		}, 8, "machine"},
		{"rubbish", map[string]string{"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": v2, "sys/fs/cgroup/cpu.max": "1 0\n"}, 8, "machine"},
	}
	for _, tt := range tests {
		if n, from := cpus(tree(t, tt.files), 8); n != tt.want || from != tt.from {
			t.Errorf("%s: %d CPUs from %q, want %d from %q", tt.name, n, from, tt.want, tt.from)
		}
	}
}

// tree makes a directory with the files and returns it.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
