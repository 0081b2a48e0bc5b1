package process

import (
	"context"
	"strings"
	"syscall"
	"time"

	"github.com/ganger-dev/ganger/wall"
)

// Channel says how a life and its coordinator exchange bytes. Which is faster
// depends on the length of the bodies, which a wall does not know: choose Pair
// where most have 64 KiB or more, or 4 KiB or more with several slots, and
// Private for what is shorter, where Pair costs up to half of the rate. A pipe with
// more room than the usual 64 KiB was no faster than either.
type Channel uint8

// The channels.
const (
	// Private is two pipes on descriptors 3 (requests) and 4 (answers). The
	// standard output and error of the worker are logs, its standard input is
	// empty.
	Private Channel = iota
	// Pair is one socket pair on descriptor 3, for large bodies. The rest is as
	// with Private.
	Pair
	// Stdio sends requests to the standard input and reads answers from the
	// standard output. Only the standard error is a log.
	Stdio
)

// Command is a wall of streams: each life is a process in a process group of
// its own. Only Path is required.
type Command struct {
	// Path is the program: looked up in PATH if it holds no slash, relative to
	// Dir otherwise.
	Path string
	// Args are the arguments after the program's name.
	Args []string
	// Dir is the working directory. Empty means the coordinator's own.
	Dir string
	// Env is added to the inherited environment, "KEY=VALUE"; the environment of
	// [wall.Start] comes after it, and the last value of a key counts.
	Env []string
	// Channel is how requests and answers travel.
	Channel Channel
	// Grace is the wait on each rung of Stop. Zero means the grace of
	// [wall.Start]; a negative Grace means none.
	Grace time.Duration
	// KeepDaemons spares descendants that left the process group: they may
	// outlive the worker and the coordinator.
	KeepDaemons bool
	// Limits bound what a life uses.
	Limits Limits
}

// Signaler is implemented by the streams of [Command], for dialects whose soft
// cancel is a signal.
type Signaler interface {
	// Signal sends s to the process group of the life. It returns
	// [os.ErrProcessDone] when the life is over.
	Signal(s syscall.Signal) error
}

var _ wall.Wall[wall.Stream] = Command{}

// Traits describes the wall; its Command is the command line for people.
func (c Command) Traits() wall.Traits {
	return wall.Traits{Name: "process", Command: line(c.Path, c.Args), CanKill: true}
}

// Open starts the process and returns its stream, a [wall.Peeker], a
// [wall.Unreader], a [wall.Roomer], a [Signaler] and a [wall.Metered], as soon as the
// program was executed.
// Temporary lack of processes or descriptors is waited out for a short time.
func (c Command) Open(ctx context.Context, s wall.Start) (wall.Stream, error) {
	st, err := c.open(ctx, s)
	if err != nil {
		return nil, &wall.StartError{Worker: s.Worker(), Command: line(c.Path, c.Args), Err: err}
	}
	return st, nil
}

// line is a command line for people: quoted where a shell would need it.
func line(path string, args []string) string {
	var b strings.Builder
	b.WriteString(quoted(path))
	for _, a := range args {
		b.WriteString(" " + quoted(a))
	}
	return b.String()
}

func quoted(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\r\n\"'\\$`*?[]{}()<>|&;#~!") {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
