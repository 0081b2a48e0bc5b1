package process

import (
	"context"
	"io"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// Exec is a wall of instances that perform each request by a process of its
// own, in a group of its own. The zero Exec is ready: its requests name the
// program.
//
// A life of it is no process but a place where processes run: it dies only by
// Stop and Kill, which end what runs. Every process is ended, swept and
// guarded as a life of [Command] is.
//
// A call ends Done with status 0, Failed with any other status, Crashed when a
// signal ended the process, and Rejected with the cause start when it could not
// be executed (or input, when an argument holds a NUL byte or all are too long).
// Temporary lack of processes, memory or descriptors is waited out for a short
// time. Cancel sends TERM to the group at once and KILL after one grace. The
// [Result] stands in the call's Response whatever the outcome, as far as there
// is one.
type Exec struct {
	// Path is the program of requests that name none. If it is set, Open looks
	// it up and errs when it is not there.
	Path string
	// Dir is the working directory of requests that name none. Empty means the
	// coordinator's own.
	Dir string
	// Env is added to the inherited environment; the environment of [wall.Start]
	// and that of the request come after it.
	Env []string
	// Slots is how many processes one life may run at once. Zero means 1; with 1
	// the instance is a [wall.Runner].
	Slots int
	// Limit is how many bytes of each output are collected where the request
	// names no writer. Zero means 64 MiB. A process that writes more loses that
	// output's other end and its call ends Failed.
	Limit int
	// KeepDaemons spares descendants that left the process group.
	KeepDaemons bool
	// Limits bound what each process uses, with all its descendants. A call whose
	// process passes MemoryHard ends Crashed with the cause memory; MemorySoft has
	// no meaning here and is an error.
	Limits Limits
}

// DefaultLimit is the meaning of a zero [Exec.Limit].
const DefaultLimit = 64 << 20

// Request is one process to run. The slices are read until its call has ended.
type Request struct {
	Path string   // "": that of the wall
	Args []string // after the program's name
	Env  []string // "KEY=VALUE", beside those of the wall and the start
	Dir  string   // "": that of the wall
	// Stdin is what the process can read; nil is an empty input.
	Stdin []byte
	// Stdout and Stderr are given the outputs piece by piece, each by one
	// goroutine, and must not keep a piece. While one blocks, the process is held up
	// when its pipe is full, and its call does not end; so whoever cancels a
	// call sees to it that its writers return. After an error the output's other
	// end is closed and the call, if it would be Done, ends Failed with the error.
	// Nil collects into the Result. If both are the same value they share one
	// pipe and keep their order; such a value must be comparable.
	Stdout, Stderr io.Writer
}

// Result is what became of one process.
type Result struct {
	Stdout, Stderr []byte // what was collected
	Exit           ganger.Exit
	PID            int
}

var _ wall.Wall[wall.Instance[Request, Result]] = Exec{}

// Traits describes the wall; its Command is the program, if it is fixed.
func (e Exec) Traits() wall.Traits {
	return wall.Traits{Name: "exec", Command: e.Path, CanKill: true, OneShot: true}
}

// Open returns an instance at once; nothing is executed yet.
func (e Exec) Open(ctx context.Context, s wall.Start) (wall.Instance[Request, Result], error) {
	i, err := e.open(ctx, s)
	if err != nil {
		return nil, &wall.StartError{Worker: s.Worker(), Command: e.Path, Err: err}
	}
	return i, nil
}
