package window

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hang is how long a test waits before it says that something hangs.
const hang = 30 * time.Second

// output is what one task of a test writes.
func output(task, size int) []byte {
	b := make([]byte, 0, size)
	for i := 0; len(b) < size; i++ {
		b = fmt.Appendf(b, "%d.%d|", task, i)
	}
	return b[:size]
}

// plain is the ending of a place without anything beside its output.
func plain(p *Place[int]) Ending { return ending{place: p} }

// ending is one for tests.
type ending struct {
	place *Place[int]
	note  string
	print func(*bufio.Writer) error // nil: the output
}

func (e ending) Note() string { return e.note }

func (e ending) Print(out *bufio.Writer) error {
	if e.print != nil {
		return e.print(out)
	}
	_, err := e.place.WriteTo(out)
	return err
}

// wide is a disk with room.
func wide(*os.File) (free, leave int64, err error) { return 1 << 40, 0, nil }

// start runs w and returns what waits for its end and gives what was printed.
func start(w *Window[int]) func(t testing.TB) []byte {
	var out bytes.Buffer
	done := make(chan error, 1)
	go func() { done <- w.Run(&out) }()
	return func(t testing.TB) []byte {
		t.Helper()
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("Run: %v", err)
			}
		case <-time.After(hang):
			t.Fatal("Run does not return")
		}
		return out.Bytes()
	}
}

// TestOrderAndBoundsOfAnyHistory: whatever the sizes, attempts and order of the
// ends, every byte is printed once, in the order of the input or of the ends,
// and the window never holds more than it may.
func TestOrderAndBoundsOfAnyHistory(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cfg := Config{
			Tasks:     rapid.IntRange(1, 20).Draw(rt, "tasks"),
			Bytes:     rapid.Int64Range(1, 40_000).Draw(rt, "bytes"),
			spool:     2000,
			piece:     300,
			flow:      500,
			reserve:   wide,
			Unordered: rapid.Bool().Draw(rt, "unordered"),
			Flow:      rapid.Bool().Draw(rt, "flow"),
		}
		sizes := rapid.SliceOfN(rapid.OneOf(
			rapid.Just(0), rapid.IntRange(1, 100), rapid.IntRange(1, 4000),
		), 0, 30).Draw(rt, "sizes")
		workers := rapid.IntRange(1, 8).Draw(rt, "workers")
		seed := rapid.Uint64().Draw(rt, "seed")
		// Tasks that end when all others are in: the rest must go on, if the window
		// has room for each worker and one more.
		hung := map[int]bool{}
		if workers < cfg.Tasks && int64(workers+1)*(overhead+10+300+700) <= cfg.Bytes && len(sizes) > 0 {
			for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(sizes)-1), 0, workers-1).Draw(rt, "hung") {
				hung[i] = true
			}
		}
		all := make(chan struct{}) // closed when all are admitted

		var notes []string
		cfg.Tell = func(note string) { notes = append(notes, note) }
		w := New[int](cfg)
		wait := start(w)
		taken := make(chan *Place[int])
		var mu sync.Mutex // guards order
		var order []int
		var performers sync.WaitGroup
		for n := range workers {
			rng := rand.New(rand.NewPCG(seed, uint64(n)))
			performers.Go(func() {
				for p := range taken {
					attempts := 1 + rng.IntN(2)
					for a := range attempts {
						last := a == attempts-1
						p.Begin(last)
						text := output(p.Task, sizes[p.Task])
						if !last {
							text = []byte("of an attempt that failed")
						}
						for len(text) > 0 {
							n := min(len(text), 1+rng.IntN(700))
							if _, err := p.Write(text[:n]); err != nil {
								t.Errorf("write: %v", err)
							}
							text = text[n:]
						}
					}
					if hung[p.Task] {
						<-all
					}
					e := ending{place: p}
					if p.Task%3 == 0 {
						e.note = fmt.Sprint(p.Task)
					}
					mu.Lock()
					order = append(order, p.Task)
					p.End(0, e)
					mu.Unlock()
				}
			})
		}
		for i := range sizes {
			p, err := w.Admit(t.Context(), i, 10)
			if err != nil {
				rt.Fatalf("Admit: %v", err)
			}
			w.mu.Lock()
			places, held := w.taken, w.held
			w.mu.Unlock()
			// Each running task may have a piece and a write in memory, the one
			// whose turn it is what it may be ahead, and one is always let in.
			if most := cfg.Bytes + int64(workers)*(300+700) + 500 + overhead + 10; places > cfg.Tasks || held > max(most, overhead+10) {
				rt.Fatalf("%d places with %d bytes in memory, at most %d and %d are allowed", places, held, cfg.Tasks, most)
			}
			select {
			case taken <- p:
			case <-time.After(hang):
				rt.Fatal("nobody takes the task")
			}
		}
		close(taken)
		close(all)
		performers.Wait()
		w.Close()
		got := wait(t)
		if !cfg.Unordered {
			order = order[:0]
			for i := range sizes {
				order = append(order, i)
			}
		}
		var want []byte
		for _, i := range order {
			want = append(want, output(i, sizes[i])...)
		}
		if !bytes.Equal(got, want) {
			rt.Fatalf("printed %d bytes, want %d, or in another order", len(got), len(want))
		}
		var told []string
		for _, i := range order {
			if i%3 == 0 {
				told = append(told, fmt.Sprint(i))
			}
		}
		if !slices.Equal(notes, told) {
			rt.Fatalf("notes %v, want %v", notes, told)
		}
		if w.taken != 0 || w.held != 0 || w.filed != 0 || w.stored != 0 || w.pieces.used != 0 {
			rt.Fatalf("at the end the window holds %d places, %d bytes in memory, %d on the disk (%d), %d places there",
				w.taken, w.held, w.filed, w.pieces.used, w.stored)
		}
	})
}

