//go:build unix

package walltest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/internal/frame"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/goroutine"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
	"github.com/ganger-dev/ganger/wall/walltest"
)

// The test binary is also the worker of the process walls: these variables say
// that it is, in which dialect, with how many slots, and what it does first.
const (
	dialectVariable = "GANGER_WALLTEST_DIALECT"
	slotsVariable   = "GANGER_WALLTEST_SLOTS"
	atVariable      = "GANGER_WALLTEST_AT"
)

func TestMain(m *testing.M) {
	process.Main()
	if name := os.Getenv(dialectVariable); name != "" {
		os.Exit(work(name))
	}
	os.Exit(m.Run())
}

// work is the main function of a worker process.
func work(name string) int {
	s, err := native.Stream()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	w := &walltest.Worker{Wire: s, Die: func(how string) {
		if status, ok := strings.CutPrefix(how, "exit "); ok {
			n, _ := strconv.Atoi(status)
			os.Exit(n)
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way
	}}
	slots, _ := strconv.Atoi(os.Getenv(slotsVariable))
	if at := os.Getenv(atVariable); at != "" {
		if _, err := w.Perform(context.Background(), at, nil); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return status(speakers[name](s, slots, w))
}

// status is the exit status of a worker whose serving ended with err.
func status(err error) int {
	e, ok := errors.AsType[*ganger.Error](err)
	switch {
	case ok && e.Cause == ganger.CausePanic:
		return 2
	case err != nil:
		return 1
	}
	return 0
}

// onProcess is a wall of processes of this test binary.
func onProcess(dialect string, channel process.Channel, slots int, at string) wall.Wall[wall.Stream] {
	return process.Command{Path: os.Args[0], Channel: channel, Env: []string{
		dialectVariable + "=" + dialect, slotsVariable + "=" + strconv.Itoa(slots), atVariable + "=" + at,
		"GORACE=atexit_sleep_ms=0",
	}}
}

// inMemory is a wall of streams in memory.
func inMemory(dialect string, slots int, at string) wall.Wall[wall.Stream] {
	return walltest.Pipes{Worker: func(_ wall.Start, f *walltest.Far) ganger.Exit {
		w := &walltest.Worker{Wire: f, Dead: f.Dead(), Die: func(how string) {
			x := ganger.Exit{Reason: ganger.LeavingSignal(9), Code: -1, Signal: "SIGKILL"}
			if text, ok := strings.CutPrefix(how, "exit "); ok {
				n, _ := strconv.Atoi(text)
				x = ganger.Exit{Reason: ganger.LeavingExit(n), Code: n}
			}
			f.Die(x)
		}}
		n := 0
		if at != "" {
			if _, err := w.Perform(context.Background(), at, nil); err != nil {
				n = 1
			}
		}
		if n == 0 {
			n = status(speakers[dialect](f, slots, w))
		}
		return ganger.Exit{Reason: ganger.LeavingExit(n), Code: n}
	}}
}

func strangersSignal(l wall.Life) { _ = syscall.Kill(l.Usage().PID, syscall.SIGKILL) }

// quoted is bytes as a script writes them.
func quoted(b []byte) string { return strconv.QuoteToASCII(string(b)) }

func overNative(s wall.Wall[wall.Stream]) wall.Wall[wall.Instance[string, string]] {
	return wall.Speak(s, native.Dialect[string, string]{
		Request: native.JSON[string](), Response: native.JSON[string](), Limit: 1 << 20,
	})
}

// nativeFaults are the faults of a worker that speaks the native protocol.
func nativeFaults(s walltest.Subject) walltest.Subject {
	half := quoted(frame.Append(nil, frame.Header{Kind: frame.Response, ID: 1, Length: 100})[:9])
	huge := quoted(frame.Append(nil, frame.Header{Kind: frame.Response, ID: 1, Length: 1 << 30}))
	s.Deaths = map[string]ganger.Cause{
		"kill": "signal 9", "exit 3": "exit 3", "exit 0": "exit 0",
		"raw " + half + ";kill": "signal 9", "raw " + half + ";exit 4": "exit 4",
	}
	s.Breaks = []string{
		`raw "Traceback (most recent call last):\n";deaf 300ms`,
		"raw " + huge + ";deaf 300ms",
		"close;deaf 3s",
		"raw " + half + ";close;deaf 3s",
	}
	s.BadStarts = []string{"exit 3", "kill", "deaf 3s", `raw "I am not what you think, but I am long enough\n";deaf 3s`, "close;deaf 3s"}
	s.Early = "I was not asked for this, but I say it all the same\n"
	s.Soft, s.Speaks, s.Asks, s.Fails, s.Panics = true, true, true, true, true
	return s
}

func TestGoroutine(t *testing.T) {
	walltest.Run(t, walltest.Subject{
		Slots: 16, Deaths: map[string]ganger.Cause{"panic gone": "panic"}, Deaf: ganger.LeavingAbandoned,
		Soft: true, Speaks: true, Asks: true, Fails: true, Panics: true, Bubble: true,
		Wall: func(slots int, _ string) wall.Wall[wall.Instance[string, string]] {
			return goroutine.Wall[string, string]{Slots: slots, Begin: func(context.Context) (goroutine.Perform[string, string], error) {
				return new(walltest.Worker).Perform, nil
			}}
		},
	})
}

func TestPipesNative(t *testing.T) {
	walltest.Run(t, nativeFaults(walltest.Subject{
		Slots: 16, Kill: walltest.Strike, Killed: "signal 9", Bubble: true,
		Wall: func(slots int, at string) wall.Wall[wall.Instance[string, string]] {
			return overNative(inMemory("native", slots, at))
		},
	}))
}

func TestProcessNative(t *testing.T) {
	for name, channel := range map[string]process.Channel{"pipes": process.Private, "pair": process.Pair} {
		t.Run(name, func(t *testing.T) {
			walltest.Run(t, nativeFaults(walltest.Subject{
				Slots: 16, Kill: strangersSignal, Killed: "signal 9", Prints: true, Loops: loops,
				Wall: func(slots int, at string) wall.Wall[wall.Instance[string, string]] {
					return overNative(onProcess("native", channel, slots, at))
				},
			}))
		})
	}
}
