//go:build linux

package examples_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
	"github.com/ganger-dev/ganger/wall/walltest"
)

func TestMain(m *testing.M) {
	process.Main()
	os.Exit(m.Run())
}

type sum struct{ Path, SHA256 string }

// TestNativeWorkers runs the plain workers of other languages on both channels.
func TestNativeWorkers(t *testing.T) {
	for _, c := range []struct{ file, program, debian, done string }{
		{"native-python/worker.py", "python3", "python3", "1.0"},
		{"native-node/worker.mjs", "node", "nodejs", "1"},
	} {
		t.Run(c.program, func(t *testing.T) {
			if _, err := exec.LookPath(c.program); err != nil {
				t.Skipf("there is no %s here; it is in the Debian package %s", c.program, c.debian)
			}
			for _, channel := range []process.Channel{process.Private, process.Pair} {
				work(t, process.Command{Path: c.program, Args: []string{c.file}, Channel: channel}, c.done)
			}
		})
	}
}

// work has a worker sum up a file, which it reports as done, and one that is not
// there, and lets it leave.
func work(t *testing.T, cmd process.Command, done string) {
	file := filepath.Join(t.TempDir(), "a b")
	if err := os.WriteFile(file, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := wall.Speak(cmd, native.Dialect[string, sum]{Request: native.JSON[string](), Response: native.JSON[sum]()})
	ctx, cancel := context.WithTimeout(t.Context(), walltest.Patience)
	defer cancel()
	i, err := w.Open(ctx, wall.Start{Name: "sums", Incarnation: 1, Grace: walltest.Patience})
	if err != nil {
		t.Fatal(err)
	}
	h := &walltest.Host{}
	got, err := walltest.Begin(i, file, h).Wait(t)
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // of FIPS 180
	if err != nil || got != (sum{file, abc}) || len(h.Reports()) != 1 || h.Reports()[0] != done {
		t.Errorf("%+v, %v, reported %q", got, err, h.Reports())
	}
	_, err = walltest.Do(t, i, "/nowhere")
	walltest.EndedAs(t, err, ganger.Failed, "")
	i.Stop(ctx, ganger.LeavingStopped)
	if x := i.Exit(); x.Reason != ganger.LeavingStopped || x.Code != 0 || x.Signal != "" {
		t.Errorf("it left with %+v", x)
	}
}
