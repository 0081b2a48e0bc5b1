package worker_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/life"
	"github.com/ganger-dev/ganger/worker"
)

// Stage is the protocol of workers that do what a script says.
type Stage struct{}

// Act is performed as its Op says, and answered with the life that did:
//
//	ok, panic, goexit, fail, stop, crash: a response, an end of the life, an error
//	and the verdict about it; hold waits for the end of its context, deaf ignores it
type Act struct {
	worker.In[Stage, string]
	Op string
}

// actor is the state of such a worker.
type actor struct {
	name string
	life uint64
}

// player is one table under a script. The hub numbers events as they happen; what
// callers see at one time is told after them.
type player struct {
	t     *testing.T
	start time.Time
	hub   *inspect.Hub
	table *worker.Table[string, int, worker.Queue[Stage]]
	refs  map[string]worker.Queue[Stage] // also of those that are dead for good
	order []string                       // names, as first launched
	free  chan struct{}                  // closed when the script is over: the deaf hear
	all   sync.WaitGroup
	mute  context.CancelFunc

	mu     sync.Mutex // guards what follows
	seen   []sight
	selves map[string]worker.Self[Stage]
	starts map[string][]string // what the launches to come do: ok, fail, panic, hang, deaf, after:D
	closes map[string]string   // what Close does: panic, fail, hang, after:D
}

type sight struct {
	at   time.Duration
	who  uint64 // the number of an event; callers come after all events of a time
	text string
}

const byCaller = 1 << 62

func newPlayer(t *testing.T) *player {
	p := &player{
		t: t, start: time.Now(), hub: &inspect.Hub{}, refs: map[string]worker.Queue[Stage]{}, free: make(chan struct{}),
		selves: map[string]worker.Self[Stage]{}, starts: map[string][]string{}, closes: map[string]string{},
	}
	ctx, mute := context.WithCancel(context.Background())
	p.mute = mute
	events := p.hub.Events(ctx)
	p.all.Go(func() {
		for e := range events {
			text := fmt.Sprintf("%s %s#%d", e.Name, e.Worker, e.Incarnation)
			if e.Detail != "" {
				text += ": " + e.Detail
			}
			p.see(e.Seq, "%s", text)
		}
	})
	return p
}

func (p *player) see(who uint64, format string, args ...any) {
	text, _, _ := strings.Cut(fmt.Sprintf(format, args...), "\n")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, sight{time.Since(p.start), who, text})
}

// def is the definition of the workers.
func (p *player) def() *worker.Def[Stage, string, int, *actor] {
	d := &worker.Def[Stage, string, int, *actor]{
		Group: "stage",
		Launch: func(ctx context.Context, self worker.Self[Stage], name string, _ int) (*actor, error) {
			p.mu.Lock()
			p.selves[name] = self
			plan := "ok"
			if plans := p.starts[name]; len(plans) > 0 {
				plan, p.starts[name] = plans[0], plans[1:]
			}
			p.mu.Unlock()
			_, n := self.Status()
			return &actor{name, n}, p.behave(ctx, plan)
		},
		OnError: func(_ context.Context, _ *actor, q worker.Post[Stage], _ error) worker.Verdict {
			return map[string]worker.Verdict{"stop": worker.Stop, "crash": worker.Crash}[q.(Act).Op]
		},
		Close: func(ctx context.Context, a *actor, _ error) error {
			p.mu.Lock()
			plan := p.closes[a.name]
			p.mu.Unlock()
			return p.behave(ctx, plan)
		},
	}
	worker.Handle(d, func(ctx context.Context, a *actor, q Act) (string, error) {
		err := p.behave(ctx, q.Op)
		return fmt.Sprintf("%s#%d", a.name, a.life), err
	})
	return d
}

// behave does what a plan says.
func (p *player) behave(ctx context.Context, plan string) error {
	word, rest, _ := strings.Cut(plan, ":")
	switch word {
	case "panic":
		panic("as told")
	case "goexit":
		runtime.Goexit()
	case "fail", "stop", "crash":
		return errors.New("as told")
	case "hold", "hang":
		<-ctx.Done()
		return ctx.Err()
	case "deaf":
		<-p.free
	case "after":
		time.Sleep(p.duration(rest))
	}
	return nil
}

