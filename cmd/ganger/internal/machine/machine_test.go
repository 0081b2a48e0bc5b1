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
		root := t.TempDir()
		for name, text := range tt.files {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if n, from := memory(root); n != tt.want || from != tt.from {
			t.Errorf("%s: memory is %d from %q, want %d from %q", tt.name, n, from, tt.want, tt.from)
		}
	}
}
