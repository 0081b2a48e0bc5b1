//go:build linux

package pool_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ganger-dev/ganger/pool"
)

// rudeVariable makes the test binary a program whose Request panics in Do, under
// a caller that recovers.
const rudeVariable = "GANGER_POOL_TEST_RUDE"

func beRude() {
	p := pool.New(pool.Kind[string, string, string, struct{}]{
		Request: func(_ pool.Held[struct{}], s string) (string, error) {
			if s == "bad" {
				panic("a bug in the kind")
			}
			return s, nil
		},
	}, subjects()[1].open(1), pool.Config{Workers: 1})
	go func() { _ = p.Run(context.Background()) }()
	for range 100 { // until the resting life is borrowed
		func() {
			defer func() { _ = recover() }()
			_, _ = p.Do(context.Background(), pool.Task[string]{Value: "echo x"})
			_, _ = p.Do(context.Background(), pool.Task[string]{Value: "bad"})
		}()
	}
	fmt.Println("went on")
}

// TestPanicOfAKindEndsTheProgram: also when Do runs it on a goroutine that
// recovers, where the task would otherwise never end and its life be lost.
func TestPanicOfAKindEndsTheProgram(t *testing.T) {
	cmd := exec.CommandContext(guard(t), os.Args[0])
	cmd.Env = append(os.Environ(), rudeVariable+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil || strings.Contains(string(out), "went on") || !strings.Contains(string(out), "panic_test.go") {
		t.Errorf("the program ended with %v, and said:\n%s", err, out)
	}
}
