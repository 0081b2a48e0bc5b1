package window

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// TestP12AnyNumberWaitsBehindOneTask: while the first task hangs the input goes
// on, however many end behind it and however much they print; memory holds as
// much as it may, the disk the rest, and everything is printed in its order.
func TestP12AnyNumberWaitsBehindOneTask(t *testing.T) {
	const tasks, bytesAllowed = 20_000, 100 << 10
	var out bytes.Buffer
	var notes, want []string
	w := New[int](Config{Tasks: 100, Bytes: bytesAllowed, reserve: wide, Tell: func(note string) { notes = append(notes, note) }})
	done := make(chan error, 1)
	go func() { done <- w.Run(&out) }()
	var text bytes.Buffer
	hung := admit(t, w, 0)
	for i := 1; i < tasks; i++ {
		p := admit(t, w, i)
		b := output(i, i%200)
		if i%5_000 == 0 {
			b = output(i, 2<<20) // more than is read at once, and in pieces
		}
		_, _ = p.Write(b)
		text.Write(b)
		e := ending{place: p}
		if i%1000 == 0 {
			e.note = fmt.Sprintf("note %d at %d", i, text.Len())
			want = append(want, e.note)
		}
		w.mu.Lock()
		taken, held := w.taken, w.held
		w.mu.Unlock()
		if taken > 100 || held > 2*bytesAllowed {
			t.Fatalf("%d places hold %d bytes in memory", taken, held)
		}
		p.End(0, e)
	}
	if n := w.Stored(); n < tasks-101 {
		t.Errorf("%d places are on the disk, want nearly all of %d", n, tasks)
	}
	hung.End(0, plain(hung))
	w.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), text.Bytes()) {
		t.Errorf("%d bytes were printed, want %d, or in another order", out.Len(), text.Len())
	}
	if fmt.Sprint(notes) != fmt.Sprint(want) {
		t.Errorf("notes %q, want %q", notes, want)
	}
}

// TestTheStoreIsUsedAgain: one task after another hangs.
func TestTheStoreIsUsedAgain(t *testing.T) {
	w := New[int](Config{Tasks: 10, reserve: wide})
	wait := start(w)
	var want []byte
	for round := range 20 {
		hung := admit(t, w, 0)
		want = append(want, output(round, 50)...)
		for i := range 100 {
			p := admit(t, w, i)
			_, _ = p.Write(output(i, 10))
			want = append(want, output(i, 10)...)
			p.End(0, plain(p))
		}
		_, _ = hung.Write(output(round, 50))
		hung.End(0, plain(hung))
	}
	w.Close()
	if got := wait(t); !bytes.Equal(got, want) {
		t.Errorf("printed %d bytes, want %d, or in another order", len(got), len(want))
	}
}

// TestAFullDiskStallsTheInput: it is told once, nothing is lost, and when there
// is room again the input goes on.
func TestAFullDiskStallsTheInput(t *testing.T) {
	var full atomic.Bool
	var told atomic.Int32
	full.Store(true)
	w := New[int](Config{
		Tasks: 10, retry: time.Millisecond,
		reserve: func(*os.File) (free, leave int64, err error) {
			if full.Load() {
				return 100, 101, nil
			}
			return 1 << 40, 101, nil
		},
		Full: func(err error) {
			if !errors.Is(err, errNoRoom) {
				t.Errorf("told %v, want %v", err, errNoRoom)
			}
			told.Add(1)
		},
	})
	wait := start(w)
	hung := admit(t, w, 0)
	rest := make(chan struct{})
	go func() {
		defer close(rest)
		for i := 1; i < 100; i++ {
			p := admit(t, w, i)
			_, _ = p.Write(output(i, 10))
			p.End(0, plain(p))
		}
	}()
	stalls(t, w, 0)
	select {
	case <-rest:
		t.Fatal("the input goes on though the disk is full")
	case <-time.After(20 * time.Millisecond): // many tries
	}
	full.Store(false)
	<-rest
	hung.End(0, plain(hung))
	w.Close()
	var want []byte
	for i := 1; i < 100; i++ {
		want = append(want, output(i, 10)...)
	}
	if got := wait(t); !bytes.Equal(got, want) {
		t.Errorf("printed %q, want %q", got, want)
	}
	if told.Load() != 1 {
		t.Errorf("told %d times, want once", told.Load())
	}
}

