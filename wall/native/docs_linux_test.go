package native_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/frame"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/jsonl"
	"github.com/ganger-dev/ganger/wall/lines"
	"github.com/ganger-dev/ganger/wall/process"
	"github.com/ganger-dev/ganger/wall/walltest"
)

// page is docs/worker-protocol.md.
func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/worker-protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestTheBytesOfThePage: the example in the specification is what both sides
// say and understand.
func TestTheBytesOfThePage(t *testing.T) {
	said := map[string]*bytes.Buffer{">": {}, "<": {}}
	for _, m := range regexp.MustCompile(`(?m)^    ([<>]) ((?:[0-9A-F]{2} )*[0-9A-F]{2})(?:  |$)`).FindAllStringSubmatch(page(t), -1) {
		b, err := hex.DecodeString(strings.ReplaceAll(m[2], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		said[m[1]].Write(b)
	}
	for who, want := range map[string][]frame.Kind{
		">": {frame.Hello, frame.Request, frame.Bye}, "<": {frame.Hello, frame.Feedback, frame.Response},
	} {
		r := frame.NewReader(bytes.NewReader(said[who].Bytes()), 100)
		for _, k := range want {
			if h, _, err := r.Next(); h.Kind != k || err != nil {
				t.Fatalf("%s: a %v (%v), want a %v", who, h.Kind, err, k)
			}
		}
	}

	l, far := walltest.Pipe(roomy)
	if _, err := l.Write(said[">"].Bytes()); err != nil {
		t.Fatal(err)
	}
	err := serving(1, func(_ context.Context, q string, h wall.Host) (string, error) {
		h.Feedback([]byte("0.5"))
		return strings.ToUpper(q), nil
	})(far)
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := bytes.Cut(said["<"].Bytes(), []byte(`"json"}`)) // hellos differ in what may be left out
	far.CloseWrite()
	if got, err := io.ReadAll(l); err != nil || !bytes.HasSuffix(got, after) {
		t.Errorf("the worker said %q, %v; want the end %q", got, err, after)
	}
}

// TestTheWorkersOfThePage runs the Python programs of the specification.
func TestTheWorkersOfThePage(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3 here")
	}
	programs := regexp.MustCompile("(?s)```python\n(.*?)```").FindAllStringSubmatch(page(t), -1)
	if len(programs) != 3 {
		t.Fatalf("%d programs on the page, want 3", len(programs))
	}
	run := func(n int, c process.Channel) process.Command {
		file := filepath.Join(t.TempDir(), "worker.py")
		if err := os.WriteFile(file, []byte(programs[n][1]), 0o600); err != nil {
			t.Fatal(err)
		}
		return process.Command{Path: python, Args: []string{file}, Channel: c}
	}
	for _, c := range []struct {
		name     string
		wall     wall.Wall[wall.Instance[string, string]]
		feedback string
	}{
		{"native over pipes", wall.Speak(run(0, process.Private), text), "0.5"},
		{"native over a pair", wall.Speak(run(0, process.Pair), text), "0.5"},
		{"jsonl", wall.Speak(run(1, process.Stdio), jsonl.Dialect[string, string]{Ready: true}), ""},
		{"lines", wall.Speak(run(2, process.Stdio), lines.Dialect[string, string]{Ready: true}), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), walltest.Patience)
			defer cancel()
			i, err := c.wall.Open(ctx, wall.Start{Name: "py", Incarnation: 1})
			if err != nil {
				t.Fatal(err)
			}
			for _, q := range []string{"hi", "", strings.Repeat("long ", 50_000), "again"} {
				h := &walltest.Host{}
				if got, err := walltest.Begin(i, q, h).Wait(t); got != strings.ToUpper(q) || err != nil {
					t.Fatalf("%.40q: %.40q, %v", q, got, err)
				}
				if got := strings.Join(h.Reports(), " "); got != c.feedback {
					t.Errorf("reported %q, want %q", got, c.feedback)
				}
			}
			i.Stop(ctx, ganger.LeavingStopped)
			if x := i.Exit(); x.Code != 0 || x.Signal != "" {
				t.Errorf("exit = %+v, want it to leave by itself", x)
			}
		})
	}
}
