//go:build linux

package main

import (
	"bytes"
	"image"
	"image/gif"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ganger-dev/ganger/wall/process"
)

func TestMain(m *testing.M) {
	process.Main()
	os.Exit(m.Run())
}

func TestCaption(t *testing.T) {
	dir := t.TempDir()
	var b, g bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 640, 480))); err != nil {
		t.Fatal(err)
	}
	if err := gif.Encode(&g, image.NewGray(image.Rect(0, 0, 3, 2)), nil); err != nil {
		t.Fatal(err)
	}
	var args []string
	for name, data := range map[string][]byte{"1.png": b.Bytes(), "2.gif": g.Bytes(), "3.txt": []byte("text")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"1.png", "2.gif", "3.txt"} {
		args = append(args, filepath.Join(dir, name))
	}
	for file, interpreter := range map[string]string{"caption.py": "python3", "caption.mjs": "node"} {
		if _, err := exec.LookPath(interpreter); err != nil {
			t.Logf("there is no %s here", interpreter)
			continue
		}
		var out, log bytes.Buffer
		err := run(t.Context(), append([]string{file + ":caption"}, args...), &out, &log)
		if err == nil || err.Error() != "1 of 3 pictures have no description" {
			t.Errorf("%s: %v", file, err)
		}
		want := args[0] + ": a picture, 640 by 480\n" + args[1] + ": a picture, 3 by 2\n"
		if out.String() != want || !strings.Contains(log.String(), "3.txt is no picture that I know") {
			t.Errorf("%s: printed %q and %q, want %q and why there is no third", file, &out, &log, want)
		}
	}
}

func TestCaptionOfNothing(t *testing.T) {
	for _, args := range [][]string{nil, {"caption.py"}, {"nowhere.py:caption", "a.png"}, {"caption.py:nothing", "a.png"}} {
		var out, log bytes.Buffer
		if err := run(t.Context(), args, &out, &log); err == nil || out.Len() > 0 {
			t.Errorf("%q: %v, printed %q", args, err, &out)
		}
	}
}
