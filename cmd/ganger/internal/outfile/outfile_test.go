package outfile

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTemporary(t *testing.T) {
	long := strings.Repeat("0", 245)
	for name, want := range map[string]string{
		"a.webp":             ".part.a.webp",
		"out/a b.tar.gz":     "out/.part.a b.tar.gz",
		"/x//noext":          "/x//.part.noext",
		"d.d/.profile":       "d.d/.part..profile",
		"-rf":                ".part.-rf",
		"d/" + long + ".txt": "d/.part." + long + ".txt",
	} {
		if got := Temporary(name); got != want {
			t.Errorf("Temporary(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	for name, why := range map[string]string{
		"a":                         "",
		"out/.profile":              "",
		"a.part.x":                  "",
		strings.Repeat("x", 255):    "",
		"":                          "is empty",
		"a\x00":                     "NUL",
		"a/":                        "a directory",
		"a/..":                      "a directory",
		".":                         "a directory",
		"d/.part.a":                 "temporary names",
		strings.Repeat("x", 256):    "256 bytes",
		"dir/" + string(long("ü.")): "258 bytes",
	} {
		err := Check(name)
		if (err == nil) != (why == "") || err != nil && !strings.Contains(err.Error(), why) {
			t.Errorf("Check(%q) = %v, want %q", name, err, why)
		}
	}
}

// long is text repeated to a little more than a name can have.
func long(text string) []byte {
	return []byte(strings.Repeat(text, 258/len(text)))
}

// FuzzTemporary: a temporary name is in the same directory, has the same end, fits,
// is no name of a task's file, and tells names apart.
func FuzzTemporary(f *testing.F) {
	f.Add("out/a.webp", "out/b.webp")
	f.Add(strings.Repeat("0", 250), "1"+strings.Repeat("0", 249))
	f.Add(string(long("ü")[:254]), string(long("ä")[:254]))
	f.Fuzz(func(t *testing.T, a, b string) {
		if Check(a) != nil || Check(b) != nil {
			return
		}
		got := Temporary(a)
		dir, part := filepath.Split(got)
		if wantDir, _ := filepath.Split(a); dir != wantDir {
			t.Errorf("Temporary(%q) = %q is in another directory", a, got)
		}
		if len(part) > maxPart {
			t.Errorf("Temporary(%q) has %d bytes", a, len(part))
		}
		if utf8.ValidString(a) && !utf8.ValidString(got) {
			t.Errorf("Temporary(%q) = %q is not UTF-8", a, got)
		}
		if end := a[max(len(a)-10, strings.LastIndexByte(a, '/')+1):]; !strings.HasSuffix(got, strings.ToValidUTF8(end, "")) && utf8.ValidString(a) {
			t.Errorf("Temporary(%q) = %q ends otherwise", a, got)
		}
		if Check(got) == nil {
			t.Errorf("Temporary(%q) = %q could be the file of a task", a, got)
		}
		if a != b && got == Temporary(b) {
			t.Errorf("%q and %q have the same temporary name %q", a, b, got)
		}
	})
}

func TestClaims(t *testing.T) {
	var c Claims
	for i, name := range []string{"out/a", "out/b", "a"} {
		if other, taken := c.Take(name, i+1); taken {
			t.Errorf("%q is that of %d", name, other)
		}
	}
	for name, want := range map[string]int{"out/a": 1, "./out//b": 2, "out/../a": 3} {
		if other, taken := c.Take(name, 9); !taken || other != want {
			t.Errorf("%q: taken %v by %d, want %d", name, taken, other, want)
		}
	}
}

// TestUnsafe: what was added is synced, few files or many, and what has gone or
// cannot be read is no error.
func TestUnsafe(t *testing.T) {
	for _, n := range []int{1, few, 3 * few} {
		dir := t.TempDir()
		var u Unsafe
		for i := range n {
			file := filepath.Join(dir, strings.Repeat("x", i+1))
			if i != 1 {
				if err := os.WriteFile(file, []byte("data"), 0o200); err != nil {
					t.Fatal(err)
				}
			}
			u.Add(file)
		}
		u.AddTree(filepath.Join(dir, "gone"))
		u.Add(filepath.Join(dir, "gone", "too"))
		if err := u.Sync(); err != nil {
			t.Errorf("%d files: %v", n, err)
		}
		if len(u.files)+len(u.trees)+len(u.dirs) > 0 || u.whole {
			t.Errorf("%d files: something is left after the sync", n)
		}
	}
	var u Unsafe
	u.Add("/dev/null") // which cannot be synced
	if err := u.Sync(); err == nil || !strings.Contains(err.Error(), "sync /dev/null: ") {
		t.Errorf("sync of what cannot be synced: %v", err)
	}
}

// TestRemoveReadOnly: what an archive made of directories that nobody may write to
// or read goes too.
func TestRemoveReadOnly(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("modes are no obstacle to root")
	}
	top := filepath.Join(t.TempDir(), ".part.a")
	if err := os.MkdirAll(filepath.Join(top, "b", "c"), 0o777); err != nil {
		t.Fatal(err)
	}
	outside := t.TempDir()
	for _, err := range []error{
		os.WriteFile(filepath.Join(top, "b", "file"), nil, 0o444), os.Symlink(outside, filepath.Join(top, "b", "link")),
		os.Chmod(outside, 0o750), os.Chmod(filepath.Join(top, "b", "c"), 0), os.Chmod(filepath.Join(top, "b"), 0o555), os.Chmod(top, 0o555),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := Remove(top); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(top); err == nil {
		t.Error("it is still there")
	}
	if info, err := os.Stat(outside); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("where a link led: %v, %v", info, err)
	}
}

// TestHold: a directory is held by one, until that lets it go.
func TestHold(t *testing.T) {
	dir := t.TempDir()
	release, err := Hold(dir)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Hold(dir); err == nil && runtime.GOOS != "windows" {
		again()
		t.Error("it is held twice")
	}
	release()
	again, err := Hold(dir)
	if err != nil {
		t.Fatalf("after it was let go: %v", err)
	}
	again()
}
