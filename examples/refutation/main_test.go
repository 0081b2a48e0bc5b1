//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger/examples/refutation/referee"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
)

// TestMain makes the test binary what the program is: in all its roles.
func TestMain(m *testing.M) {
	process.Main()
	_ = os.Setenv("GORACE", "atexit_sleep_ms=0") // for the processes: they inherit it
	if os.Getenv(native.Variable) != "" {
		serve(os.Args[1])
	}
	os.Exit(m.Run())
}

// quick is a trial of few ticks: at most five moves.
func quick() trial {
	return trial{ticks: 2000, cheat: []uint64{777}, block: 2 * time.Millisecond, blocks: 50_000}
}

// plays plays a trial that bob, who lies from tick 777 on, must lose, and nobody
// else. It returns what was shown.
func plays(t *testing.T, tr trial, why string) (shown string, kills int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	s, kills, err := tr.play(ctx, log.New(&out, "", 0))
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if _, err := verdict(s); err != nil {
		t.Errorf("%v\n%s", err, &out)
	}
	if len(s.Games) != 1 || s.Games[0].Result == nil {
		t.Fatalf("the games are %+v\n%s", s.Games, &out)
	}
	if r := *s.Games[0].Result; r.Draw || r.Loser != "bob" || !strings.Contains(r.Why, why) {
		t.Errorf("the verdict is %+v, want that bob loses for: %s\n%s", r, why, &out)
	}
	return out.String(), kills
}

// somebody are those who can be killed, and moments when.
var (
	somebody = []string{"player of ann", "player of bob", "coordinator of ann", "coordinator of bob"}
	moments  = []string{"before", "after", "block"}
)

// TestW40KillAnybodyAtAnyMove kills a player or a coordinator with signal 9 at a
// move: one kill in each run, so that nothing that it leaves behind is mended by the
// next. The verdict is the same. Under the tag soak each move has all its moments.
func TestW40KillAnybodyAtAnyMove(t *testing.T) {
	for moves := range 5 {
		for i, who := range somebody {
			for j, when := range moments {
				if !soak && j != (moves+i)%len(moments) {
					continue
				}
				t.Run(fmt.Sprintf("%s move %d, the %s", when, moves, who), func(t *testing.T) {
					t.Parallel()
					tr, came := quick(), false
					tr.kill = func(m moment) []string {
						if came || m.when != when || m.moves < moves {
							return nil
						}
						came = true
						return []string{who}
					}
					shown, kills := plays(t, tr, "tick 777 leads to")
					// The last move is not always made, and there may be several
					// between two blocks.
					if came != (kills == 1) || !came && moves < 4 && when != "block" {
						t.Errorf("the moment came: %t, and %d were killed\n%s", came, kills, shown)
					}
				})
			}
		}
	}
}

// TestW40KillEverybody kills everybody but the referee at every moment of every move.
func TestW40KillEverybody(t *testing.T) {
	tr, seen := quick(), map[moment]bool{}
	tr.kill = func(m moment) []string {
		if seen[m] {
			return nil
		}
		seen[m] = true
		return somebody
	}
	if shown, kills := plays(t, tr, "tick 777 leads to"); kills < 12 {
		t.Errorf("only %d were killed\n%s", kills, shown)
	}
}

// TestW41LaunchFails: the first launch of each player fails, and leaves nothing
// behind; at the next head there is a player.
func TestW41LaunchFails(t *testing.T) {
	tr := quick()
	tr.fail = true
	shown, _ := plays(t, tr, "tick 777 leads to")
	for name, opponent := range map[string]string{"ann": "bob", "bob": "ann"} {
		failed := fmt.Sprintf("  (%s: no player against %s, until the next block: rejected (start) on %s#1: this launch was told to fail)\n", name, opponent, opponent)
		i, j := strings.Index(shown, failed), strings.Index(shown, ": "+name+" against "+opponent)
		if i < 0 || j < i {
			t.Errorf("the launch of %s's player failed at %d of what was shown, and it moved at %d:\n%s", name, i, j, shown)
		}
	}
}

// TestW39SilentCheater: bob claims, and does nothing after that. His time runs out, and
// ann complains.
func TestW39SilentCheater(t *testing.T) {
	tr := quick()
	tr.silent, tr.blocks, tr.block = true, 400, 5*time.Millisecond
	if shown, _ := plays(t, tr, "its time is up"); !strings.Contains(shown, "ann complains that bob is late") {
		t.Errorf("nobody complained:\n%s", shown)
	}
}

// TestRefereeGone: nothing can stand for the only state that counts, so the run ends,
// and says why.
func TestRefereeGone(t *testing.T) {
	tr := quick()
	tr.kill = func(m moment) []string {
		if m != (moment{"after", 1}) {
			return nil
		}
		return []string{"referee"}
	}
	var out bytes.Buffer
	_, _, err := tr.play(t.Context(), log.New(&out, "", 0))
	if err == nil || !strings.Contains(err.Error(), "the referee is gone, and with it what was agreed: signal 9 (SIGKILL)") {
		t.Errorf("%v\n%s", err, &out)
	}
}

