package native_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
)

// piped is a life over the pipes of the operating system.
type piped struct {
	*life
	r, w *os.File
}

func (p piped) Read(b []byte) (int, error)  { return p.r.Read(b) }
func (p piped) Write(b []byte) (int, error) { return p.w.Write(b) }
func (p piped) Close() error                { return p.w.Close() }
func (p piped) Unread() (int, bool)         { return 0, false }

type farPipes struct{ r, w *os.File }

func (p farPipes) Read(b []byte) (int, error)  { return p.r.Read(b) }
func (p farPipes) Write(b []byte) (int, error) { return p.w.Write(b) }

// bench opens a session with a worker that returns what it gets, over pipes.
func bench(b *testing.B, slots int) wall.Session[[]byte, []byte] {
	b.Helper()
	toWorker, mine, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	my, fromWorker, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- native.Serve(farPipes{toWorker, fromWorker}, slots, native.Bytes(), native.Bytes(),
			func(_ context.Context, q []byte, _ wall.Host) ([]byte, error) { return q, nil })
		fromWorker.Close()
	}()
	p := piped{spawn(b, 1, func(s io.ReadWriteCloser) error { _, err := io.Copy(io.Discard, s); return err }), my, mine}
	b.Cleanup(func() {
		mine.Close()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		my.Close()
		toWorker.Close()
		p.die(ganger.LeavingStopped, true)
	})
	d := native.Dialect[[]byte, []byte]{Request: native.Bytes(), Response: native.Bytes()}
	s, err := d.Hello(b.Context(), p, wall.Start{Name: "w"})
	if err != nil {
		b.Fatal(err)
	}
	return s
}

type ender struct{ done chan struct{} }

func (e ender) EndCall(*wall.Call[[]byte]) {
	if e.done != nil {
		close(e.done)
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	for _, size := range []int{64, 4 << 10, 64 << 10, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			s := bench(b, 1).(wall.Runner[[]byte, []byte])
			q := make([]byte, size)
			b.ReportAllocs()
			for b.Loop() {
				c := wall.Call[[]byte]{End: ender{}}
				c.Begin()
				s.Run(q, &c)
				if c.Err != nil {
					b.Fatal(c.Err)
				}
			}
		})
	}
}

// window keeps a number of calls in hand: the end of one starts the next.
type window struct {
	s    wall.Session[[]byte, []byte]
	q    []byte
	left int // of the goroutine that reads, once all have begun
	live int
	done chan struct{}
}

func (w *window) EndCall(c *wall.Call[[]byte]) {
	switch {
	case c.Err != nil:
		panic(c.Err)
	case w.left > 0:
		w.left--
		w.start()
	default:
		if w.live--; w.live == 0 {
			close(w.done)
		}
	}
}

func (w *window) start() {
	c := &wall.Call[[]byte]{End: w}
	c.Begin()
	w.s.Start(w.q, c)
}

func BenchmarkWindow(b *testing.B) {
	for _, slots := range []int{2, 16, 256} {
		b.Run(fmt.Sprint(slots), func(b *testing.B) {
			s := bench(b, slots)
			b.ReportAllocs()
			b.ResetTimer()
			// Those that fill the window come first, on a goroutine of the
			// session as all others, so that nobody else touches the counts.
			w := &window{s: s, q: make([]byte, 64), left: b.N, live: 1, done: make(chan struct{})}
			first := &wall.Call[[]byte]{End: fill{w, min(slots, b.N)}}
			first.Begin()
			s.Start(w.q, first)
			<-w.done
		})
	}
}

// fill starts the window from the end of a first call.
type fill struct {
	*window
	n int
}

func (f fill) EndCall(c *wall.Call[[]byte]) {
	if c.Err != nil {
		panic(c.Err)
	}
	f.live = f.n
	f.left -= f.n
	for range f.n {
		f.start()
	}
}
