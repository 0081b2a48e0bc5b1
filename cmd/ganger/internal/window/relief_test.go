package window

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// noDisk is a disk that is full.
func noDisk(*os.File) (free, leave int64, err error) { return 0, 1 << 20, nil }

// scribe writes n bytes to p, a hundred at a time, and says that it has.
func scribe(p *Place[int], n int, done *atomic.Bool) {
	text := output(p.Task, n)
	for ; len(text) > 0; text = text[100:] {
		if _, err := p.Write(text[:100]); err != nil {
			return
		}
	}
	done.Store(true)
}

// held is what is in memory.
func (w *Window[T]) heldNow() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.held
}

// TestFullDiskBoundsMemory: where the disk takes no more, tasks that are not on
// turn wait at a bound, and the one whose turn it is does not. All that they write
// is printed in the end.
func TestFullDiskBoundsMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bytesInMemory, long = 10_000, 200_000
		w := New[int](Config{Bytes: bytesInMemory, piece: 10, reserve: noDisk})
		var out bytes.Buffer
		printed := make(chan error, 1)
		go func() { printed <- w.Run(&out) }()
		var places []*Place[int]
		var want []byte
		for i := range 3 {
			p := admit(t, w, i)
			places = append(places, p)
			want = append(want, output(i, long)...)
		}
		var done [3]atomic.Bool
		for i := 1; i < 3; i++ {
			go scribe(places[i], long, &done[i])
		}
		synctest.Wait()
		if got, most := w.heldNow(), int64(farBeyond*bytesInMemory+200); got > most || done[1].Load() || done[2].Load() {
			t.Errorf("%d bytes in memory, want at most %d; the writers are done: %v, %v", got, most, done[1].Load(), done[2].Load())
		}
		scribe(places[0], long, &done[0]) // waits for nobody
		if !done[0].Load() {
			t.Fatal("the first task could not write")
		}
		for i := range 2 {
			places[i].End(0, plain(places[i]))
			synctest.Wait() // it is printed, and it is the turn of the next
			if !done[i+1].Load() {
				t.Fatalf("task %d waits though it is its turn", i+1)
			}
		}
		places[2].End(0, plain(places[2]))
		w.Close()
		if err := <-printed; err != nil || !bytes.Equal(out.Bytes(), want) {
			t.Errorf("printed %d bytes, %v; want %d", out.Len(), err, len(want))
		}
	})
}

// TestFullDiskNeverStopsAll: where nobody's turn is known to be served, because
// there is no order or the task whose turn it is waits itself for another's end,
// one at a time goes on.
func TestFullDiskNeverStopsAll(t *testing.T) {
	for name, unordered := range map[string]bool{"unordered": true, "the first may run again": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := New[int](Config{Bytes: 10_000, piece: 10, Unordered: unordered, reserve: noDisk})
				var out bytes.Buffer
				printed := make(chan error, 1)
				go func() { printed <- w.Run(&out) }()
				first := admit(t, w, 0)
				first.Begin(false) // it may run again, and so may be waiting for that
				const others = 3
				var places [others]*Place[int]
				var done [others]atomic.Bool
				for i := range others {
					places[i] = admit(t, w, i+1)
					go scribe(places[i], 100_000, &done[i])
				}
				one := func(n int) {
					synctest.Wait()
					ended := 0
					for i, p := range places {
						if p != nil && done[i].Load() {
							ended++
							places[i] = nil
							defer p.End(0, plain(p))
						}
					}
					if ended != 1 {
						t.Fatalf("%d tasks had ended, and then %d more can; want 1", n, ended)
					}
				}
				for n := range others {
					one(n)
				}
				first.End(0, plain(first))
				w.Close()
				if err := <-printed; err != nil || out.Len() != others*100_000 {
					t.Errorf("printed %d bytes, %v; want %d", out.Len(), err, others*100_000)
				}
			})
		})
	}
}

// TestWritersThatWaitForMemoryAreWoken: by room on the disk, and by an end by force.
func TestWritersThatWaitForMemoryAreWoken(t *testing.T) {
	errGone := errors.New("gone")
	for name, wake := range map[string]func(w *Window[int], room *atomic.Bool) (done bool){
		"room on the disk": func(_ *Window[int], room *atomic.Bool) bool { room.Store(true); return true },
		"an end by force":  func(w *Window[int], _ *atomic.Bool) bool { w.Abort(errGone); return false },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var room, done atomic.Bool
				w := New[int](Config{Bytes: 10_000, piece: 10, reserve: func(f *os.File) (int64, int64, error) {
					if room.Load() {
						return wide(f)
					}
					return noDisk(f)
				}})
				printed := make(chan error, 1)
				go func() { printed <- w.Run(io.Discard) }()
				head, p := admit(t, w, 0), admit(t, w, 1)
				written := make(chan struct{})
				go func() { scribe(p, 100_000, &done); close(written) }()
				synctest.Wait()
				if done.Load() {
					t.Fatal("the writer does not wait")
				}
				want := wake(w, &room)
				woken := time.Now()
				<-written
				if waited := time.Since(woken); !want && waited > 0 || waited > time.Second {
					t.Errorf("the writer waited %v of virtual time; the disk is looked at again each second", waited)
				}
				if done.Load() != want {
					t.Errorf("all was written: %v, want %v", done.Load(), want)
				}
				head.End(0, plain(head))
				p.End(0, plain(p))
				w.Close()
				if err := <-printed; want != (err == nil) {
					t.Errorf("Run: %v", err)
				}
			})
		})
	}
}