// TestAnEndingThatCannotBeStoredStays: it is printed from memory in its turn,
// with what was to be stored beside it.
func TestAnEndingThatCannotBeStoredStays(t *testing.T) {
	w := New[int](Config{Tasks: 4, retry: time.Millisecond, reserve: wide})
	wait := start(w)
	hung := admit(t, w, 0)
	failed := make(chan struct{}, 1)
	for i := 1; i < 4; i++ {
		p := admit(t, w, i)
		_, _ = p.Write(output(i, 10))
		p.End(0, ending{print: func(out *bufio.Writer) error {
			if _, err := p.WriteTo(out); err != nil || i < 2 {
				return err
			}
			select {
			case failed <- struct{}{}:
				return errors.New("not now")
			default:
				return nil
			}
		}})
	}
	p := admit(t, w, 4)
	p.End(0, plain(p))
	hung.End(0, plain(hung))
	w.Close()
	if got, want := string(wait(t)), "1.0|1.1|1.2.0|2.1|2.3.0|3.1|3."; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}

// blocking is a stream whose reader has stopped to read.
type blocking struct{ gate chan struct{} }

func (b blocking) Write(p []byte) (int, error) {
	<-b.gate
	return len(p), nil
}

// TestASlowStreamStallsTheInput: nothing goes to the disk for it.
func TestASlowStreamStallsTheInput(t *testing.T) {
	w := New[int](Config{Tasks: 10, reserve: wide})
	gate := make(chan struct{})
	done := make(chan error, 1)
	go func() { done <- w.Run(blocking{gate}) }()
	rest := make(chan struct{})
	go func() {
		defer close(rest)
		for i := range 100 {
			p := admit(t, w, i)
			_, _ = p.Write(output(i, 100<<10))
			p.End(0, plain(p))
		}
	}()
	for deadline := time.Now().Add(hang); ; time.Sleep(time.Millisecond) { // bounded poll of the other goroutine
		w.mu.Lock()
		stalled := w.stalled
		w.mu.Unlock()
		if stalled {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the input does not stall")
		}
	}
	select {
	case <-rest:
		t.Error("the input goes on though nobody reads the output")
	case <-time.After(20 * time.Millisecond):
	}
	if n := w.Stored(); n != 0 {
		t.Errorf("%d places went to the disk", n)
	}
	close(gate)
	<-rest
	w.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestPiecesAreGivenBack: an output's pieces take no room once they are printed.
func TestPiecesAreGivenBack(t *testing.T) {
	f := &pieces{keep: &keeper{reserve: wide}}
	var all []piece
	for i := range 5 {
		b := output(i, 100_000)
		at, err := f.write(b)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, piece{at, int64(len(b))})
	}
	got, err := io.ReadAll(f.reader([]piece{all[3], all[1]}))
	if err != nil || !bytes.Equal(got, append(output(3, 100_000), output(1, 100_000)...)) {
		t.Errorf("read %d bytes, %v; want two pieces of 100,000", len(got), err)
	}
	before := blocks(t, f.file)
	f.free(all[:4])
	if after := blocks(t, f.file); before > 0 && after > before/3 {
		t.Errorf("with one piece of five the file takes %d blocks, %d before", after, before)
	}
	f.free(all[4:])
	if at, err := f.write([]byte("x")); err != nil || at != 0 {
		t.Errorf("the first piece of an empty file is at %d, %v; want 0", at, err)
	}
	f.close()
}
