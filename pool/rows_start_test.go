//go:build linux

package pool_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/lines"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
)

// broken returns a pool whose workers never become ready.
func broken(t *testing.T, c process.Command, policy life.Policy) (*pool.Pool[string, string], *inspect.Hub) {
	hub := new(inspect.Hub)
	w := wall.Speak(c, native.Dialect[string, string]{Request: native.JSON[string](), Response: native.JSON[string]()})
	p := pool.New(pool.Kind[string, string, string, string]{
		Request: func(_ pool.Held[string], s string) (string, error) { return s, nil },
	}, w, pool.Config{Workers: 2, Restart: policy, Hub: hub, StartTimeout: 2 * time.Second})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = p.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return p, hub
}

func TestP17StartFailureSaysWhy(t *testing.T) {
	quick := life.Policy{Min: time.Millisecond, Max: 5 * time.Millisecond}
	for _, tt := range []struct {
		name    string
		command process.Command
		words   []string
	}{
		{"missing", process.Command{Path: "/nonexistent/tool"}, []string{"/nonexistent/tool", "no such file"}},
		{"exits at once", process.Command{Path: "sh", Args: []string{"-c", "echo missing module foo >&2; exit 7"}}, []string{"sh -c", "exit 7", "missing module foo"}},
		{"never says hello", process.Command{Path: "sleep", Args: []string{"100"}}, []string{"sleep 100", "not ready within 2s"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, _ := broken(t, tt.command, quick)
			_, err := p.Do(guard(t), pool.Task[string]{Value: "echo x"})
			wantEnd(t, err, ganger.Rejected, ganger.CauseStart)
			for _, word := range tt.words {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("the error does not tell %q: %v", word, err)
				}
			}
		})
	}
}

func TestT44SpawnFailure(t *testing.T) {
	p, hub := broken(t, process.Command{Path: "/nonexistent/tool"}, life.Policy{Min: 200 * time.Millisecond, Max: time.Second, StartFails: 3, Retry: time.Hour})
	poll(t, "the back-off can be seen", func() (seen bool) {
		p.Snapshot(func(w inspect.Worker) bool {
			seen = seen || w.Detail == "back-off" && w.Retry != nil
			return true
		})
		return seen
	})
	_, err := p.Do(guard(t), pool.Task[string]{Value: "echo x"})
	wantEnd(t, err, ganger.Rejected, ganger.CauseStart)
	_, err = p.Submit(t.Context(), pool.Task[string]{Value: "echo y"})
	wantEnd(t, err, ganger.Rejected, ganger.CauseStart)
	_ = hub
}

func TestT46CrashLoopOpensTheCircuit(t *testing.T) {
	p, hub := broken(t, process.Command{Path: "false"}, life.Policy{Min: time.Millisecond, Max: 2 * time.Millisecond})
	events := hub.Events(t.Context())
	_, err := p.Do(guard(t), pool.Task[string]{Value: "echo x"})
	wantEnd(t, err, ganger.Rejected, ganger.CauseStart)
	hub.Emit(inspect.Event{Name: "last"})
	starts := 0
	for e := range events {
		if e.Name == inspect.StateEvent(ganger.Starting) {
			starts++
		}
		if e.Name == "last" {
			break
		}
	}
	if starts > 2*life.DefaultStartFails {
		t.Errorf("%d starts of two workers, want at most %d each", starts, life.DefaultStartFails)
	}
}

// TestP17MuteWorkerThatNeverAnswers: a worker that says no hello proves itself by
// its first answer; until one has, its death or silence is a failed start.
func TestP17MuteWorkerThatNeverAnswers(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		limit        time.Duration
		words        []string
	}{
		{"exits at once", "echo bad config >&2; exit 4", 30 * time.Second, []string{"exit 4", "bad config", "sh -c"}},
		{"exits on its first request", "read x; echo bad input >&2; exit 5", 30 * time.Second, []string{"exit 5", "bad input"}},
		{"never answers", "sleep 100", 100 * time.Millisecond, []string{"no answer to its first request within the start time-out of 100ms"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := wall.Speak(process.Command{Path: "sh", Args: []string{"-c", tt.script}, Channel: process.Stdio}, lines.Dialect[[]byte, []byte]{})
			p := pool.New(pool.Kind[string, []byte, []byte, struct{}]{
				Request: func(_ pool.Held[struct{}], s string) ([]byte, error) { return []byte(s), nil },
			}, w, pool.Config{Workers: 2, StartTimeout: tt.limit, CancelGrace: 10 * time.Millisecond, Restart: life.Policy{Min: time.Millisecond}})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); _ = p.Run(ctx) }()
			t.Cleanup(func() { cancel(); <-done })
			_, err := p.Do(guard(t), pool.Task[string]{Value: "x", MaxDeaths: 1})
			wantEnd(t, err, ganger.Rejected, ganger.CauseStart)
			for _, word := range tt.words {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("the error does not tell %q: %v", word, err)
				}
			}
		})
	}
}
