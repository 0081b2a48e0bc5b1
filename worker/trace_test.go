package worker_test

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	gocmp "github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden traces")

// TestW33Traces plays every testdata/*.trace: lines that begin with "> " are
// commands, the others what must be seen after them: events, then what callers
// were told, then the states of all workers.
//
//	table key=value …  the table: strategy, type, pending, min, max, burst, window, start-fails,
//	                   healthy, retry, grace, limit, jitter
//	launch NAME …      one after the other
//	starts NAME S …    what becomes of its launches to come: ok, fail, panic, hang, deaf, after:2s
//	closes NAME C      what its Close does: panic, fail, hang, deaf, after:2s
//	call NAME OP …     calls that do as Act says
//	die NAME           a push that panics
//	crash NAME         Self.Crash
//	trigger NAME, close, tick D
func TestW33Traces(t *testing.T) {
	files, err := filepath.Glob("testdata/*.trace")
	if err != nil || len(files) == 0 {
		t.Fatalf("no traces: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".trace"), func(t *testing.T) { playTrace(t, file) })
	}
}

func playTrace(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	synctest.Test(t, func(t *testing.T) {
		p := newPlayer(t)
		s := bufio.NewScanner(strings.NewReader(string(text)))
		for s.Scan() {
			switch line := s.Text(); {
			case strings.HasPrefix(line, "#"):
				fmt.Fprintln(&got, line)
			case strings.HasPrefix(line, "> "):
				fmt.Fprintln(&got, line)
				p.do(line[2:])
				for _, s := range p.take() {
					fmt.Fprintf(&got, "%9v  %s\n", s.at, s.text)
				}
				if status := p.status(); status != "" {
					fmt.Fprintln(&got, "           =", status)
				}
			}
		}
		p.finish()
	})
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := gocmp.Diff(string(text), got.String()); diff != "" && !*update {
		t.Errorf("trace differs (-want +got); -update rewrites it:\n%s", diff)
	}
}
