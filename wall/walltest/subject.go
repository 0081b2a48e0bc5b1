package walltest

import (
	"cmp"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// Subject is a wall with a scripted worker behind it. Wall is required; a
// fault that is not listed is one that the wall cannot suffer.
type Subject struct {
	Name string
	// Wall returns a wall of workers that perform scripts ([Worker.Perform]), as
	// many at once as slots says. at is a script that each performs at its start,
	// before it says that it is ready; empty for none.
	Wall func(slots int, at string) wall.Wall[wall.Instance[string, string]]
	// Slots is the greatest number of slots to be tested. Zero means 1.
	Slots int
	// Deaths are scripts that end the life, each with the cause that its call
	// must tell. Half a response and then the end is one of them.
	Deaths map[string]ganger.Cause
	// Breaks are scripts that break the protocol: their calls end with the cause
	// protocol and the life is killed.
	Breaks []string
	// Early are bytes that no worker may send without a request in hand; empty if
	// it has no such channel.
	Early string
	// BadStarts are scripts that keep a life from becoming ready.
	BadStarts []string
	// Kill ends a life as a stranger would, such as by a signal; nil: nobody can.
	// Killed is the leaving reason then.
	Kill   func(l wall.Life)
	Killed ganger.Leaving
	// Deaf is the leaving reason of a life that was ended for a call that did
	// not obey. Empty means cancelled.
	Deaf ganger.Leaving

	Soft   bool // a call can be asked to end without its life being ended
	Speaks bool // feedback crosses
	Asks   bool // questions cross
	Panics bool // a panic is told with its message
	Fails  bool // the worker's errors cross
	Prints bool // the worker has a standard output beside the protocol
	Bubble bool // works in virtual time
	Loops  int  // how often a race is run. Zero means 500; with fewer not every pair of faults is tried
}

// Run runs every row of the suite on s, each as a subtest.
func Run(t *testing.T, s Subject) {
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) { s.run(t, row.run) })
	}
}

// row is one promise of the wall package.
type row struct {
	name string
	run  func(t *testing.T, s Subject)
}

// rows are all of them. Names that begin with a letter and a number are rows of
// docs/rows.md.
var rows = []row{
	{"Answers", answers},
	{"FailureIsTheWorkersWord", failures},
	{"T17SoftCancel", softCancel},
	{"T18DeafIsEndedAfterTheGrace", deafCancel},
	{"T18TimedOut", timedOut},
	{"T19LateCancel", lateCancel},
	{"T15CancelBeforeTheStart", earlyCancel},
	{"CancelRacesWithTheStart", racingCancel},
	{"T20DiesWhileBusy", deaths},
	{"T20KilledWhileBusy", killedBusy},
	{"T21KilledWhileIdle", killedIdle},
	{"T22KilledAtTheSend", killedAtSend},
	{"T24Panics", panics},
	{"T27BreaksTheProtocol", breaks},
	{"T27SpeaksUnasked", unasked},
	{"T28StrayPrint", prints},
	{"T29FeedbackInOrder", feedback},
	{"T31FeedbackBeforeTheDeath", lastFeedback},
	{"BadStarts", badStarts},
	{"SlotsAreHeldAtOnce", slots},
	{"NeighboursOfADeafOne", neighbours},
	{"EndMayStartTheNext", chains},
	{"StopWhileBusy", stopBusy},
	{"PairsOfFaults", pairs},
}

// run runs f in virtual time if the subject can, and looks for what it left.
func (s Subject) run(t *testing.T, f func(*testing.T, Subject)) {
	t.Helper()
	if s.Bubble {
		synctest.Test(t, func(t *testing.T) { // finds goroutines that are left, too
			f(t, s)
			time.Sleep(time.Minute) // what was deaf and could not be killed comes to itself
		})
		return
	}
	// What a wall keeps for good is there after its first life.
	s.open(t, 1).close()
	before := goleak.IgnoreCurrent()
	f(t, s)
	if err := goleak.Find(before); err != nil {
		t.Errorf("goroutines are left: %v", err)
	}
}

// grace is short on real clocks, where it is waited for.
func (s Subject) grace() time.Duration {
	if s.Bubble {
		return time.Second
	}
	return 100 * time.Millisecond
}

// full is how often a race is run where that is cheap.
const full = 500

func (s Subject) loops() int { return cmp.Or(s.Loops, full) }

// patience is a context that ends when something hangs.
func patience() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), Patience)
}

// opened is a life under test.
type opened struct {
	wall.Instance[string, string]
	t *testing.T
}

// open opens a life.
func (s Subject) open(t *testing.T, slots int) opened {
	t.Helper()
	return s.openFor(t, slots, s.grace())
}

// openFor opens a life whose calls have that grace.
func (s Subject) openFor(t *testing.T, slots int, grace time.Duration) opened {
	t.Helper()
	ctx, cancel := patience()
	defer cancel()
	i, err := s.Wall(slots, "").Open(ctx, wall.Start{Name: "w", Incarnation: 7, Grace: grace})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	if i.Slots() < slots || i.Exit() != (ganger.Exit{}) {
		t.Errorf("a new life has %d slots and exit %+v, want %d and none", i.Slots(), i.Exit(), slots)
	}
	return opened{i, t}
}

// close stops the life, which may be dead already, and checks that it is gone.
func (o opened) close() {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	o.Stop(ctx, ganger.LeavingStopped)
	o.gone("")
	o.Stop(ctx, ganger.LeavingTTL) // again does nothing
	o.Kill(ganger.LeavingTTL)
}

// gone waits until the life is gone and checks its reason, if one is wanted.
func (o opened) gone(want ganger.Leaving) {
	o.t.Helper()
	Await(o.t, o.Gone(), "the life to be gone")
	if x := o.Exit(); x.Reason == "" || want != "" && x.Reason != want {
		o.t.Errorf("the life left with %+v, want reason %q", x, want)
	}
}

// unusable checks that a life that is gone takes no call.
func (o opened) unusable() {
	o.t.Helper()
	o.start("echo x").wants(wantUnsent)
}

// usable checks that the life performs.
func (o opened) usable() {
	o.t.Helper()
	o.start("echo alive").wants(wantDone("alive"))
}
