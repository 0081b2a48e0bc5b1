// Command parsolve proves propositional goals in parallel, one goal a worker, as
// the par: of a proof assistant does. The first goal that cannot be proved cancels
// the others at once, and it is its error that is reported.
//
//	$ parsolve -j 2 -given 'rain -> wet' 'rain -> wet | dry' '!wet -> !rain' pigeons:4
//	goal 1: solved in 5 cases
//	goal 2: solved in 5 cases
//	goal 3: solved in 1045 cases
//	lives that were sent the state: 2
//
// What it teaches:
//
//   - Workers are persistent. Only a fresh life is sent all that is given and all
//     goals ([pool.Held].Warm); later requests carry the number of a goal and the
//     tactic. A life that dies takes its state along, and its successor, which is
//     fresh, is sent everything again, without a line of code for that case.
//
//   - The pool lives as long as the invocation ([pool.With]), the goals stand or
//     fall together ([pool.Group]), and a goal is solved completely or left
//     untouched: Use refuses an answer that leaves cases open.
//
//   - A death is never "no progress". Try -kill 1, which kills the worker in the
//     midst of goal 1: the goal runs again and all is well; with -deaths 1 it may
//     not, and the death is the error.
//
//   - Both sides are this one program, and only a value says what stands between
//     them: -wall process (the default) or -wall goroutine.
//
//   - An interrupt only ends the context. Workers are asked to give up, and the
//     program says what it has; a second interrupt ends it at once, workers too.
//
// The exit status is 0 when all goals are solved, 1 when one is not, 2 for a
// mistake in the arguments, and 130 after an interrupt.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/goroutine"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
)

func main() {
	process.Main() // first: whatever ends this program, its workers end too
	if os.Getenv(native.Variable) != "" {
		serve()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // the second interrupt does what it does to any program
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
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

const usage = `usage: parsolve [flags] [GOAL ...]

A goal is a formula of atoms, !, &, |, -> and parentheses, or pigeons:N, which
says that of N+1 pigeons in N holes two share one; it is slow for N of 5 and more,
and hopeless for 8. Without goals some are built in.

`

// builtIn are the goals when none are given.
var builtIn = []string{
	"p | !p",
	"((p -> q) -> p) -> p",
	"!(p & q) -> !p | !q",
	"pigeons:4",
	"(p -> q) & (q -> r) -> p -> r",
	"pigeons:3",
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (status int) {
	out := &output{Writer: stdout}
	stdout = out
	defer func() {
		if out.err != nil {
			fmt.Fprintln(stderr, "parsolve: write the standard output:", out.err)
			status = max(status, 1)
		}
	}()
	t := trial{Tactic: Tactic{Depth: -1}}
	flags := flag.NewFlagSet("parsolve", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // all of it is too much for every mistake
	wallName := flags.String("wall", "process", "what workers are behind: goroutine or process")
	flags.IntVar(&t.workers, "j", 0, "number of workers; 0 is one for each processor")
	flags.IntVar(&t.deaths, "deaths", 2, "lives that may end under one goal")
	flags.IntVar(&t.Depth, "depth", -1, "split cases on so many atoms, one after the other; -1 is all")
	flags.IntVar(&t.kill, "kill", 0, "kill the first worker that has this goal, in the midst of it; 0 is none")
	flags.Func("given", "formula that all goals may assume; may be repeated", func(text string) error {
		t.Given = append(t.Given, text)
		_, err := parse(text)
		return err
	})
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "parsolve: %v; -help lists the flags\n", err)
		return 2
	}
	w, err := behind(*wallName)
	if err == nil {
		t.Goals, err = expand(flags.Args())
	}
	switch {
	case err != nil:
	case t.workers < 0:
		err = fmt.Errorf("-j %d: it must not be negative", t.workers)
	case t.deaths < 1:
		err = fmt.Errorf("-deaths %d: it must be 1 at least; with 1 a goal never runs again", t.deaths)
	case t.kill < 0 || t.kill > len(t.Goals):
		err = fmt.Errorf("-kill %d: the goals are 1 to %d", t.kill, len(t.Goals))
	}
	if err != nil {
		fmt.Fprintln(stderr, "parsolve:", err)
		return 2
	}
	t.kill-- // people count from 1

	r, err := par(ctx, w, t)
	for goal, a := range r.solved {
		if a == nil {
			fmt.Fprintf(stdout, "goal %d: untouched\n", goal+1)
			continue
		}
		fmt.Fprintf(stdout, "goal %d: solved in %d cases\n", goal+1, a.Cases)
	}
	fmt.Fprintf(stdout, "lives that were sent the state: %d\n", r.sent)
	if err != nil {
		fmt.Fprintln(stderr, "parsolve:", err)
	}
	switch {
	case ctx.Err() != nil:
		return 130
	case err != nil:
		return 1
	}
	return 0
}

// expand returns the goals that the arguments stand for.
func expand(args []string) ([]string, error) {
	if len(args) == 0 {
		args = builtIn
	}
	var goals []string
	for _, goal := range args {
		if strings.HasPrefix(goal, "-") {
			return nil, fmt.Errorf("%s: flags stand before the first goal", goal)
		}
		if count, ok := strings.CutPrefix(goal, "pigeons:"); ok {
			n, err := strconv.Atoi(count)
			if err != nil || n < 1 || n > 50 {
				return nil, fmt.Errorf("%s: the number of holes must be from 1 to 50", goal)
			}
			goal = pigeons(n)
		}
		if _, err := parse(goal); err != nil { // better said here than by a worker
			return nil, err
		}
		goals = append(goals, goal)
	}
	return goals, nil
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
