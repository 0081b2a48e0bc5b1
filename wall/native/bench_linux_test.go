package native_test

import (
	"fmt"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/process"
)

// bench opens an instance of a worker process that returns what it gets.
func bench(b *testing.B, c process.Channel, slots int) wall.Instance[[]byte, []byte] {
	b.Helper()
	i, err := wall.Speak(processes(fmt.Sprint("bytes ", slots), c), raws).Open(b.Context(), wall.Start{Name: "w"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		i.Kill(ganger.LeavingStopped)
		<-i.Gone()
	})
	return i
}

type ender struct{}

func (ender) EndCall(*wall.Call[[]byte]) {}

func BenchmarkRoundTrip(b *testing.B) {
	for _, c := range []struct {
		name    string
		channel process.Channel
		size    int
	}{
		{"pipes/64", process.Private, 64},
		{"pipes/4096", process.Private, 4 << 10},
		{"pipes/65536", process.Private, 64 << 10},
		{"pipes/1048576", process.Private, 1 << 20},
		{"pair/64", process.Pair, 64},
		{"pair/65536", process.Pair, 64 << 10},
		{"pair/1048576", process.Pair, 1 << 20},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := bench(b, c.channel, 1).(wall.Runner[[]byte, []byte])
			q := make([]byte, c.size)
			b.ReportAllocs()
			for b.Loop() {
				var c wall.Call[[]byte]
				c.End = ender{}
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
	s    wall.Instance[[]byte, []byte]
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
	w.s.Start(w.q, c)
}

func BenchmarkWindow(b *testing.B) {
	for _, slots := range []int{2, 16, 256} {
		b.Run(fmt.Sprint(slots), func(b *testing.B) {
			s := bench(b, process.Private, slots)
			b.ReportAllocs()
			b.ResetTimer()
			// Those that fill the window come first, on a goroutine of the
			// session as all others, so that nobody else touches the counts.
			w := &window{s: s, q: make([]byte, 64), left: b.N, live: 1, done: make(chan struct{})}
			first := &wall.Call[[]byte]{End: fill{w, min(slots, b.N)}}
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
