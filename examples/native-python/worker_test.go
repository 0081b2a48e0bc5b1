//go:build linux

package nativepython_test

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

// TestWorker runs the example on both channels.
func TestWorker(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("there is no python3 here; it is in the Debian package python3")
	}
	file := filepath.Join(t.TempDir(), "a b")
	if err := os.WriteFile(file, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []process.Channel{process.Private, process.Pair} {
		cmd := process.Command{Path: "python3", Args: []string{"worker.py"}, Channel: c}
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
		if err != nil || got != (sum{file, abc}) || len(h.Reports()) != 1 || h.Reports()[0] != "1.0" {
			t.Errorf("%+v, %v, reported %q", got, err, h.Reports())
		}
		_, err = walltest.Do(t, i, "/nowhere")
		walltest.EndedAs(t, err, ganger.Failed, "")
		i.Stop(ctx, ganger.LeavingStopped)
		if x := i.Exit(); x.Reason != ganger.LeavingStopped || x.Code != 0 || x.Signal != "" {
			t.Errorf("it left with %+v", x)
		}
	}
}
