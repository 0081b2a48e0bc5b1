package native

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// Variable names the environment variable that tells a worker the descriptors
// of its protocol, such as "3,4": it reads from the first and writes to the
// second, which may be the same.
const Variable = "GANGER_FD"

// ErrNoCoordinator is returned by [Stream] in a program that no coordinator
// started.
var ErrNoCoordinator = errors.New("native: " + Variable + " is not set: this worker was not started by a ganger coordinator; " +
	"run it with: ganger run --proto native -- COMMAND")

// Stream returns the worker's end of the protocol, which it finds through
// GANGER_FD. What the worker itself starts does not inherit it: the variable is
// taken out of the environment and the descriptors are closed on exec. So only
// the first call succeeds; others, and all in a program that no coordinator
// started, return [ErrNoCoordinator].
func Stream() (io.ReadWriteCloser, error) {
	value, ok := os.LookupEnv(Variable)
	if !ok {
		return nil, ErrNoCoordinator
	}
	in, out, err := parseVariable(value)
	if err != nil {
		return nil, err
	}
	if err := os.Unsetenv(Variable); err != nil {
		return nil, fmt.Errorf("native: unset %s: %w", Variable, err)
	}
	r, err := open(in)
	if err != nil {
		return nil, err
	}
	if in == out {
		return r, nil
	}
	w, err := open(out)
	if err != nil {
		return nil, err
	}
	return pipes{r, w}, nil
}

func parseVariable(value string) (in, out uintptr, err error) {
	first, second, ok := strings.Cut(value, ",")
	a, errA := strconv.ParseUint(first, 10, 31)
	b, errB := strconv.ParseUint(second, 10, 31)
	if !ok || errA != nil || errB != nil {
		return 0, 0, fmt.Errorf("native: %s=%q is not two descriptors such as 3,4", Variable, value)
	}
	return uintptr(a), uintptr(b), nil
}

// open takes a descriptor that the coordinator gave.
func open(fd uintptr) (*os.File, error) {
	if err := closeOnExec(fd); err != nil {
		return nil, fmt.Errorf("native: %s names descriptor %d: %w", Variable, fd, err)
	}
	return os.NewFile(fd, "ganger"), nil
}

// pipes are two descriptors as one stream.
type pipes struct{ r, w *os.File }

func (p pipes) Read(b []byte) (int, error)  { return p.r.Read(b) }
func (p pipes) Write(b []byte) (int, error) { return p.w.Write(b) }
func (p pipes) Close() error                { return errors.Join(p.w.Close(), p.r.Close()) }
