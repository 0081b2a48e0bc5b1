package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// reopened returns the records that an Open of the bytes finds.
func reopened(t testing.TB, content []byte) []string {
	t.Helper()
	all, err := tryReopen(content)
	if err != nil {
		t.Fatalf("open %d bytes: %v", len(content), err)
	}
	return all
}

func tryReopen(content []byte) (all []string, err error) {
	l, err := open("test.log", &disk{now: bytes.Clone(content)}, Config{Sync: -1}, func(r []byte) error {
		all = append(all, string(r))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, l.Close()
}

func begin(t testing.TB, d *disk, c Config) *Log {
	t.Helper()
	l, err := open("test.log", d, c, func([]byte) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var records = []string{"one", "", "three: " + strings.Repeat("x", 300), "\x00\x00\x00\x00", "five"}

// written is a log of the records, one sync behind each but the last two.
func written(t testing.TB) (d *disk, ends []int) {
	d = &disk{}
	l := begin(t, d, Config{Sync: -1})
	for i, r := range records {
		if err := l.Append([]byte(r)); err != nil {
			t.Fatal(err)
		}
		if i < len(records)-2 {
			if err := l.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		ends = append(ends, len(d.now))
	}
	close(l.over) // as if the program died: nothing is synced
	<-l.done
	return d, ends
}

// TestP27JournalTornAtEveryByte: a death in the midst of any write leaves every
// record whose Append had returned, and a log that takes more.
func TestP27JournalTornAtEveryByte(t *testing.T) {
	d, ends := written(t)
	for size := range len(d.now) + 1 {
		whole := 0
		for whole < len(ends) && ends[whole] <= size {
			whole++
		}
		var got []string
		again := &disk{now: bytes.Clone(d.now[:size])}
		l, err := open("test.log", again, Config{Sync: -1}, func(r []byte) error { got = append(got, string(r)); return nil })
		if err != nil {
			t.Fatalf("cut at %d: %v", size, err)
		}
		// A record may be whole although what followed it, a mark, is not.
		if len(got) < whole || !cmp.Equal(got, records[:len(got)], cmp.Transformer("nil", func(s []string) []string { return append([]string{}, s...) })) {
			t.Fatalf("cut at %d: records %q, want at least the first %d", size, got, whole)
		}
		if err := l.Append([]byte("more")); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if more := reopened(t, again.now); len(more) != len(got)+1 || more[len(got)] != "more" {
			t.Fatalf("cut at %d, then appended: %q", size, more)
		}
	}
}

// TestP27JournalPowerCut: whatever a power cut leaves of what was not synced,
// every record whose Commit had returned is there, in order.
func TestP27JournalPowerCut(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := &disk{}
		l := begin(t, d, Config{Sync: -1})
		var all []string
		safe := 0
		for i := range rapid.IntRange(0, 12).Draw(rt, "records") {
			r := fmt.Sprint(i, strings.Repeat("y", rapid.IntRange(0, 40).Draw(rt, "length")))
			all = append(all, r)
			if rapid.Bool().Draw(rt, "commit") {
				if err := l.Commit(t.Context(), []byte(r)); err != nil {
					rt.Fatal(err)
				}
				safe = len(all)
			} else if err := l.Append([]byte(r)); err != nil {
				rt.Fatal(err)
			}
		}
		close(l.over)
		<-l.done
		left := bytes.Clone(d.safe)
		rest := d.now[len(d.safe):]
		size := rapid.IntRange(0, len(rest)).Draw(rt, "left")
		left = append(left, rest[:size]...)
		for i := len(d.safe); i < len(left); i++ { // what was not synced may be zeros
			if rapid.IntRange(0, 9).Draw(rt, "zero") == 0 {
				left[i] = 0
			}
		}
		got := reopened(t, left)
		if len(got) < safe || len(got) > len(all) {
			rt.Fatalf("%d records, want at least %d of %d", len(got), safe, len(all))
		}
		for i := range got {
			if got[i] != all[i] {
				rt.Fatalf("record %d is %q, want %q", i, got[i], all[i])
			}
		}
	})
}

// TestP27JournalFailsAtEveryWrite: a write that fails, after any part of it,
// loses no record before it, and the log says so from then on.
func TestP27JournalFailsAtEveryWrite(t *testing.T) {
	for _, stuck := range []bool{false, true} {
		for fail := 1; fail < 8; fail++ {
			for partly := 0; partly < 40; partly += 3 {
				d := &disk{fail: fail, partly: partly, stuck: false}
				l, err := open("test.log", d, Config{Sync: -1}, func([]byte) error { return nil })
				if err != nil {
					if !errors.Is(err, errFull) {
						t.Fatal(err)
					}
					continue // the first line did not fit
				}
				d.stuck = stuck
				var done []string
				var failed error
				for _, r := range records {
					err := l.Commit(t.Context(), []byte(r))
					switch {
					case err == nil && failed != nil:
						t.Fatal("a broken log took a record")
					case err == nil:
						done = append(done, r)
					case failed == nil:
						failed = err
					case !errors.Is(err, errFull):
						t.Fatal(err)
					}
				}
				if err := l.Close(); failed != nil && !errors.Is(err, errFull) {
					t.Fatalf("Close of a broken log: %v", err)
				}
				got := reopened(t, d.now)
				if len(got) < len(done) || !cmp.Equal(got[:len(done)], append([]string{}, done...)) && len(done) > 0 {
					t.Fatalf("write %d failed after %d bytes: %q is left of %q", fail, partly, got, done)
				}
			}
		}
	}
}

// TestSyncThatFails: nobody is told that a record is safe, and nothing more is taken.
func TestSyncThatFails(t *testing.T) {
	d := &disk{}
	l := begin(t, d, Config{})
	d.mu.Lock()
	d.unsafe = errFull
	d.mu.Unlock()
	if err := l.Commit(t.Context(), []byte("x")); !errors.Is(err, errFull) {
		t.Errorf("Commit: %v, want %v", err, errFull)
	}
	if err := l.Append([]byte("y")); !errors.Is(err, errFull) {
		t.Errorf("Append after it: %v, want %v", err, errFull)
	}
	if err := l.Close(); !errors.Is(err, errFull) {
		t.Errorf("Close: %v, want %v", err, errFull)
	}
}

// TestDamage: what was synced and cannot be read is told, and nothing is changed;
// the same at the end, which no mark follows, is cut off.
func TestDamage(t *testing.T) {
	d, ends := written(t)
	before := bytes.Clone(d.now)
	before[len(magic)+headSize] ^= 1
	_, err := tryReopen(before)
	if damaged, ok := errors.AsType[*DamagedError](err); !ok || damaged.Offset != int64(len(magic)) {
		t.Errorf("open a log with a damaged first record: %v, want a DamagedError at %d", err, len(magic))
	}
	last := bytes.Clone(d.now)
	last[ends[len(ends)-2]+headSize] ^= 1
	if got := reopened(t, last); len(got) != len(records)-1 {
		t.Errorf("a damaged last record leaves %q", got)
	}
	if _, err := tryReopen([]byte("#!/bin/sh\nrm -rf /\n")); !errors.Is(err, ErrFormat) {
		t.Errorf("open a script: %v, want %v", err, ErrFormat)
	}
}

// TestCommitsShareASync: all that wait when a sync begins are served by it, and
// those that come meanwhile by the next.
func TestCommitsShareASync(t *testing.T) {
	d := &disk{}
	l := begin(t, d, Config{Sync: -1})
	d.syncing = make(chan struct{})
	var all sync.WaitGroup
	commit := func(n int) {
		for range n {
			all.Go(func() {
				if err := l.Commit(t.Context(), []byte("x")); err != nil {
					t.Error(err)
				}
			})
		}
	}
	commit(1)
	<-d.syncing // the first has begun
	commit(64)
	for written := 0; written < 65; {
		l.mu.Lock()
		written = int(l.end-int64(len(magic))) / (headSize + 1)
		l.mu.Unlock()
	}
	d.syncing <- struct{}{}
	<-d.syncing
	d.syncing <- struct{}{}
	all.Wait()
	if d.syncs != 3 { // with that of open
		t.Errorf("%d syncs for 65 commits, want 3", d.syncs)
	}
	close(d.syncing)
	d.syncing = nil
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// TestSyncsInTime: what nobody waits for is safe within the time, with one sync
// for all of it, and a quiet log does nothing.
func TestSyncsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{}
		l := begin(t, d, Config{Sync: time.Second})
		for range 5 {
			if err := l.Append([]byte("x")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(500*time.Millisecond + time.Nanosecond)
		synctest.Wait()
		if d.syncs != 2 {
			t.Errorf("%d syncs after a second, want 2 with that of open", d.syncs)
		}
		time.Sleep(time.Hour)
		if d.syncs != 2 {
			t.Errorf("%d syncs after a quiet hour, want 2", d.syncs)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestHeld: a second writer is refused and told who the first is; a reader is not.
func TestHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.log")
	none := func([]byte) error { return nil }
	l, err := Open(path, Config{}, none)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Append([]byte("one"), []byte("two")); err != nil {
		t.Fatal(err)
	}
	_, err = Open(path, Config{}, none)
	held, ok := errors.AsType[*HeldError](err)
	if !ok || held.PID != 0 && (held.PID != os.Getpid() || !strings.Contains(held.Command, "journal.test")) {
		t.Errorf("open a log twice: %v, want a HeldError about this process", err)
	}
	var got []string
	torn, err := Read(path, func(r []byte) error { got = append(got, string(r)); return nil })
	if diff := cmp.Diff([]string{"one", "two"}, got); err != nil || torn != 0 || diff != "" {
		t.Errorf("read meanwhile: %d bytes torn, %v (-want +got):\n%s", torn, err, diff)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Append([]byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("append after Close: %v", err)
	}
	again, err := Open(path, Config{}, none)
	if err != nil {
		t.Fatalf("open after Close: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// FuzzRead: whatever stands in a file, what is read of it is what is read after
// the repair, and the repaired log takes a record.
func FuzzRead(f *testing.F) {
	d, _ := written(f)
	f.Add(d.now)
	f.Add(d.now[:40])
	f.Add([]byte(magic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		var first []string
		fixed := &disk{now: bytes.Clone(content)}
		l, err := open("test.log", fixed, Config{Sync: -1}, func(r []byte) error { first = append(first, string(r)); return nil })
		if err != nil {
			if !bytes.Equal(fixed.now, content) {
				t.Fatalf("%v, but the file was changed", err)
			}
			return
		}
		if err := errors.Join(l.Append([]byte("last")), l.Close()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(append(first, "last"), reopened(t, fixed.now)); diff != "" {
			t.Fatalf("after the repair (-want +got):\n%s", diff)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	l, err := Open(filepath.Join(b.TempDir(), "run.log"), Config{}, func([]byte) error { return nil })
	if err != nil {
		b.Fatal(err)
	}
	record := bytes.Repeat([]byte("r"), 256)
	b.SetBytes(256)
	for b.Loop() {
		if err := l.Append(record); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
}
