package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// openExec opens a life that ends with the test.
func openExec(t *testing.T, e Exec, s wall.Start) wall.Instance[Request, Result] {
	t.Helper()
	s.Name, s.Incarnation = "w", 1
	i, err := e.Open(t.Context(), s)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		i.Kill(ganger.LeavingStopped)
		gone(t, i)
	})
	return i
}

// pending is one call, to be cancelled and waited for.
type pending struct {
	wall.Call[Result]
	ended chan struct{}
}

func (p *pending) EndCall(*wall.Call[Result]) { close(p.ended) }

func begin(i wall.Instance[Request, Result], q Request) *pending {
	p := &pending{ended: make(chan struct{})}
	p.End = p
	i.Start(q, &p.Call)
	return p
}

func (p *pending) wait(t *testing.T) (Result, *ganger.Error) {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(hang):
		t.Fatalf("a call has not ended after %v", hang)
	}
	e, ok := errors.AsType[*ganger.Error](p.Err)
	if p.Err != nil && !ok {
		t.Fatalf("ended with %v (%T), want a *ganger.Error", p.Err, p.Err)
	}
	return p.Response, e
}

func shell(script string, args ...string) Request {
	return Request{Path: "sh", Args: append([]string{"-c", script, "sh"}, args...)}
}

func TestExecOutcomes(t *testing.T) {
	dir := t.TempDir()
	plain := dir + "/plain"
	if err := os.WriteFile(plain, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		q       Request
		outcome ganger.Outcome
		cause   ganger.Cause
		says    string
		out     string
		stderr  string
	}{
		{"done", shell(`echo out; echo err >&2`), ganger.Done, "", "", "out\n", "err\n"},
		{"status", shell(`echo out; echo sorry >&2; exit 3`), ganger.Failed, "", "exit status 3", "out\n", "sorry\n"},
		{"signal", shell(`echo out; kill -SEGV $$`), ganger.Crashed, "signal 11", "SIGSEGV", "out\n", ""},
		{"not found", Request{Path: "no-such-program"}, ganger.Rejected, ganger.CauseStart, "no-such-program", "", ""},
		{"missing", Request{Path: dir + "/none"}, ganger.Rejected, ganger.CauseStart, "none", "", ""},
		{"not executable", Request{Path: plain}, ganger.Rejected, ganger.CauseStart, "permission denied", "", ""},
		{"no program", Request{}, ganger.Rejected, ganger.CauseStart, "no program", "", ""},
		{"no directory", Request{Path: "true", Dir: dir + "/no"}, ganger.Rejected, ganger.CauseStart, dir + "/no", "", ""},
		{"NUL", Request{Path: "echo", Args: []string{"a\x00b"}}, ganger.Rejected, ganger.CauseInput, "NUL", "", ""},
		{"too long", Request{Path: "echo", Args: []string{strings.Repeat("x", 1<<20)}}, ganger.Rejected, ganger.CauseInput, "longer", "", ""},
		{"environment", func() Request {
			q := shell(`echo $A $B $C`)
			q.Env = []string{"C=request"}
			return q
		}(), ganger.Done, "", "", "wall start request\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			tidy(t)
			i := openExec(t, Exec{Env: []string{"A=wall", "B=wall", "C=wall"}}, wall.Start{Env: []string{"B=start", "C=start"}})
			r, err := wall.Do(t.Context(), i, test.q, nil)
			if ganger.OutcomeOf(err) != test.outcome || ganger.CauseOf(err) != test.cause {
				t.Fatalf("ended with %v, want %v %q", err, test.outcome, test.cause)
			}
			if err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %q does not say %q", err, test.says)
			}
			if string(r.Stdout) != test.out || string(r.Stderr) != test.stderr {
				t.Errorf("outputs %q, %q; want %q, %q", r.Stdout, r.Stderr, test.out, test.stderr)
			}
			if (r.PID != 0) != (test.outcome != ganger.Rejected) {
				t.Errorf("pid %d", r.PID)
			}
			// Whatever became of the task, the seat lives.
			if _, err := wall.Do(t.Context(), i, Request{Path: "true"}, nil); err != nil {
				t.Errorf("the next task: %v", err)
			}
		})
	}
}

func TestExecOpenChecksAFixedProgram(t *testing.T) {
	_, err := Exec{Path: "no-such-program"}.Open(t.Context(), wall.Start{Name: "w", Incarnation: 1})
	if se, ok := errors.AsType[*wall.StartError](err); !ok || se.Command != "no-such-program" {
		t.Errorf("Open: %v (%T), want a StartError", err, err)
	}
}

func TestExecInput(t *testing.T) {
	tidy(t)
	i := openExec(t, Exec{Path: "cat"}, wall.Start{})
	for _, size := range []int{0, 1, 64 << 10, 1 << 20, 5 << 20} {
		in := bytes.Repeat([]byte("ab\x00\n"), size/4+1)[:size]
		r, err := wall.Do(t.Context(), i, Request{Stdin: in}, nil)
		if err != nil || !bytes.Equal(r.Stdout, in) {
			t.Errorf("%d bytes: got %d, %v", size, len(r.Stdout), err)
		}
	}
	t.Run("that nobody reads", func(t *testing.T) {
		if _, err := wall.Do(t.Context(), i, Request{Path: "true", Stdin: make([]byte, 1<<20)}, nil); err != nil {
			t.Error(err)
		}
	})
}