// TestInterrupt: the program ends when it is told to.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	var out, errs bytes.Buffer
	told := writer(func(b []byte) (int, error) {
		if strings.Contains(string(b), "refutes the claim") {
			cancel(errors.New("interrupt"))
		}
		return out.Write(b)
	})
	// So many ticks that it would take long.
	if status := run(ctx, []string{"-ticks", "20000000", "-cheat", "1"}, told, &errs); status != 130 || errs.String() != "refutation: interrupt\n" {
		t.Errorf("exit status %d, %q\n%s", status, &errs, &out)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(b []byte) (int, error) { return w(b) }

// chain is a host whose blocks come as fast as they are asked for, 100 of them, while
// whoever asks for the state itself has to wait until they are all there.
type chain struct {
	all    chan struct{} // closed when there are 100
	looked atomic.Int64
}

func (*chain) Feedback([]byte) {}

func (c *chain) Ask(ctx context.Context, question []byte) ([]byte, error) {
	var q Question
	if err := json.Unmarshal(question, &q); err != nil {
		return nil, err
	}
	s := referee.New(referee.Rules{})
	s.Claims["ann"] = referee.Claim{}
	switch {
	case q.After == 0 && c.looked.Add(1) == 1: // the first head
		s.Level = 1
	case q.After == 0:
		<-c.all
	case q.After < 100:
		s.Level = q.After + 1
	default:
		close(c.all)
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	return json.Marshal(s)
}

// TestHeadsAreFaster: all the heads that come while one is processed cost one more.
func TestHeadsAreFaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &chain{all: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		var coordinating sync.WaitGroup
		coordinating.Go(func() { _, _ = coordinate(ctx, Order{Staker: Staker{Name: "ann", Ticks: 5}}, c) })
		synctest.Wait()
		if n := c.looked.Load(); n > 3 {
			t.Errorf("the coordinator asked %d times: want once for the first head, and at most twice for 100 of them what there is", n)
		}
		cancel()
		coordinating.Wait()
	})
}

// TestEachSpeaksForItself: nobody can move for somebody else.
func TestEachSpeaksForItself(t *testing.T) {
	question, err := json.Marshal(Question{Event: &referee.Event{By: "bob", Against: "ann", Open: true}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (host{&node{}, "ann"}).Ask(t.Context(), question); err == nil || err.Error() != "ann speaks for itself only" {
		t.Errorf("ann spoke for bob: %v", err)
	}
}

// TestNothingIsDoneTwice: blocks come faster than moves are made, and yet each move is
// made once, and nothing is refused.
func TestNothingIsDoneTwice(t *testing.T) {
	tr := quick()
	tr.block = time.Millisecond
	for range 3 {
		if shown, _ := plays(t, tr, "tick 777 leads to"); strings.Contains(shown, "  (") {
			t.Errorf("somebody complained:\n%s", shown)
		}
	}
}

// TestRun runs the program as people do.
func TestRun(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"as it is", nil, []string{"bob lies: it counts 1 too many from tick 12345 on", "bob loses against ann: tick 12345 leads to ", "\nann told the truth and has a stake of 150\n"}},
		{"one tick", []string{"-ticks", "1", "-cheat", "1"}, []string{"bob loses against ann: tick 1 leads to "}},
		{"the last tick", []string{"-ticks", "1000", "-cheat", "1000"}, []string{"bob loses against ann: tick 1000 leads to "}},
		{"killing", []string{"-kill"}, []string{"bob loses against ann: tick 12345 leads to ", "\nann told the truth and has a stake of 150; "}},
		{"three cheaters", []string{"-cheat", "5", "-cheat", "999", "-cheat", "100000"}, []string{"cid lies: it adds fuel at tick 999\ndan lies: it stops at tick 100000\n", "\nann told the truth and has a stake of "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if status := run(t.Context(), append(tt.args, "-block=3ms"), &out, &errs); status != 0 || errs.Len() > 0 {
				t.Errorf("exit status %d, said %s", status, &errs)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("printed\n%swithout %q", &out, want)
				}
			}
		})
	}
}

func TestAFullDiskIsTold(t *testing.T) {
	var errs bytes.Buffer
	full := writer(func([]byte) (int, error) { return 0, syscall.ENOSPC })
	status := run(t.Context(), []string{"-help"}, full, &errs)
	if want := "refutation: write the standard output: no space left on device\n"; status != 1 || errs.String() != want {
		t.Errorf("exit status %d and %q; want 1 and %q", status, &errs, want)
	}
}

// TestHelp is a result, not a complaint.
func TestHelp(t *testing.T) {
	var out, errs bytes.Buffer
	status := run(t.Context(), []string{"-help"}, &out, &errs)
	if got := out.String(); status != 0 || !strings.Contains(got, "-cheat TICK") || errs.Len() > 0 {
		t.Errorf("exit status %d, printed %q and %q", status, got, &errs)
	}
}

func TestUsage(t *testing.T) {
	tests := []struct {
		name, want string
		args       []string
	}{
		{"flag", "flag provided but not defined: -j; -help lists the flags", []string{"-j", "3"}},
		{"argument", `refutation: "12": there are flags only`, []string{"12"}},
		{"no ticks", "refutation: -ticks 0: an execution has from 1 to 4611686018427387904", []string{"-ticks", "0"}},
		{"no number", `invalid value "x" for flag -cheat: it must be a number of ticks`, []string{"-cheat", "x"}},
		{"tick 0", "refutation: -cheat 0: the ticks are 1 to 1000000", []string{"-cheat", "0"}},
		{"past the end", "refutation: -cheat 12345: the ticks are 1 to 100", []string{"-ticks", "100"}},
		{"too many", "refutation: 5 times -cheat: at most 4 can play", []string{"-cheat", "1", "-cheat", "2", "-cheat", "3", "-cheat", "4", "-cheat", "5"}},
		{"no clock", "refutation: -clock 0: a move takes a block at least", []string{"-clock", "0"}},
		{"no time", "refutation: -block 0s: it takes a millisecond at least", []string{"-block", "0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			status := run(t.Context(), tt.args, &out, &errs)
			if status != 2 || out.Len() > 0 || !strings.Contains(errs.String(), tt.want) {
				t.Errorf("exit status %d, printed %q and %q; want 2, %q", status, &out, &errs, tt.want)
			}
		})
	}
}
