//go:build linux

package pool_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ganger-dev/ganger/pool"
)

// heard is what came of attempts before their end, each output by itself, in the
// order in which it came.
type heard struct {
	mu sync.Mutex
	of map[string][]string // by "task attempt output"
}

func (h *heard) add(task uint64, attempt int, output, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := fmt.Sprint(task, " ", attempt, " ", output)
	h.of[key] = append(h.of[key], text)
}

func (h *heard) said(task uint64, attempt int, output string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.of[fmt.Sprint(task, " ", attempt, " ", output)])
}

// TestP15LinesAndReportsOfEachAttempt: what a worker reports and what it writes
// arrives in order, is known to be of its task and attempt, and is there before
// the end of the task is told.
func TestP15LinesAndReportsOfEachAttempt(t *testing.T) {
	onEachWall(t, func(t *testing.T, w subject) {
		h := &heard{of: make(map[string][]string)}
		attempts := make(map[string]int) // by script
		var mu sync.Mutex
		const tasks = 60
		var wrong []string
		outputs := []string{"report"}
		if w.name == "process" {
			outputs = []string{"report", "stdout", "stderr"} // a goroutine has no other
		}
		p := start(t, w, setup{
			Config: pool.Config{Workers: 2, Line: func(a pool.Attribution, stderr bool, line []byte) {
				output := "stdout"
				if stderr {
					output = "stderr"
				}
				h.add(a.Task, a.Attempt, output, string(line))
			}},
			kind: func(k *pool.Kind[string, string, string, string]) {
				k.Request = func(held pool.Held[string], script string) (string, error) {
					mu.Lock()
					defer mu.Unlock()
					attempts[script] = held.Attempt
					return script, nil
				}
				k.Feedback = func(script string, body []byte) {
					mu.Lock()
					attempt := attempts[script]
					mu.Unlock()
					h.add(number(script), attempt, "report", string(body))
				}
				k.Ended = func(script string, e pool.End[string]) {
					name, _, _ := strings.Cut(script, ";")
					name = strings.TrimPrefix(name, "say ")
					for attempt := 1; attempt <= e.Attempts; attempt++ {
						for _, output := range outputs {
							want := []string{name, name + " more"}
							if output == "report" {
								want = []string{"0", "1", "2"}
							}
							if got := h.said(e.Task, attempt, output); !slices.Equal(got, want) {
								mu.Lock()
								wrong = append(wrong, fmt.Sprintf("task %d, attempt %d, %s: %q, want %q", e.Task, attempt, output, got, want))
								mu.Unlock()
							}
						}
					}
				}
			},
		})
		dir := t.TempDir()
		for n := 1; n <= tasks; n++ {
			script := fmt.Sprintf("say task %d; feedback 3; say task %d more", n, n)
			if n%3 == 0 {
				script += "; fail-until " + filepath.Join(dir, fmt.Sprint(n)) + " 1"
			}
			p.submit(t, pool.Task[string]{Value: script, Retries: 1})
		}
		if err := p.Join(guard(t)); err != nil {
			t.Fatal(err)
		}
		for _, e := range wrong {
			t.Error(e)
		}
		twice := 0
		for range tasks {
			if e := <-p.ends; e.Attempts == 2 && e.Err == nil {
				twice++
			}
		}
		if twice != tasks/3 {
			t.Errorf("%d tasks were tried twice, want %d", twice, tasks/3)
		}
	})
}

// number is the number of the task that a script of that test names first.
func number(script string) (n uint64) {
	_, _ = fmt.Sscanf(script, "say task %d;", &n)
	return n
}
