// Command repair checks a script step by step on a worker. When a step is wrong
// the worker keeps what it has, and if there is a fix for the step the check goes
// on from the last good one: on the same life, and nothing is done twice.
//
//	$ repair -fix '4=share = total / heads'
//	w0#1: 3 steps hold, 4 performed: step 4, "share = total / none": none is 0, and nothing is divided by that
//	w0#1: 6 steps hold, 3 performed, from step 4 on
//	7 steps performed
//
// What it teaches:
//
//   - What a life holds is its competence ([pool.Next].Held): here, how many steps.
//     The request of a repair is made from it, and holds the rest of the script only.
//   - A task may fail and keep its life all the same, and be followed by another
//     that is bound to it ([pool.Next].Follow and Bound): nobody else may have that
//     one, and nothing comes between.
//   - When the life goes, the repair ends too, and says why: Cancelled (holder) if
//     it had not begun, Crashed if it had. Then the program begins again from the
//     start. Try -kill before and -kill during.
//   - Who submitted a task has no ticket of what follows. Ended is told of it, and
//     [pool.Pool.Join] waits for it.
//   - Both sides are this one program, and only a value says what stands between
//     them: -wall process (the default) or -wall goroutine.
//
// The script is read from a file, a step a line; without one it is built in. The
// exit status is 0 when all steps hold in the end, 1 when one does not, 2 for a
// mistake in the arguments, and 3 when the script cannot be read.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/goroutine"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
)

// builtIn is a script whose fourth step is wrong.
const builtIn = `heads = 7
none = heads - 7
total = heads * 6 + none
share = total / none
rest = total - share
assert rest == 36
`

func main() {
	process.Main() // first: whatever ends this program, its workers end too
	if os.Getenv(native.Variable) != "" {
		serve()
	}
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// serve is the worker's side of the process wall. It does not return.
func serve() {
	native.Main(1, life(func() {
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill()
		}
		select {} // until the signal is there
	}))
}

// behind returns the wall of that name. Nothing else differs between them.
func behind(name string) (instances, error) {
	switch name {
	case "goroutine":
		return goroutine.Wall[Request, Answer]{
			Begin: func(context.Context) (goroutine.Perform[Request, Answer], error) {
				return life(func() { panic("killed") }), nil
			},
		}, nil
	case "process":
		self, err := os.Executable()
		return wall.Speak(process.Command{Path: self}, native.Dialect[Request, Answer]{
			Request: native.JSON[Request](), Response: native.JSON[Answer](),
		}), err
	}
	return nil, fmt.Errorf("-wall %s: there is goroutine and process", name)
}

const usage = `usage: repair [flags] [FILE]

The script in FILE has a step a line:

	NAME = VALUE [OP VALUE]...    from left to right; OP is one of + - * /
	assert VALUE == VALUE

A value is a number or a name. Without FILE this script is checked, the fourth step
of which is wrong:

` + builtIn + `
Flags:
`

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (status int) {
	out := &output{Writer: stdout}
	stdout = out
	defer func() {
		if out.err != nil {
			fmt.Fprintln(stderr, "repair: write the standard output:", out.err)
			status = max(status, 1)
		}
	}()
	t, last := trial{fixes: map[int]string{}}, 0 // the last step that there is a fix for
	flags := flag.NewFlagSet("repair", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // all of it is too much for every mistake
	wallName := flags.String("wall", "process", "what the worker is behind: goroutine or process")
	flags.StringVar(&t.kill, "kill", "", "kill the life that found the first error: before or during the repair")
	flags.Func("fix", "NUMBER=STEP: what a step becomes if it is wrong; may be repeated", func(text string) error {
		number, step, ok := strings.Cut(text, "=")
		n, err := strconv.Atoi(strings.TrimSpace(number))
		if !ok || err != nil || n < 1 {
			return errors.New("it must begin with the number of a step, from 1, and =")
		}
		t.fixes[n-1] = step
		last = max(last, n)
		return nil
	})
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "repair: %v; -help lists the flags\n", err)
		return 2
	}
	w, err := behind(*wallName)
	switch {
	case err != nil:
	case t.kill != "" && t.kill != "before" && t.kill != "during":
		err = fmt.Errorf("-kill %s: there is before and during", t.kill)
	case flags.NArg() > 1:
		err = fmt.Errorf("%d scripts were given; one is checked at a time", flags.NArg())
	}
	if err != nil {
		fmt.Fprintln(stderr, "repair:", err)
		return 2
	}
	script := builtIn
	if flags.NArg() == 1 {
		text, err := os.ReadFile(flags.Arg(0))
		if err != nil {
			fmt.Fprintln(stderr, "repair:", err)
			return 3
		}
		script = string(text)
	}
	for line := range strings.Lines(script) {
		t.steps = append(t.steps, strings.TrimSpace(line))
	}
	if last > len(t.steps) {
		fmt.Fprintf(stderr, "repair: -fix %d: the script has %d steps\n", last, len(t.steps))
		return 2
	}

	ran, err := check(ctx, w, t, func(j *job) { fmt.Fprintln(stdout, j) })
	fmt.Fprintln(stdout, ran, "steps performed")
	if err != nil {
		fmt.Fprintln(stderr, "repair:", err)
		return 1
	}
	return 0
}

// String tells what came of a job, for people.
func (j *job) String() string {
	a, err := j.end.Response, j.end.Err
	if a.Ran == 0 && err != nil {
		return fmt.Sprintf("the repair is lost: %v", err)
	}
	text := fmt.Sprintf("%s: %d steps hold, %d performed", j.end.Worker, a.Good, a.Ran)
	if j.repair {
		text += fmt.Sprintf(", from step %d on", a.From)
	}
	if a.Wrong != "" {
		text += fmt.Sprintf(": step %d, %q: %s", a.Good+1, j.steps[a.Good], a.Wrong)
	}
	return text
}

// output remembers the first error of a writer.
type output struct {
	io.Writer
	err error
}

func (o *output) Write(b []byte) (int, error) {
	n, err := o.Writer.Write(b)
	if o.err == nil {
		o.err = err
	}
	return n, err
}
