package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
)

// TestMain makes this binary the tool and its workers: scripts run it under
// these names, with real exit statuses and under the race detector.
func TestMain(m *testing.M) {
	if os.Getenv("GANGER_GUARD") != "" {
		main() // the tool executes itself as its guard
	}
	testscript.Main(m, map[string]func(){"ganger": main, "native-worker": nativeWorker, "jsonl-worker": jsonlWorker, "lines-worker": linesWorker, "gate-worker": gateWorker, "effect-worker": effectWorker})
}

// gateWorker answers each line with six kilobytes. The first line of the
// input, which is zero, is answered when the last one was, which its argument
// says.
func gateWorker() {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		n, err := strconv.Atoi(in.Text())
		switch {
		case err != nil:
			os.Exit(4)
		case n == 0:
			for {
				if _, err := os.Stat("last"); err == nil {
					break
				}
				time.Sleep(5 * time.Millisecond) // bounded by the test's patience
			}
		case in.Text() == os.Args[1]:
			if err := os.WriteFile("last", nil, 0o600); err != nil {
				os.Exit(4)
			}
		}
		_, _ = os.Stdout.WriteString(in.Text() + gateTail)
	}
}

// effectWorker answers each line with itself, after it has added it to the file
// that its argument names.
func effectWorker() {
	f, err := os.OpenFile(os.Args[1], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		os.Exit(4)
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if _, err := f.WriteString(in.Text() + "\n"); err != nil {
			os.Exit(4)
		}
		time.Sleep(time.Millisecond) // the work
		_, _ = os.Stdout.WriteString(in.Text() + "\n")
	}
}

// gateTail is what follows a task in its answer.
var gateTail = strings.Repeat("=", 6000) + "\n"

// linesWorker answers each line with six kilobytes, and zero late.
func linesWorker() {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if strings.Trim(in.Text(), "0") == "" {
			slow()
		}
		fmt.Printf("%6000s\n", in.Text())
	}
}

// slow takes two seconds or, where a script waits for the disk to be full, until
// that was told.
func slow() {
	const told = "stay in memory"
	for range 400 {
		words, err := os.ReadFile("nodisk.err")
		if err != nil {
			time.Sleep(2 * time.Second)
			return
		}
		if strings.Contains(string(words), told) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// jsonlWorker answers JSON lines with what they hold.
func jsonlWorker() {
	if len(os.Args) > 1 {
		fmt.Println(`{"ready":true}`)
	}
	in := json.NewDecoder(os.Stdin)
	for {
		var q struct {
			ID      uint64
			Request json.RawMessage
		}
		if err := in.Decode(&q); err != nil {
			return
		}
		switch string(q.Request) {
		case `"fail"`:
			fmt.Printf(`{"id":%d,"error":{"message":"it broke","trace":"in f\nin main"}}`+"\n", q.ID)
		case `"rubbish"`:
			fmt.Println("rubbish")
		default:
			fmt.Printf(`{"id":%d,"response":%s}`+"\n", q.ID, q.Request)
		}
	}
}

// nativeWorker is a worker of the native protocol that does what its task says.
func nativeWorker() {
	slots := 1
	if len(os.Args) > 1 {
		slots, _ = strconv.Atoi(os.Args[1])
	}
	native.Main(slots, func(ctx context.Context, task any, _ wall.Host) (any, error) {
		word, rest, _ := strings.Cut(fmt.Sprint(task), " ")
		switch word {
		case "crash":
			killSelf()
		case "crash-once": // rest is a file that says that it did
			if _, err := os.Stat(rest); err != nil {
				_ = os.WriteFile(rest, nil, 0o600)
				killSelf()
			}
		case "crash-twice": // and the second time it takes the coordinator along; rest is a file that counts
			was, _ := os.ReadFile(rest)
			_ = os.WriteFile(rest, append(was, '.'), 0o600)
			if len(was) == 1 {
				coordinator, _ := os.FindProcess(os.Getppid())
				_ = coordinator.Kill()
			}
			killSelf()
		case "exit":
			status, _ := strconv.Atoi(rest)
			os.Exit(status)
		case "fail":
			fmt.Fprintln(os.Stderr, "words on stderr")
			return nil, errors.New(rest)
		case "print":
			fmt.Println("this goes to a log")
		case "sleep":
			d, _ := time.ParseDuration(rest)
			select {
			case <-time.After(d):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		case "pid":
			return os.Getpid(), nil
		case "seat":
			return os.Getenv("GANGER_SEAT") + os.Getenv("GANGER_TASK"), nil
		}
		return task, nil
	})
}

// killSelf ends this process as nothing else does.
func killSelf() {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Kill()
	}
	select {}
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("GORACE", "atexit_sleep_ms=0") // else each race-tested process waits a second
			path := e.Getenv("PATH")
			tools, _, _ := strings.Cut(path, string(filepath.ListSeparator))
			e.Setenv("TOOLS", tools) // where the commands of the scripts are
			for _, find := range interpreters {
				if program := find(); program != "" {
					path = filepath.Dir(program) + string(filepath.ListSeparator) + path
				}
			}
			e.Setenv("PATH", path)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "jsonlines": jsonLines,
		},
		Condition: func(word string) (bool, error) {
			switch word {
			case "hup":
				return !signal.Ignored(syscall.SIGHUP), nil
			case "python", "node":
				return interpreters[word]() != "", nil
			case "namespaces":
				return namespaces(), nil
			}
			return false, fmt.Errorf("no condition %q", word)
		},
		RequireExplicitExec: true,
	})
}

// interpreters are the programs themselves of those that run functions, and not
// scripts in front of them, which a script's environment leads astray; "" where
// there is none.
var interpreters = map[string]func() string{
	"python": sync.OnceValue(func() string { return said("python3", "-c", "import sys; print(sys.executable)") }),
	"node":   sync.OnceValue(func() string { return said("node", "-p", "process.execPath") }),
}

func said(name string, args ...string) string {
	out, _ := exec.Command(name, args...).Output() // whatever is wrong with it, it cannot be used
	return strings.TrimSpace(string(out))
}

// exits is a command of the scripts: "exits STATUS COMMAND ARGUMENT..." runs the
// command as exec does, and wants exactly that exit status.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND ARGUMENT...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		got = e.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}
