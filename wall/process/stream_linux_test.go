package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

func TestChannels(t *testing.T) {
	for _, test := range []struct {
		name    string
		channel Channel
		script  string
		fds     string
	}{
		{"private", Private, `while read x <&3; do echo "$GANGER_FD:$x" >&4; done`, "3,4"},
		{"pair", Pair, `while read x <&3; do echo "$GANGER_FD:$x" >&3; done`, "3,3"},
		{"stdio", Stdio, `while read x; do echo "$GANGER_FD:$x"; done`, "0,1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tidy(t)
			c := sh(test.script)
			c.Channel = test.channel
			s := open(t, c, wall.Start{})
			for _, word := range []string{"one", "two"} {
				if _, err := io.WriteString(s, word+"\n"); err != nil {
					t.Fatal(err)
				}
				expect(t, s, test.fds+":"+word+"\n")
			}
			if s.Waiting() {
				t.Error("Waiting with nothing there")
			}
			_ = s.Close()
			if rest := readAll(t, s); rest != "" {
				t.Errorf("rest %q", rest)
			}
			x := gone(t, s)
			if x.Reason != "exit 0" || x.Asked {
				t.Errorf("exit %+v, want exit 0, not asked", x)
			}
		})
	}
}

func TestSignal(t *testing.T) {
	tidy(t)
	s := open(t, sh(`trap 'echo interrupted >&4' INT; echo up >&4; while :; do sleep 0.01; done`), wall.Start{})
	expect(t, s, "up\n")
	if err := s.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	expect(t, s, "interrupted\n")
	s.Kill(ganger.LeavingStopped)
	gone(t, s)
	if err := s.Signal(syscall.SIGINT); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Signal after the end: %v, want os.ErrProcessDone", err)
	}
}

// TestP7StrayOutput: what is printed beside a private channel is a log; on a
// channel of standard output the error shows its first bytes.
func TestP7StrayOutput(t *testing.T) {
	t.Run("private", func(t *testing.T) {
		tidy(t)
		var mu sync.Mutex
		var lines []string
		s := open(t, sh(`echo hello; echo warning >&2; read x <&3; echo "[$x]" >&4; printf 'no end'`), wall.Start{
			Line: func(stderr bool, line []byte) {
				mu.Lock()
				defer mu.Unlock()
				lines = append(lines, fmt.Sprint(stderr, string(line)))
			},
		})
		_, _ = io.WriteString(s, "q\n")
		expect(t, s, "[q]\n")
		x := gone(t, s)
		if x.Stderr != "warning" || x.Stray != "" {
			t.Errorf("exit %+v", x)
		}
		got := map[string]bool{}
		for _, l := range lines {
			got[l] = true
		}
		if want := map[string]bool{"falsehello": true, "truewarning": true, "falseno end": true}; !cmp.Equal(want, got) {
			t.Errorf("lines (-want +got):\n%s", cmp.Diff(want, got))
		}
	})
	t.Run("stdio", func(t *testing.T) {
		tidy(t)
		c := sh(`echo loading model; exec sleep 1000`)
		c.Channel = Stdio
		s := open(t, c, wall.Start{})
		expect(t, s, "loading")
		s.Kill(ganger.LeavingProtocol)
		if x := gone(t, s); !strings.HasPrefix(x.Stray, "loading") {
			t.Errorf("stray %q", x.Stray)
		}
	})
}

// TestT54LivesAreNotConfused: a thousand starts and stops, ten at a time; no
// mark is used twice, and nothing is left.
func TestT54LivesAreNotConfused(t *testing.T) {
	tidy(t)
	var mu sync.Mutex
	seen := map[string]bool{}
	var seats sync.WaitGroup
	for range 10 {
		seats.Go(func() {
			for range lives / 10 {
				s, err := sh(`echo "$GANGER_LIFE" >&4`).Open(t.Context(), wall.Start{})
				if err != nil {
					t.Error(err)
					return
				}
				life := readAll(t, s)
				gone(t, s)
				mu.Lock()
				if seen[life] || life == "\n" {
					t.Errorf("the mark %q twice", life)
				}
				seen[life] = true
				mu.Unlock()
			}
		})
	}
	seats.Wait()
	if len(seen) != lives {
		t.Errorf("%d marks, want %d", len(seen), lives)
	}
}

func BenchmarkPingPong(b *testing.B) {
	for _, channel := range []Channel{Private, Pair, Stdio} {
		b.Run(fmt.Sprint(channel), func(b *testing.B) {
			c := sh([]string{Private: `exec cat <&3 >&4`, Pair: `exec cat <&3 >&3`, Stdio: `exec cat`}[channel])
			c.Channel = channel
			s, err := c.Open(b.Context(), wall.Start{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Stop(b.Context(), ganger.LeavingStopped)
			msg := make([]byte, 64)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Write(msg); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(s, msg); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpenAndStop(b *testing.B) {
	for b.Loop() {
		s, err := Command{Path: "/bin/cat", Channel: Stdio}.Open(b.Context(), wall.Start{})
		if err != nil {
			b.Fatal(err)
		}
		s.Stop(b.Context(), ganger.LeavingStopped)
	}
}