// admit takes a place or fails the test.
func admit(t *testing.T, w *Window[int], task int) *Place[int] {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	p, err := w.Admit(ctx, task, 0)
	if err != nil {
		t.Fatalf("Admit: %v", err)
	}
	p.Begin(true)
	return p
}

// TestAFullWindowStallsTheInputAndNamesTheTask: when all in it run, there is
// nothing that could make room.
func TestAFullWindowStallsTheInputAndNamesTheTask(t *testing.T) {
	w := New[int](Config{Tasks: 2, Flow: true})
	wait := start(w)
	first, second := admit(t, w, 7), admit(t, w, 8)
	if task, ok := w.Stalled(); ok {
		t.Errorf("stalled for task %d while nobody waits", task)
	}
	third := make(chan *Place[int])
	go func() { third <- admit(t, w, 9) }()
	stalls(t, w, 7)
	second.End(0, plain(second)) // it goes to the disk
	p := <-third
	first.End(0, plain(first))
	p.End(0, plain(p))
	w.Close()
	wait(t)
	if _, err := w.Admit(t.Context(), 1, 0); !errors.Is(err, ErrClosed) {
		t.Errorf("Admit after Close: %v, want %v", err, ErrClosed)
	}
}

// stalls waits until the input waits for task.
func stalls(t *testing.T, w *Window[int], task int) {
	t.Helper()
	for deadline := time.Now().Add(hang); ; time.Sleep(time.Millisecond) { // bounded poll of the other goroutine
		if got, ok := w.Stalled(); ok {
			if got != task {
				t.Errorf("the input waits for task %d, want %d", got, task)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the input does not stall")
		}
	}
}

// TestAHugeOutputAtTheHeadNeedsNoMemory: what the head writes flows, with every
// byte of the budget held by others.
func TestAHugeOutputAtTheHeadNeedsNoMemory(t *testing.T) {
	w := New[int](Config{Bytes: 64 << 10, Flow: true})
	var printed countingWriter
	done := make(chan error, 1)
	go func() { done <- w.Run(&printed) }()
	head, other := admit(t, w, 0), admit(t, w, 1)
	const huge = 64 << 20
	chunk := output(0, 32<<10)
	for range 4 { // beyond the budget: the rest goes to a file
		if _, err := other.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	for range huge / len(chunk) {
		if _, err := head.Write(chunk); err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		memory := w.held
		w.mu.Unlock()
		if memory > 64<<10+flowBuffer+2*overhead {
			t.Fatalf("%d bytes in memory", memory)
		}
	}
	if len(other.pieces) == 0 {
		t.Error("the output beyond the budget is not on the disk")
	}
	other.End(0, plain(other))
	head.End(0, plain(head))
	w.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if want := int64(huge + 4*len(chunk)); printed.n != want {
		t.Errorf("%d bytes printed, want %d", printed.n, want)
	}
}

type countingWriter struct{ n int64 }

func (c *countingWriter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return len(b), nil
}

func TestWithoutRoomForFilesNothingIsLost(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()+"/does-not-exist")
	var full []error
	w := New[int](Config{Bytes: 1000, piece: 10, Full: func(err error) { full = append(full, err) }})
	wait := start(w)
	p := admit(t, w, 3)
	want := output(3, 10_000)
	for i := 0; i < len(want); i += 100 {
		if _, err := p.Write(want[i : i+100]); err != nil {
			t.Fatal(err)
		}
	}
	p.End(0, ending{print: func(out *bufio.Writer) error {
		if twice, err := io.ReadAll(p.Reader()); err != nil || !bytes.Equal(twice, want) {
			t.Errorf("Reader gives %d bytes, %v; want %d", len(twice), err, len(want))
		}
		_, err := p.WriteTo(out)
		return err
	}})
	w.Close()
	if got := wait(t); !bytes.Equal(got, want) {
		t.Errorf("printed %d bytes, want %d", len(got), len(want))
	}
	if len(full) != 1 || !errors.Is(full[0], fs.ErrNotExist) {
		t.Errorf("told %v, want once that the directory is not there", full)
	}
}

func TestFilesHaveNoName(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	w := New[int](Config{Bytes: 10, piece: 1})
	wait := start(w)
	p := admit(t, w, 0)
	for range 3 {
		if _, err := p.Write([]byte("0123456")); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.pieces) == 0 {
		t.Error("nothing is on the disk")
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
		t.Errorf("the directory holds %v, %v", names, err)
	}
	p.End(0, plain(p))
	w.Close()
	if got := string(wait(t)); got != strings.Repeat("0123456", 3) {
		t.Errorf("printed %q", got)
	}
}

// failing is a stream that takes nothing.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestABrokenStreamEndsEverybody(t *testing.T) {
	w := New[int](Config{Tasks: 1, Flow: true})
	broken := errors.New("nobody reads")
	done := make(chan error, 1)
	go func() { done <- w.Run(failing{broken}) }()
	p := admit(t, w, 0)
	admitted := make(chan error, 1)
	go func() {
		_, err := w.Admit(t.Context(), 1, 0)
		admitted <- err
	}()
	// The writer is let go, whether it waits for the printer or comes later.
	for {
		if _, err := p.Write(make([]byte, 32<<10)); err != nil {
			if !errors.Is(err, broken) {
				t.Errorf("Write: %v, want %v", err, broken)
			}
			break
		}
	}
	for name, c := range map[string]chan error{"Run": done, "Admit": admitted} {
		select {
		case err := <-c:
			if !errors.Is(err, broken) {
				t.Errorf("%s: %v, want %v", name, err, broken)
			}
		case <-time.After(hang):
			t.Errorf("%s does not return", name)
		}
	}
	p.End(0, plain(p)) // forgotten, not a panic and not a wait
}

// TestAPlaceThatBecomesTheHeadInTheMiddle: what it wrote to its file, what it
// goes on to write there while that is printed, and what follows, is in order.
func TestAPlaceThatBecomesTheHeadInTheMiddle(t *testing.T) {
	w := New[int](Config{Bytes: 4000, Flow: true, spool: 1000, piece: 200, flow: 500})
	wait := start(w)
	head, next := admit(t, w, 0), admit(t, w, 1)
	want := output(1, 400_000)
	written := make(chan struct{})
	go func() {
		defer close(written)
		for i := 0; i < len(want); i += 100 {
			if i == len(want)/4 {
				head.End(0, plain(head))
			}
			if _, err := next.Write(want[i : i+100]); err != nil {
				t.Error(err)
			}
		}
	}()
	<-written
	next.End(0, plain(next))
	w.Close()
	if got := wait(t); !bytes.Equal(got, want) {
		t.Errorf("printed %d bytes, want %d, or in another order", len(got), len(want))
	}
}
