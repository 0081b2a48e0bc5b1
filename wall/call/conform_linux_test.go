package call_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/frame"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
	"github.com/ganger-dev/ganger/wall/walltest"
)

// TestConforms: a function is a worker like all others, whatever happens to it.
func TestConforms(t *testing.T) {
	half := quoted(frame.Append(nil, frame.Header{Kind: frame.Response, ID: 1, Length: 100})[:9])
	huge := quoted(frame.Append(nil, frame.Header{Kind: frame.Response, ID: 1, Length: 1 << 30}))
	for _, f := range []struct {
		target  string
		channel process.Channel
		slots   int
	}{
		{"script.py:perform", process.Private, 1},
		{"script.py:aperform", process.Private, 16},
		{"script.mjs:perform", process.Private, 16},
		{"script.py:perform", process.Pair, 1},
		{"script.py:aperform", process.Pair, 16},
		{"script.mjs:perform", process.Pair, 16},
	} {
		channel := "pipes"
		if f.channel == process.Pair {
			channel = "pair"
		}
		t.Run(f.target+" "+channel, func(t *testing.T) {
			if !soak && (f.channel == process.Pair || strings.HasSuffix(f.target, "aperform")) {
				t.Skip("tried with the tag soak")
			}
			cmd := command(t, f.target, f.channel)
			subject := walltest.Subject{
				Slots: f.slots, Loops: loops, Prints: true, Soft: true, Speaks: true, Fails: true,
				Kill:   func(l wall.Life) { _ = syscall.Kill(l.Usage().PID, syscall.SIGKILL) },
				Killed: ganger.LeavingSignal(9),
				Deaths: map[string]ganger.Cause{
					"kill": "signal 9", "exit 3": "exit 3", "exit 0": "exit 0",
					"raw " + half + ";kill": "signal 9", "raw " + half + ";exit 4": "exit 4",
				},
				Breaks: []string{
					`raw "Traceback (most recent call last):\n";deaf 300ms`,
					"raw " + huge + ";deaf 300ms",
					"close;deaf 3s",
					"raw " + half + ";close;deaf 3s",
				},
				BadStarts: []string{"exit 3", "kill", "deaf 3s", `raw "I am not what you think, but I am long enough\n";deaf 3s`, "close;deaf 3s"},
				Early:     "I was not asked for this, but I say it all the same\n",
				Wall: func(slots int, at string) wall.Wall[wall.Instance[string, string]] {
					cmd := cmd
					cmd.Env = append(cmd.Env[:len(cmd.Env):len(cmd.Env)], "CALL_AT="+at)
					return wall.Speak(cmd, native.Dialect[string, string]{
						Request: native.JSON[string](), Response: native.JSON[string](), Limit: 1 << 20, Slots: slots,
					})
				},
			}
			if !soak { // lives are dear
				delete(subject.Deaths, "raw "+half+";kill")
				delete(subject.Deaths, "exit 0")
				subject.Breaks = subject.Breaks[2:]
			}
			walltest.Run(t, subject)
		})
	}
}

// quoted is bytes as a script writes them, in any of three languages.
func quoted(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		fmt.Fprintf(&s, `\x%02x`, c)
	}
	return `"` + s.String() + `"`
}