// TestExecStreams: a writer that blocks holds the process up, and both outputs
// may share one writer.
func TestExecStreams(t *testing.T) {
	tidy(t)
	i := openExec(t, Exec{}, wall.Start{})
	r, w := io.Pipe()
	q := shell(`echo begun >&2; head -c 1000000 /dev/zero; echo ended >&2`)
	var stderr lockedBuffer
	q.Stdout, q.Stderr = w, &stderr
	p := begin(i, q)
	eventually(t, "begun", func() bool { return stderr.String() == "begun\n" })
	select {
	case <-p.ended:
		t.Fatal("ended although nobody took its output")
	default:
	}
	n, _ := io.CopyN(io.Discard, r, 1000000)
	_, err := p.wait(t)
	if n != 1000000 || err != nil || stderr.String() != "begun\nended\n" || p.Response.Exit.Stderr != "begun\nended" {
		t.Errorf("%d bytes, %v, stderr %q, last words %q", n, err, stderr.String(), p.Response.Exit.Stderr)
	}
	t.Run("shared", func(t *testing.T) {
		q := shell(`for i in 1 2 3; do echo out$i; echo err$i >&2; done`)
		var both lockedBuffer
		q.Stdout, q.Stderr = &both, &both
		if _, err := wall.Do(t.Context(), i, q, nil); err != nil || both.String() != "out1\nerr1\nout2\nerr2\nout3\nerr3\n" {
			t.Errorf("%q, %v", both.String(), err)
		}
	})
	t.Run("that fail", func(t *testing.T) {
		full := errors.New("disk full")
		q := shell(`while echo y; do :; done 2>/dev/null`)
		q.Stdout = writerFunc(func([]byte) (int, error) { return 0, full })
		if _, err := wall.Do(t.Context(), i, q, nil); ganger.OutcomeOf(err) != ganger.Failed || !errors.Is(err, full) {
			t.Errorf("ended with %v, want failed, disk full", err)
		}
	})
	t.Run("limit", func(t *testing.T) {
		i := openExec(t, Exec{Limit: 1000}, wall.Start{})
		r, err := wall.Do(t.Context(), i, shell(`head -c 100000 /dev/zero`), nil)
		if ganger.OutcomeOf(err) != ganger.Failed || !strings.Contains(err.Error(), "1000 bytes") || len(r.Stdout) != 1000 {
			t.Errorf("ended with %v and %d bytes", err, len(r.Stdout))
		}
	})
}

type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestExecEndsAlthoughDescendantHoldsTheOutputs: what it wrote before is there.
func TestExecEndsAlthoughDescendantHoldsTheOutputs(t *testing.T) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprint(keep), func(t *testing.T) {
			tidy(t)
			i := openExec(t, Exec{KeepDaemons: keep}, wall.Start{})
			q := shell(`sleep 1000 & setsid sh -c 'echo >left; exec sleep 1000' & echo $!; while [ ! -e left ]; do :; done; echo done`)
			q.Dir = t.TempDir()
			r, err := wall.Do(t.Context(), i, q, nil)
			pid, rest, _ := strings.Cut(string(r.Stdout), "\n")
			daemon, _ := strconv.Atoi(pid)
			if err != nil || rest != "done\n" {
				t.Errorf("%q, %v", r.Stdout, err)
			}
			if keep {
				if !running(daemon) {
					t.Error("the daemon was not kept")
				}
				_ = syscall.Kill(daemon, syscall.SIGKILL)
				eventually(t, "the daemon is dead", func() bool { return !running(daemon) })
			}
		})
	}
}

// TestExecWaitsOutABusyProgram: ETXTBSY passes.
func TestExecWaitsOutABusyProgram(t *testing.T) {
	tidy(t)
	b, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Skip(err)
	}
	path := t.TempDir() + "/true"
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	i := openExec(t, Exec{}, wall.Start{})
	p := begin(i, Request{Path: path})
	select {
	case <-p.ended:
		t.Errorf("ended with %v while the program was being written", p.Err)
	case <-time.After(20 * time.Millisecond):
	}
	_ = f.Close()
	if _, err := p.wait(t); err != nil {
		t.Errorf("ended with %v", err)
	}
}

// TestExecWaitsOutALackOfDescriptors, and gives up soon when it is cancelled.
func TestExecWaitsOutALackOfDescriptors(t *testing.T) {
	tidy(t)
	i := openExec(t, Exec{}, wall.Start{})
	if _, err := wall.Do(t.Context(), i, Request{Path: "true"}, nil); err != nil {
		t.Fatal(err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	starve := func(cur uint64) {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: cur, Max: limit.Max}); err != nil {
			t.Error(err)
		}
	}
	defer starve(limit.Cur)
	for _, cancel := range []bool{false, true} {
		starve(uint64(len(descriptors(t)) / 2))
		p := begin(i, Request{Path: "true"})
		select {
		case <-p.ended:
			t.Errorf("ended with %v without descriptors", p.Err)
		case <-time.After(20 * time.Millisecond):
		}
		want := ganger.Done
		if cancel {
			want = ganger.Cancelled
			i.Cancel(&p.Call, &ganger.Error{Outcome: want, Cause: ganger.CauseTask})
			<-p.ended
		}
		starve(limit.Cur)
		if p.wait(t); ganger.OutcomeOf(p.Err) != want {
			t.Errorf("ended with %v, want %v", p.Err, want)
		}
	}
}

func BenchmarkExec(b *testing.B) {
	i, err := Exec{Path: "/bin/true"}.Open(b.Context(), wall.Start{})
	if err != nil {
		b.Fatal(err)
	}
	defer i.Stop(b.Context(), ganger.LeavingStopped)
	for b.Loop() {
		if _, err := wall.Do(b.Context(), i, Request{}, nil); err != nil {
			b.Fatal(err)
		}
	}
}
