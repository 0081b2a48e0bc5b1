package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// photos are the tasks of the second transcript: names, of which one kills its
// worker and one takes for ever.
func photos(n int) []string {
	var all []string
	for i := range n {
		name := fmt.Sprintf("photos/%03d.jpg", i)
		switch i {
		case n / 3:
			name = "photos/evil.jpg"
		case n / 2:
			name = "photos/slow.jpg"
		}
		all = append(all, name)
	}
	return all
}

// TestTranscriptB: a function with a model that takes long to load, leaks and
// leaves a child in a session of its own.
func TestTranscriptB(t *testing.T) {
	for _, lang := range []struct{ name, file string }{{"python", "caption.py"}, {"node", "caption.mjs"}} {
		t.Run(lang.name, func(t *testing.T) {
			program := interpreters[lang.name]()
			if program == "" {
				t.Skipf("this needs %s (Debian packages python3 and nodejs)", lang.name)
			}
			file, err := filepath.Abs("testdata/caption/" + lang.file)
			if err != nil {
				t.Fatal(err)
			}
			soft := "100M"
			if lang.name == "node" {
				soft = "150M"
			}
			t.Run("run", func(t *testing.T) { runCaptions(t, program, file, soft) })
			t.Run("killed", func(t *testing.T) { killCaptions(t, program, file) })
		})
	}
}

// toolCommand is the tool with what it wrote.
type toolCommand struct {
	*exec.Cmd
	out, err bytes.Buffer
}

func captions(t *testing.T, program, file, mark string, tasks []string, more ...string) *toolCommand {
	t.Helper()
	args := append([]string{
		"--call", file + ":caption", "-j", "2", "--env", "CUDA_VISIBLE_DEVICES={seat}", "--env", "MARK=" + mark,
		"--start-timeout", "90s", "--timeout", "500ms", "--retries", "1",
	}, more...)
	c := tool(t, strings.NewReader(strings.Join(tasks, "\n")+"\n"), args...)
	c.Env = append(c.Env, "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"))
	line := &toolCommand{Cmd: c}
	c.Stdout, c.Stderr = &line.out, &line.err
	return line
}

func runCaptions(t *testing.T, program, file, soft string) {
	mark := fmt.Sprintf("captions-%d-%s", os.Getpid(), filepath.Base(file))
	tasks := photos(150)
	c := captions(t, program, file, mark, tasks, "--memory-soft", soft)
	if got := statusOf(t, c.Run()); got != 1 {
		t.Errorf("exit status %d, want 1", got)
	}
	lines := strings.Split(strings.TrimSuffix(c.out.String(), "\n"), "\n")
	if len(lines) != len(tasks) {
		t.Fatalf("%d lines for %d tasks", len(lines), len(tasks))
	}
	for i, task := range tasks {
		var got struct{ Path, Text, Seat string }
		if task == "photos/evil.jpg" || task == "photos/slow.jpg" {
			if lines[i] != "null" {
				t.Errorf("%s: %s, want null", task, lines[i])
			}
			continue
		}
		err := json.Unmarshal([]byte(lines[i]), &got)
		if err != nil || got.Path != task || got.Text != strings.ToUpper(task) || got.Seat != "0" && got.Seat != "1" {
			t.Errorf("%s: %s (%v)", task, lines[i], err)
		}
	}
	for _, want := range []string{
		`(?m)^ganger: 2 workers ready after [1-9]`,
		`(?m)^ganger: photos/evil.jpg: crashed \(signal 9, SIGKILL, memory [1-9].*M\); worker [01] replaced; attempt 2$`,
		`(?m)^ganger: photos/slow.jpg: timed-out .*attempt 2`,
		`(?m)^done 148  timed-out 1  poisoned 1 \(SIGKILL 1\)  lost 0  in .* \| workers [0-9]+: left .*memory-soft [2-9]`,
	} {
		if !regexp.MustCompile(want).Match(c.err.Bytes()) {
			t.Errorf("standard error does not match %s", want)
		}
	}
	if t.Failed() {
		t.Logf("standard error:\n%s", &c.err)
	}
	goneSoon(t, mark)
}

// killCaptions kills the tool in the middle.
func killCaptions(t *testing.T, program, file string) {
	mark := fmt.Sprintf("killed-captions-%d-%s", os.Getpid(), filepath.Base(file))
	c := captions(t, program, file, mark, []string{"photos/a.jpg", "photos/slow.jpg", "photos/slow.jpg"}, "--retries", "100")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(hang); len(marked(t, mark)) < 2; time.Sleep(10 * time.Millisecond) { // a bounded poll of other processes
		if time.Now().After(deadline) {
			t.Fatalf("the children of two workers never were there:\n%s", &c.err)
		}
	}
	_ = c.Process.Kill()
	_ = c.Wait()
	goneSoon(t, mark)
}

// goneSoon wants every process with the mark gone after two seconds.
func goneSoon(t *testing.T, mark string) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Second)
	for left := marked(t, mark); len(left) > 0; left = marked(t, mark) {
		if time.Now().After(deadline) {
			t.Fatalf("still there after two seconds:\n%s", strings.Join(left, "\n"))
		}
		time.Sleep(10 * time.Millisecond) // a bounded poll of other processes
	}
}
