package native_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
	"github.com/ganger-dev/ganger/wall/walltest"
)

// The test binary is the worker of the process wall too, when this variable
// says what sort.
const workerVariable = "GANGER_NATIVE_TEST_WORKER"

func TestMain(m *testing.M) {
	process.Main()
	switch sort, slots, _ := strings.Cut(os.Getenv(workerVariable), " "); sort {
	case "text":
		native.Main(1, performText)
	case "bytes":
		n, _ := strconv.Atoi(slots)
		s, err := native.Stream()
		if err == nil {
			err = native.Serve(s, n, native.Bytes(), native.Bytes(),
				func(_ context.Context, q []byte, _ wall.Host) ([]byte, error) { return q, nil })
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func performText(ctx context.Context, q string, _ wall.Host) (string, error) {
	switch q {
	case "child":
		// What the worker starts must not hold the channel of its protocol.
		out, err := exec.CommandContext(ctx, "sh", "-c", `echo "fd=$GANGER_FD"; ls /proc/$$/fd`).CombinedOutput()
		return string(out), err
	case "print":
		fmt.Println("a stray line")
		return "printed", nil
	case "panic":
		panic("the sky fell")
	}
	if strings.HasPrefix(q, "say ") {
		fmt.Println(q)
		fmt.Fprintln(os.Stderr, q)
	}
	return strings.ToUpper(q), nil
}

// processes is a wall of this test binary as a worker of some sort.
func processes(sort string, c process.Channel) process.Command {
	return process.Command{Path: os.Args[0], Channel: c, Env: []string{workerVariable + "=" + sort, "GORACE=atexit_sleep_ms=0"}}
}

func openProcess(t *testing.T, c process.Channel, line func(bool, []byte)) wall.Instance[string, string] {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), walltest.Patience)
	defer cancel()
	i, err := wall.Speak(processes("text", c), text).Open(ctx, wall.Start{Name: "w", Incarnation: 1, Line: line})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		i.Kill(ganger.LeavingStopped)
		<-i.Gone()
	})
	return i
}

func onChannels(t *testing.T, f func(t *testing.T, c process.Channel)) {
	t.Run("pipes", func(t *testing.T) { f(t, process.Private) })
	t.Run("pair", func(t *testing.T) { f(t, process.Pair) })
}

// TestChildrenOfAWorkerHaveNoChannel: the descriptors and their variable stop
// at the worker.
func TestChildrenOfAWorkerHaveNoChannel(t *testing.T) {
	onChannels(t, func(t *testing.T, c process.Channel) {
		got, err := walltest.Do(t, openProcess(t, c, nil), "child")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(got, "fd=\n") {
			t.Errorf("a child of the worker sees GANGER_FD: %q", got)
		}
		if fds := strings.Fields(got)[1:]; slices.Contains(fds, "3") || slices.Contains(fds, "4") {
			t.Errorf("a child of the worker has the descriptors %q, want 3 and 4 closed", fds)
		}
	})
}

func TestT28StrayPrintIsHarmless(t *testing.T) {
	onChannels(t, func(t *testing.T, c process.Channel) {
		lines := make(chan string, 10) // room for more than the one line
		i := openProcess(t, c, func(stderr bool, line []byte) {
			if !stderr {
				lines <- string(line)
			}
		})
		if got, err := walltest.Do(t, i, "print"); got != "printed" || err != nil {
			t.Fatalf("%q, %v", got, err)
		}
		if got := <-lines; got != "a stray line" {
			t.Errorf("the log has %q, want the stray line", got)
		}
		if got, err := walltest.Do(t, i, "next"); got != "NEXT" || err != nil {
			t.Errorf("the next request: %q, %v", got, err)
		}
	})
}

// TestT24PanicOfAProcess: told before the process exits, which it then does.
// TestLinesComeBeforeTheEnd: with one request in hand at a time, what a worker
// writes during one is there when it has ended.
func TestLinesComeBeforeTheEnd(t *testing.T) {
	onChannels(t, func(t *testing.T, c process.Channel) {
		var mu sync.Mutex
		var lines []string
		i := openProcess(t, c, func(stderr bool, line []byte) {
			mu.Lock()
			defer mu.Unlock()
			lines = append(lines, fmt.Sprintf("%v %s", stderr, line))
		})
		for n := range 300 {
			q := fmt.Sprint("say ", n)
			if _, err := walltest.Do(t, i, q); err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			got := slices.Sorted(slices.Values(lines))
			lines = nil
			mu.Unlock()
			if want := []string{"false " + q, "true " + q}; !slices.Equal(got, want) {
				t.Fatalf("request %d ended with the lines %q, want %q", n, got, want)
			}
		}
	})
}

func TestT24PanicOfAProcess(t *testing.T) {
	i := openProcess(t, process.Private, nil)
	_, err := walltest.Do(t, i, "panic")
	walltest.EndedAs(t, err, ganger.Crashed, ganger.CausePanic)
	e, _ := errors.AsType[*ganger.Error](err)
	if e.Exit == nil || !strings.Contains(e.Exit.Stack, "performText") || !strings.Contains(err.Error(), "the sky fell") {
		t.Errorf("%v, exit %+v; want message and stack", err, e.Exit)
	}
	walltest.Await(t, i.Gone(), "the worker to exit")
	if x := i.Exit(); x.Code != 2 || !strings.Contains(x.Stderr, "performText") {
		t.Errorf("exit = %+v, want status 2 and the stack as last words", x)
	}
}

// TestAWorkerStartedByHand says what to do.
func TestAWorkerStartedByHand(t *testing.T) {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), workerVariable+"=text")
	out, err := c.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "ganger run --proto native") {
		t.Errorf("%v, it said %q; want advice", err, out)
	}
}