// do carries out one command, and waits until nothing moves.
func (p *player) do(line string) {
	p.t.Helper()
	words := strings.Fields(line)
	switch words[0] {
	case "table":
		p.open(words[1:])
	case "launch":
		for _, name := range words[1:] {
			if !slices.Contains(p.order, name) {
				p.order = append(p.order, name)
			}
			p.all.Go(func() {
				w, err := p.table.Launch(context.Background(), name, 0)
				if err != nil {
					p.see(byCaller, "launch %s: %v", name, err)
					return
				}
				p.mu.Lock()
				p.refs[name] = w
				p.mu.Unlock()
			})
			synctest.Wait() // the order of launches is that of the words
		}
	case "starts":
		p.starts[words[1]] = words[2:]
	case "closes":
		p.closes[words[1]] = words[2]
	case "call":
		for _, op := range words[2:] {
			p.call(words[1], op)
		}
	case "die": // nobody waits for it
		if err := p.refs[words[1]].Push(Act{Op: "panic"}); err != nil {
			p.t.Fatalf("%s: %v", line, err)
		}
	case "crash":
		p.selves[words[1]].Crash(errors.New("as told"))
	case "trigger":
		p.refs[words[1]].Trigger(nil)
	case "tick":
		time.Sleep(p.duration(words[1]))
	case "close":
		p.all.Go(func() { p.see(byCaller, "closed: %v", p.table.Close(context.Background())) })
	default:
		p.t.Fatalf("unknown command %q", line)
	}
	synctest.Wait()
}

// call calls a worker and tells how that ended.
func (p *player) call(name, op string) {
	w, ok := p.refs[name]
	if !ok { // which is being launched
		w, ok = p.table.Find(name)
	}
	if !ok {
		p.see(byCaller, "call %s %s: no such worker", name, op)
		return
	}
	p.all.Go(func() {
		by, err := worker.Call(context.Background(), w, Act{Op: op})
		if err != nil {
			p.see(byCaller, "call %s %s: %v", name, op, err)
		} else {
			p.see(byCaller, "call %s %s: done by %s", name, op, by)
		}
	})
	synctest.Wait()
}

// open makes the table of settings like type=transient.
func (p *player) open(words []string) {
	p.t.Helper()
	jitter := 0.5
	c := worker.Config{Hub: p.hub, Escalate: func(err error) { p.see(byCaller, "escalated: %v", err) }}
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil {
			p.t.Fatal(err)
		}
		return n
	}
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "strategy":
			c.Strategy = map[string]worker.Strategy{"one": worker.OneForOne, "all": worker.AllForOne, "rest": worker.RestForOne}[value]
		case "type":
			c.Restart.Type = map[string]life.Type{"permanent": life.Permanent, "transient": life.Transient, "temporary": life.Temporary}[value]
		case "pending":
			c.Pending = map[string]worker.Pending{"keep": worker.KeepPending, "fail": worker.FailPending, "drop": worker.DropPending}[value]
		case "min":
			c.Restart.Min = p.duration(value)
		case "max":
			c.Restart.Max = p.duration(value)
		case "window":
			c.Restart.Window = p.duration(value)
		case "healthy":
			c.Restart.Healthy = p.duration(value)
		case "retry":
			c.Restart.Retry = p.duration(value)
		case "burst":
			c.Restart.Burst = number(value)
		case "start-fails":
			c.Restart.StartFails = number(value)
		case "grace":
			c.Grace = p.duration(value)
		case "limit":
			c.Limit = p.duration(value)
		case "jitter":
			j, err := strconv.ParseFloat(value, 64)
			if err != nil {
				p.t.Fatal(err)
			}
			jitter = j
		default:
			p.t.Fatalf("unknown setting %q", w)
		}
	}
	p.table = worker.NewQueue(p.def(), c)
	p.table.SetJitter(func() float64 { return jitter })
}

func (p *player) duration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		p.t.Error(err)
	}
	return d
}

// take returns what was seen since the last time, in its order.
func (p *player) take() []sight {
	p.mu.Lock()
	defer p.mu.Unlock()
	slices.SortStableFunc(p.seen, func(a, b sight) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.who, b.who), cmp.Compare(a.text, b.text))
	})
	seen := p.seen
	p.seen = nil
	return seen
}

// status says how the workers are, in the order of their first launch.
func (p *player) status() string {
	var all []string
	for _, name := range p.order {
		w, ok := p.table.Find(name)
		if !ok {
			all = append(all, name+" gone")
			continue
		}
		d := w.Describe()
		s := fmt.Sprintf("%s#%d %s", name, d.Incarnation, d.State)
		if d.Detail != "" {
			s += " (" + d.Detail
			if d.Retry != nil {
				s += fmt.Sprintf(", retry in %v", time.Until(*d.Retry))
			}
			s += ")"
		}
		all = append(all, s)
	}
	return strings.Join(all, ", ")
}

// finish ends the script: the table is closed, and the deaf hear.
func (p *player) finish() {
	if err := p.table.Close(context.Background()); err != nil {
		p.t.Error(err)
	}
	close(p.free)
	p.mute()
	p.all.Wait()
}
