package machine

import (
	"iter"
	"os"
	"path/filepath"
	"strings"
)

// group is a control group of this process, or one above such a group.
type group struct {
	dir     string // where its files are
	version int    // of control groups: 1 or 2
}

// groups yields the groups whose limits count for this process: those that may have
// the controller, each up to the root, because a limit above counts as much as one
// of its own. There may be some of both versions.
func groups(root, controller string) iter.Seq[group] {
	return func(yield func(group) bool) {
		of, _ := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
		mounts, _ := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
		for line := range strings.Lines(string(of)) {
			f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
			version := 1
			switch {
			case len(f) != 3:
				continue
			case f[0] == "0" && f[1] == "":
				version = 2
			case !hasWord(f[1], controller):
				continue
			}
			for mount := range strings.Lines(string(mounts)) {
				at, top, ok := hierarchy(mount, version, controller)
				for dir := below(top, f[2]); ok; dir = filepath.Dir(dir) {
					if !yield(group{filepath.Join(root, at, dir), version}) {
						return
					}
					ok = dir != "/"
				}
			}
		}
	}
}

// hierarchy parses a line of mountinfo: where a hierarchy of that version with the
// controller is mounted, and which of its groups is seen there.
func hierarchy(line string, version int, controller string) (at, top string, ok bool) {
	mount, fs, ok := strings.Cut(line, " - ")
	m, f := strings.Fields(mount), strings.Fields(fs)
	switch {
	case !ok || len(m) < 5 || len(f) < 3:
	case version == 2 && f[0] == "cgroup2", version == 1 && f[0] == "cgroup" && hasWord(f[2], controller):
		return m[4], m[3], true
	}
	return "", "", false
}

// below is the group dir as it is seen where top is mounted. In a container both
// may be named as the host names them, or dir may not be seen at all: then top is
// what there is.
func below(top, dir string) string {
	if rest, ok := strings.CutPrefix(dir, strings.TrimSuffix(top, "/")); ok && (rest == "" || rest[0] == '/') {
		return filepath.Clean("/" + rest)
	}
	return "/"
}

// hasWord reports whether list, with commas, has the word.
func hasWord(list, word string) bool {
	for w := range strings.SplitSeq(list, ",") {
		if w == word {
			return true
		}
	}
	return false
}
