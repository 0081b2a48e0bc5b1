//go:build unix

package walltest_test

import (
	"strings"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/jsonl"
	"github.com/ganger-dev/ganger/wall/lines"
	"github.com/ganger-dev/ganger/wall/process"
	"github.com/ganger-dev/ganger/wall/walltest"
)

func overLines(s wall.Wall[wall.Stream]) wall.Wall[wall.Instance[string, string]] {
	return wall.Speak(s, lines.Dialect[string, string]{Ready: true, Limit: 1000})
}

func overJSONLines(s wall.Wall[wall.Stream]) wall.Wall[wall.Instance[string, string]] {
	return wall.Speak(s, jsonl.Dialect[string, string]{Ready: true, Limit: 1000, Slots: 16})
}

// linesFaults are the faults of a worker that answers a line with a line.
func linesFaults(s walltest.Subject) walltest.Subject {
	s.Deaths = map[string]ganger.Cause{
		"kill": "signal 9", "exit 3": "exit 3", "exit 0": "exit 0", `raw "half a line";kill`: "signal 9",
	}
	s.Breaks = []string{
		`raw "` + long + `\n";deaf 300ms`,
		"close;deaf 3s",
		`raw "half a line";close;deaf 3s`,
	}
	s.BadStarts = []string{"exit 3", "kill", "deaf 3s", `raw "hello?\n";deaf 3s`, "close;deaf 3s"}
	s.Early = "by the way\n"
	return s
}

// jsonFaults are the faults of a worker that speaks JSON lines.
func jsonFaults(s walltest.Subject) walltest.Subject {
	s = linesFaults(s)
	s.Deaths[`raw "{\"id\":1,\"resp";kill`] = "signal 9"
	s.Breaks = append(
		s.Breaks,
		`raw "Traceback (most recent call last):\n";deaf 300ms`,
		`raw "{\"id\":99,\"response\":1}\n";deaf 300ms`,
		`raw "{\"id\":2,\"resp\n";deaf 300ms`,
	)
	s.Slots, s.Soft, s.Speaks, s.Fails = 16, true, true, true
	return s
}

// long is more than the limit of these dialects.
var long = strings.Repeat("x", 1002)

func TestPipesLines(t *testing.T) {
	walltest.Run(t, linesFaults(walltest.Subject{
		Kill: walltest.Strike, Killed: "signal 9", Bubble: true,
		Wall: func(slots int, at string) wall.Wall[wall.Instance[string, string]] {
			return overLines(inMemory("lines", slots, at))
		},
	}))
}

func TestPipesJSONLines(t *testing.T) {
	walltest.Run(t, jsonFaults(walltest.Subject{
		Kill: walltest.Strike, Killed: "signal 9", Bubble: true,
		Wall: func(slots int, at string) wall.Wall[wall.Instance[string, string]] {
			return overJSONLines(inMemory("jsonl", slots, at))
		},
	}))
}

func TestProcessLines(t *testing.T) {
	for name, channel := range map[string]process.Channel{"stdio": process.Stdio, "private": process.Private} {
		t.Run(name, func(t *testing.T) {
			walltest.Run(t, linesFaults(walltest.Subject{
				Kill: strangersSignal, Killed: "signal 9", Prints: channel == process.Private, Loops: loops,
				Wall: func(slots int, at string) wall.Wall[wall.Instance[string, string]] {
					return overLines(onProcess("lines", channel, slots, at))
				},
			}))
		})
	}
}

func TestProcessJSONLines(t *testing.T) {
	for name, channel := range map[string]process.Channel{"stdio": process.Stdio, "private": process.Private} {
		t.Run(name, func(t *testing.T) {
			walltest.Run(t, jsonFaults(walltest.Subject{
				Kill: strangersSignal, Killed: "signal 9", Prints: channel == process.Private, Loops: loops,
				Wall: func(slots int, at string) wall.Wall[wall.Instance[string, string]] {
					return overJSONLines(onProcess("jsonl", channel, slots, at))
				},
			}))
		})
	}
}
