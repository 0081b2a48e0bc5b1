package main

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tiff2webp stands in for a converter: it leaves half a file while it works, and
// crashes, hangs and fails by the name of its input. Each conversion is noted.
const tiff2webp = `#!/bin/sh
printf '%s\0' "$1" >>"${0%/*}/conversions"
printf 'half of %s' "$1" >"$3"
case $1 in
*segv*) echo 'tiff2webp: strip 7: assertion n < max' >&2; kill -SEGV $$ ;;
*hang*) exec sleep 1000 ;;
*fail*) exit 1 ;;
*slow*) until [ -e "${0%/*}/on" ]; do sleep 0.01; done ;;
esac
sleep 0.001
printf ', and the rest' >>"$3"
`

// whole is what tiff2webp makes of a scan.
func whole(scan string) string { return "half of " + scan + ", and the rest" }

// conversion is a heap of scans and where they are converted.
type conversion struct {
	dir   string
	log   string
	input string            // the scans, each ended by NUL
	ends  map[string]string // the outcome of each scan
}

// newConversion makes a heap of n scans, with names of every sort.
func newConversion(t *testing.T, n int) *conversion {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tiff2webp"), []byte(tiff2webp), 0o700); err != nil {
		t.Fatal(err)
	}
	c := &conversion{dir: dir, log: filepath.Join(dir, "conv.log"), ends: make(map[string]string)}
	for i := range n {
		name, outcome := "a b", "done"
		switch {
		case i%50 == 7:
			name, outcome = "segv", "crashed"
		case i%50 == 31:
			name, outcome = "fail", "failed"
		case i == n/2:
			name, outcome = "hang", "timed-out"
		case i%10 == 1:
			name = "two\nlines"
		case i%10 == 2:
			name = `"it's" -o`
		case i%10 == 3:
			name = "zwölf"
		}
		scan := fmt.Sprintf("scans/%02d/-%s %d.tif", i%100, name, i)
		c.input += scan + "\x00"
		c.ends[scan] = outcome
	}
	return c
}

// command is the line that is run again and again.
func (c *conversion) command(t *testing.T, more ...string) *exec.Cmd {
	args := append([]string{"-0", "-j", "2", "--timeout", "700ms", "--log", c.log, "--resume", "--out", "out/{/.}.webp"}, more...)
	run := tool(t, strings.NewReader(c.input), append(args, "--", filepath.Join(c.dir, "tiff2webp"), "{}", "-o", "{out}")...)
	run.Dir = c.dir
	return run
}

// conversions are the scans whose conversion has begun, each as often as that.
func (c *conversion) conversions() []string {
	b, _ := os.ReadFile(filepath.Join(c.dir, "conversions"))
	all := strings.Split(string(b), "\x00")
	return all[:len(all)-1]
}

// made returns the scans that have a file, after a look that each is whole, and
// how many temporary ones there are.
func (c *conversion) made(t *testing.T) (scans map[string]bool, temporary int) {
	t.Helper()
	of := make(map[string]string, len(c.ends)) // a scan by the name of its file
	for scan := range c.ends {
		of[strings.TrimSuffix(filepath.Base(scan), ".tif")+".webp"] = scan
	}
	files, _ := os.ReadDir(filepath.Join(c.dir, "out")) // it may not be there yet
	scans = make(map[string]bool)
	for _, f := range files {
		if strings.Contains(f.Name(), ".part.") {
			temporary++
			continue
		}
		scan, ok := of[f.Name()]
		if !ok {
			t.Errorf("out has %q, which is of no scan", f.Name())
			continue
		}
		b, err := os.ReadFile(filepath.Join(c.dir, "out", f.Name()))
		if err != nil || string(b) != whole(scan) {
			t.Errorf("the file of %q holds %q, %v", scan, b, err)
		}
		scans[scan] = true
	}
	return scans, temporary
}

// outcomes are those that the log has.
func (c *conversion) outcomes(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, r := range recorded(t, c.log) {
		all[r.Task] = r.Outcome
	}
	return all
}

