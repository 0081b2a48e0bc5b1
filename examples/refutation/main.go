// Command refutation finds out who lies about an execution of many ticks, by
// executing a single one. It is the refutation game of optimistic rollups, small.
//
//	$ refutation -ticks 1000000 -cheat 12345
//
// Two stakers claim different ends of one execution. A referee, which knows the
// machine but has no time to run it, has them play: each move names the last state
// that both agree upon and divides what follows into 32 sections, until one tick is
// left, and that can be proved. Who tells the truth always wins.
//
//	this program --- referee, a process: the only state that counts
//	     |  blocks
//	     +--- coordinator of ann, a process --- player against bob, a process
//	     +--- coordinator of bob, a process --- player against ann, a process
//
// What it teaches:
//
//   - Authority is in one place. What the referee has heard has happened; everybody
//     else can be killed at any moment, and asks again.
//   - A coordinator is a named worker with a box for the latest request
//     ([worker.NewLatest]): blocks that come while it is busy cost one more
//     request. It remembers nothing that the next block would not tell it, so after
//     a restart it processes the next block.
//   - Players are a table of workers, named by their opponents, and one field of its
//     configuration ([worker.Config].Behind) has each live in a process: what takes
//     long is there. One whose launch failed has left no name behind, and the next
//     block launches it again: try -fail.
//   - A move says for which state of the game it was chosen, so one that arrives
//     twice, from a player that was killed and began again, is refused.
//   - All restarts are decided by [life.Policy]; the referee's is never to restart.
//
// Try -kill, which kills players and coordinators at random moves with signal 9: the
// verdict is the same.
//
// The exit status is 0 when the truth has won, 1 when it has not, 2 for a mistake in
// the arguments, 3 when the referee cannot be started or is gone, and 130 after an
// interrupt.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"time"

	"github.com/ganger-dev/ganger/examples/refutation/game"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
)

func main() {
	process.Main() // first: whatever ends this program, its workers end too
	if os.Getenv(native.Variable) != "" {
		serve(os.Args[1])
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // the second interrupt does what it does to any program
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

const usage = `usage: refutation [flags]

ann tells the truth about an execution; each -cheat adds somebody who does not.

`

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (status int) {
	out := &output{Writer: stdout}
	defer func() {
		if out.err != nil {
			fmt.Fprintln(stderr, "refutation: write the standard output:", out.err)
			status = max(status, 1)
		}
	}()
	t := trial{ticks: 1_000_000, blocks: 5000}
	flags := flag.NewFlagSet("refutation", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // all of it is too much for every mistake
	flags.Uint64Var(&t.ticks, "ticks", t.ticks, "length of the execution")
	flags.Func("cheat", "`TICK` from which on somebody lies; may be repeated (default 12345)", func(text string) error {
		tick, err := strconv.ParseUint(text, 10, 64)
		t.cheat = append(t.cheat, tick)
		if err != nil {
			return errors.New("it must be a number of ticks")
		}
		return nil
	})
	flags.DurationVar(&t.block, "block", 20*time.Millisecond, "time from one block to the next")
	flags.Uint64Var(&t.blocks, "clock", t.blocks, "blocks that each player has for all its moves of a game")
	flags.BoolVar(&t.silent, "silent", false, "those who lie say nothing after their claim, and are late")
	kill := flags.Bool("kill", false, "kill players and coordinators at random moves")
	flags.BoolVar(&t.fail, "fail", false, "have the first launch of a player fail, for each staker")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, usage)
		flags.SetOutput(out)
		flags.PrintDefaults()
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "refutation: %v; -help lists the flags\n", err)
		return 2
	}
	if t.cheat == nil {
		t.cheat = []uint64{12345}
	}
	if err := t.check(flags.Args()); err != nil {
		fmt.Fprintln(stderr, "refutation:", err)
		return 2
	}
	if *kill {
		t.kill = t.anybody()
	}
	state, kills, err := t.play(ctx, log.New(out, "", 0))
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "refutation:", context.Cause(ctx))
		return 130
	case err != nil:
		fmt.Fprintln(stderr, "refutation:", err)
		return 3
	}
	text, err := verdict(state)
	if err != nil {
		fmt.Fprintln(stderr, "refutation:", err)
		return 1
	}
	if *kill {
		text += fmt.Sprintf("; %d processes were killed", kills)
	}
	fmt.Fprintln(out, text)
	return 0
}

// check tells what is wrong with the arguments.
func (t trial) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q: there are flags only", rest[0])
	case t.ticks < 1 || t.ticks > game.MaxTicks:
		return fmt.Errorf("-ticks %d: an execution has from 1 to %d", t.ticks, uint64(game.MaxTicks))
	case t.block < time.Millisecond:
		return fmt.Errorf("-block %v: it takes a millisecond at least", t.block)
	case t.blocks < 1:
		return errors.New("-clock 0: a move takes a block at least")
	case len(t.cheat) >= len(names):
		return fmt.Errorf("%d times -cheat: at most %d can play", len(t.cheat), len(names)-1)
	}
	if i := slices.IndexFunc(t.cheat, func(k uint64) bool { return k < 1 || k > t.ticks }); i >= 0 {
		return fmt.Errorf("-cheat %d: the ticks are 1 to %d", t.cheat[i], t.ticks)
	}
	return nil
}

// anybody returns who is to be killed: somebody, at half of all moves, some at
// each moment of a move.
func (t trial) anybody() func(moment) []string {
	last := moment{}
	return func(m moment) []string {
		if m == last || rand.IntN(2) == 0 {
			return nil
		}
		last = m // blocks without a move between them are one moment
		who := []string{"player of ", "coordinator of "}[rand.IntN(2)]
		return []string{who + names[rand.IntN(len(t.cheat)+1)]}
	}
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
