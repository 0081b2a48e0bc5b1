package walltest

import (
	"bytes"
	"io"
	"sync"
)

// conduit is one direction of a stream in memory: it holds a number of bytes,
// as a pipe does. Its waits are on a sync.Cond, which virtual time understands.
type conduit struct {
	room int

	mu      sync.Mutex // guards what follows
	changed sync.Cond
	held    bytes.Buffer
	noMore  bool // the writer closed, or died: what is held can still be read
	broken  bool // the reader is gone: writes fail
}

func newConduit(room int) *conduit {
	c := &conduit{room: room}
	c.changed.L = &c.mu
	return c
}

func (c *conduit) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.held.Len() == 0 && !c.noMore && !c.broken {
		c.changed.Wait()
	}
	if c.broken || c.held.Len() == 0 {
		return 0, io.EOF
	}
	defer c.changed.Broadcast()
	return c.held.Read(p)
}

func (c *conduit) Write(p []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(p) > 0 {
		for c.held.Len() >= c.room && !c.noMore && !c.broken {
			c.changed.Wait()
		}
		if c.noMore || c.broken {
			return n, io.ErrClosedPipe
		}
		part := p[:min(len(p), c.room-c.held.Len())]
		c.held.Write(part)
		n, p = n+len(part), p[len(part):]
		c.changed.Broadcast()
	}
	return n, nil
}

// end ends the writing.
func (c *conduit) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noMore = true
	c.changed.Broadcast()
}

// leave ends the reading.
func (c *conduit) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = true
	c.changed.Broadcast()
}

// waiting is the number of bytes that are held.
func (c *conduit) waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held.Len()
}