// TestP11KilledRunLeavesNoHalfFile: the tool is killed at random points and resumed
// by the same line until the run is over: all scans have their outcome, each was
// converted once but for those in flight, and no file is half, at no time.
func TestP11KilledRunLeavesNoHalfFile(t *testing.T) {
	n, times := filesConverted, filesKills
	if testing.Short() {
		n, times = 100, 3
	}
	c := newConversion(t, n)
	mark := filepath.Join(c.dir, "tiff2webp")
	died := 0
	var last bytes.Buffer
	for over := false; !over; {
		before, ran := c.outcomes(t), len(c.conversions())
		run := c.command(t, "--quiet")
		last.Reset()
		run.Stderr = &last
		var when func() bool
		if died < times {
			enough := ran + 1 + rand.IntN(2*n/(times+1))
			when = func() bool { return len(c.conversions()) >= enough }
		}
		runUntil(t, run, when, 8*time.Millisecond)
		poll(t, func() bool { return len(marked(t, mark)) == 0 }) // its workers too
		over = !run.ProcessState.Sys().(syscall.WaitStatus).Signaled()
		if !over {
			died++
		}

		after := c.outcomes(t)
		files, temporary := c.made(t)
		for _, scan := range c.conversions()[ran:] {
			if before[scan] != "" {
				t.Errorf("%q ran again, and had ended %s", scan, before[scan])
			}
		}
		flying := 0 // converted, and no record of it
		for scan := range files {
			switch after[scan] {
			case "done":
			case "":
				flying++
			default:
				t.Errorf("%q is %s and has a file", scan, after[scan])
			}
		}
		for scan, outcome := range after {
			if outcome == "done" && !files[scan] {
				t.Errorf("%q is done and has no file", scan)
			}
		}
		if over && flying+temporary > 0 || temporary > 2 || flying > 12 {
			t.Errorf("over %v: %d temporary files, %d files without a record", over, temporary, flying)
		}
	}
	got := c.outcomes(t)
	for scan, end := range got {
		if end == "poisoned" && c.ends[scan] == "timed-out" {
			got[scan] = "timed-out" // the tool was killed three times while it ran alone
		}
	}
	if !maps.Equal(got, c.ends) {
		t.Errorf("the outcomes are not those of the input: %d of %d", len(got), len(c.ends))
	}
	again := len(c.conversions()) - n
	t.Logf("killed %d times; %d of %d conversions were done twice", died, again, n)
	if again > died*12 || died < times/2 {
		t.Errorf("killed %d times, and %d conversions were done twice", died, again)
	}
}

// TestTranscriptA: a heap of files, a converter that crashes on some, an interrupt
// in the middle, and the same line again.
func TestTranscriptA(t *testing.T) {
	const n = 200
	c := newConversion(t, n)
	slow := "scans/slow.tif"
	c.input = strings.Join(strings.SplitAfter(c.input, "\x00")[:20], "") + slow + "\x00" + strings.Join(strings.SplitAfter(c.input, "\x00")[20:], "")
	c.ends[slow] = "done"

	run := c.command(t)
	file, err := os.Create(filepath.Join(c.dir, "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	told := func() string {
		b, _ := os.ReadFile(file.Name())
		return string(b)
	}
	run.Stderr = file
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	poll(t, func() bool { return len(c.conversions()) > 40 })
	if err := run.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	poll(t, func() bool { return strings.Contains(told(), "interrupt again to kill") })
	if err := os.WriteFile(filepath.Join(c.dir, "on"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := statusOf(t, run.Wait()); got != 130 {
		t.Errorf("interrupted: exit status %d, want 130:\n%s", got, told())
	}
	first := c.outcomes(t)
	for _, want := range []string{"ganger: interrupted: done ", "; --resume goes on from here\n"} {
		if !strings.Contains(told(), want) {
			t.Errorf("interrupted: no %q:\n%s", want, told())
		}
	}
	files, temporary := c.made(t)
	for scan, outcome := range first {
		if files[scan] != (outcome == "done") {
			t.Errorf("%q is %s, and has a file: %v", scan, outcome, files[scan])
		}
	}
	if temporary > 0 || len(first) == n+1 {
		t.Errorf("interrupted: %d temporary files, %d of %d scans have ended", temporary, len(first), n+1)
	}

	run = c.command(t)
	var stderr bytes.Buffer
	run.Stderr = &stderr
	if got := statusOf(t, run.Run()); got != 1 {
		t.Errorf("resumed: exit status %d, want 1", got)
	}
	for _, want := range []string{
		fmt.Sprintf("ganger: %s: %d tasks already have an outcome, skipped\n", c.log, len(first)),
		"\ndone 192  failed 4 (exit 1: 4)  timed-out 1  crashed 4 (SIGSEGV 4)  lost 0  in ",
		"\n9 tasks without success; list them: ganger log --failed " + c.log + "\n",
	} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("resumed: no %q:\n%s", want, &stderr)
		}
	}
	if !maps.Equal(c.outcomes(t), c.ends) {
		t.Error("the outcomes are not those of the input")
	}
	files, temporary = c.made(t)
	if len(files) != 192 || temporary > 0 {
		t.Errorf("%d files and %d temporary ones, want 192 and none", len(files), temporary)
	}
	for scan, times := range counts(c.conversions()) {
		if times > 1 {
			t.Errorf("%q was converted %d times", scan, times)
		}
	}
	failed, err := exec.CommandContext(t.Context(), "ganger", "log", "--failed", c.log).Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"crashed    SIGSEGV ", "  tiff2webp: strip 7: assertion n < max\n", "timed-out              0.7s  \"scans/"} {
		if !strings.Contains(string(failed), want) {
			t.Errorf("ganger log --failed has no %q:\n%s", want, failed)
		}
	}
	if cores, _ := filepath.Glob(filepath.Join(c.dir, "core*")); len(cores) > 0 {
		t.Errorf("a crash left %q", cores)
	}
}
