// Command floor is the smallest honest pool of processes in Go, and with that
// the floor under every real one: two children over the pipes of os/exec, each
// owned by one goroutine that keeps one task in flight, a length of four bytes
// before each message, callers that block. It supervises nothing: no deadline,
// no cancellation, no replacement; a dead child ends it.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"

	"github.com/ganger-dev/ganger/bench/load"
)

func main() {
	child := flag.Bool("child", false, "be a worker")
	n := flag.Int("n", 20000, "tasks of each measurement")
	size := flag.Int("size", load.Size, "length of a task's body in bytes; other than the default, only two callers are measured")
	flag.Parse()
	var err error
	if *child {
		err = echo(os.Stdin, os.Stdout)
	} else if *size != load.Size {
		err = measure(2, *n, *size, "floor/large")
	} else {
		err = errors.Join(
			measure(2, *n, *size, "floor/2"), measure(1, *n, *size, "floor/1"),
			window(16, 10**n), window(256, 20**n),
		)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

// measure prints the figures for so many callers.
func measure(callers, n, size int, name string) error {
	p, err := start(2)
	if err != nil {
		return err
	}
	body := make([]byte, size)
	r, err := load.Run(callers, n, func() error {
		t := &task{in: body, done: make(chan error, 1)}
		p.tasks <- t
		return <-t.done
	})
	if err := p.close(); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	r.Print(os.Stdout, name)
	return nil
}

// echo is the worker: it answers every message with itself, until its input ends.
// It writes when it would wait for more.
func echo(r io.Reader, w io.Writer) error {
	in, out := bufio.NewReader(r), bufio.NewWriter(w)
	for {
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		body, err := read(in)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := write(out, body); err != nil {
			return err
		}
	}
}

func read(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.LittleEndian.Uint32(head[:]))
	_, err := io.ReadFull(r, body)
	return body, err
}

func write(w *bufio.Writer, body []byte) error {
	var head [4]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(body)))
	w.Write(head[:]) // errors stick until Flush
	_, err := w.Write(body)
	return err
}

type task struct {
	in, out []byte
	done    chan error // room for the one answer
}

type pool struct {
	tasks   chan *task
	workers sync.WaitGroup
	errs    []error // of each worker's process; read after workers are gone
}

// start launches n workers. close ends them and waits.
func start(n int) (*pool, error) {
	p := &pool{tasks: make(chan *task), errs: make([]error, n)}
	for i := range n {
		cmd, in, out, err := child()
		if err != nil {
			return nil, err
		}
		p.workers.Go(func() {
			w, r := bufio.NewWriter(in), bufio.NewReader(out)
			for t := range p.tasks {
				err := errors.Join(write(w, t.in), w.Flush())
				if err == nil {
					t.out, err = read(r)
				}
				t.done <- err
			}
			in.Close()
			p.errs[i] = cmd.Wait()
		})
	}
	return p, nil
}

// child starts a worker and returns the ends of its pipes.
func child() (*exec.Cmd, io.WriteCloser, io.Reader, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, nil, err
	}
	cmd := exec.Command(self, "-child")
	cmd.Stderr = os.Stderr
	in, errIn := cmd.StdinPipe()
	out, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut); err != nil {
		return nil, nil, nil, err
	}
	return cmd, in, out, cmd.Start()
}

func (p *pool) close() error {
	close(p.tasks)
	p.workers.Wait()
	for _, err := range p.errs {
		if err != nil {
			return err
		}
	}
	return nil
}
