package life_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/life"
)

var update = flag.Bool("update", false, "rewrite the golden traces")

// TestTraces plays every testdata/*.trace: lines that begin with "> " are
// commands, the others what must be seen after them.
//
//	keeper key=value …   the keeper: ttl, overlap, vacant, start-timeout, stop-grace, type,
//	                     min, max, burst, window, start-fails, healthy, retry; jitter=0.5,0.25
//	starts S …           what becomes of the starts: ready, ready:2s, fail:3, fail:3:1s, hang, deaf:9s
//	run                  call Run
//	tick D               let time pass
//	die N REASON         life N ends by itself
//	leave N REASON       the serve of life N returns this
//	recycle N REASON, excuse N, want, nudge, stop
func TestTraces(t *testing.T) {
	files, err := filepath.Glob("testdata/*.trace")
	if err != nil || len(files) == 0 {
		t.Fatalf("no traces: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".trace"), func(t *testing.T) { playTrace(t, file) })
	}
}

func playTrace(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	synctest.Test(t, func(t *testing.T) {
		p := newPlayer(&got)
		s := bufio.NewScanner(strings.NewReader(string(text)))
		for s.Scan() {
			switch line := s.Text(); {
			case strings.HasPrefix(line, "#"):
				fmt.Fprintln(&got, line)
			case strings.HasPrefix(line, "> "):
				fmt.Fprintln(&got, line)
				p.do(t, strings.Fields(line[2:]))
				p.settle()
			}
		}
		p.finish(t)
	})
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := gocmp.Diff(string(text), got.String()); diff != "" && !*update {
		t.Errorf("trace differs (-want +got); -update rewrites it:\n%s", diff)
	}
}

// player is one keeper under a script.
type player struct {
	out   *strings.Builder
	start time.Time
	k     *life.Keeper[*actor]
	stage *stage
	hub   *inspect.Hub
	stop  context.CancelCauseFunc
	ctx   context.Context
	done  chan struct{}
	mute  context.CancelFunc // ends the reading of events

	mu      sync.Mutex // guards what follows
	seen    []sight
	tenures map[int]*life.Tenure[*actor]
	words   map[int]chan ganger.Leaving // what serve is told to return
	jitter  []float64
}

func newPlayer(out *strings.Builder) *player {
	p := &player{
		out: out, start: time.Now(), stage: &stage{plans: []plan{{}}}, hub: &inspect.Hub{},
		tenures: map[int]*life.Tenure[*actor]{}, words: map[int]chan ganger.Leaving{}, done: make(chan struct{}),
		jitter: []float64{0.5},
	}
	p.ctx, p.stop = context.WithCancelCause(context.Background())
	p.k = &life.Keeper[*actor]{
		Group: "traces", Name: "w", Wall: p.stage, Hub: p.hub,
		OnOpen:  func(err error) { p.see(byKeeper, "opened: %v", err) },
		OnClose: func() { p.see(byKeeper, "closed") },
		Jitter: func() float64 {
			p.mu.Lock()
			defer p.mu.Unlock()
			j := p.jitter[0]
			if len(p.jitter) > 1 {
				p.jitter = p.jitter[1:]
			}
			return j
		},
	}
	return p
}

// sight is one thing that was seen. Goroutines that see things at the same
// virtual time race, so sights are ordered by time and then by who saw.
type sight struct {
	at   time.Duration
	who  int
	text string
}

const (
	byEvents  = -1 << 20 // and its incarnation
	byKeeper  = -1       // callbacks
	byServe   = 0        // and its incarnation
	byRunsEnd = 1 << 20
)

func (p *player) see(who int, format string, args ...any) {
	text := strings.TrimRight(strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " / "), " /:")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, sight{time.Since(p.start), who, text})
}

// serve tells what its tenure sees, and returns when it is told to.
func (p *player) serve(ctx context.Context, t *life.Tenure[*actor]) ganger.Leaving {
	n := int(t.Incarnation)
	word := make(chan ganger.Leaving, 1) // one word ends it
	p.mu.Lock()
	p.tenures[n], p.words[n] = t, word
	p.mu.Unlock()
	p.see(byServe+n, "serve #%d", n)
	leave := t.Leave()
	for {
		select {
		case why := <-word:
			p.see(byServe+n, "served #%d: %s", n, why)
			return why
		case <-ctx.Done():
			p.see(byServe+n, "served #%d: %v", n, context.Cause(ctx))
			return ""
		case <-leave:
			p.see(byServe+n, "asked to leave #%d: %s", n, t.Why())
			leave = nil
		}
	}
}

// settle prints what was seen since the last time, and how the seat looks.
func (p *player) settle() {
	synctest.Wait()
	p.mu.Lock()
	slices.SortStableFunc(p.seen, func(a, b sight) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.who, b.who))
	})
	for _, s := range p.seen {
		fmt.Fprintf(p.out, "%9v  %s\n", s.at, s.text)
	}
	p.seen = nil
	p.mu.Unlock()
	var w inspect.Worker
	p.k.View(&w)
	fmt.Fprintf(p.out, "           = #%d %s", w.Incarnation, w.State)
	if w.Detail != "" {
		fmt.Fprintf(p.out, " (%s)", w.Detail)
	}
	if w.Retry != nil {
		fmt.Fprintf(p.out, " retry in %v", time.Until(*w.Retry))
	}
	fmt.Fprintln(p.out)
}

func (p *player) finish(t *testing.T) {
	p.stop(errors.New("the trace is over"))
	<-p.done
	p.mute()
	p.stage.mu.Lock()
	defer p.stage.mu.Unlock()
	if p.stage.now != 0 || p.stage.most > 2 {
		t.Errorf("after the trace: %d lives left, %d at once; want 0 and at most 2", p.stage.now, p.stage.most)
	}
}

func (p *player) do(t *testing.T, words []string) {
	t.Helper()
	arg := func(i int) string {
		if i < len(words) {
			return strings.Join(words[i:], " ")
		}
		return ""
	}
	var n int
	if len(words) > 1 {
		n, _ = strconv.Atoi(words[1]) // where the command has a number
	}
	switch words[0] {
	case "die", "leave", "recycle", "excuse":
		if p.tenures[n] == nil {
			p.see(byRunsEnd, "no life %d", n)
			return
		}
	}
	switch words[0] {
	case "keeper":
		for _, w := range words[1:] {
			p.set(t, w)
		}
	case "starts":
		p.stage.plans = nil
		for _, w := range words[1:] {
			p.stage.plans = append(p.stage.plans, parsePlan(t, w))
		}
	case "run":
		ctx, stop := context.WithCancel(context.Background())
		p.mute = stop
		events := p.hub.Events(ctx)
		go func() {
			defer close(p.done)
			err := p.k.Run(p.ctx, p.serve)
			p.see(byRunsEnd, "Run: %v", err)
		}()
		go func() {
			for e := range events {
				p.see(byEvents+int(e.Incarnation), "%s #%d pid %d: %s", e.Name, e.Incarnation, e.PID, e.Detail)
			}
		}()
	case "tick":
		time.Sleep(duration(t, words[1]))
	case "die":
		x := ganger.Exit{Reason: ganger.Leaving(arg(2))}
		p.stage.life(n).die(x)
	case "leave":
		p.words[n] <- ganger.Leaving(arg(2))
	case "recycle":
		p.tenures[n].Recycle(ganger.Leaving(arg(2)))
	case "excuse":
		p.tenures[n].Excuse()
	case "want":
		p.k.Want()
	case "nudge":
		p.k.Nudge()
	case "stop":
		p.stop(errors.New("told to stop"))
	default:
		t.Fatalf("unknown command %q", words)
	}
}

func (p *player) set(t *testing.T, word string) {
	t.Helper()
	key, value, _ := strings.Cut(word, "=")
	number := func() int {
		n, err := strconv.Atoi(value)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	switch k, pol := p.k, &p.k.Policy; key {
	case "ttl":
		k.TTL = duration(t, value)
	case "overlap":
		k.Overlap = true
	case "vacant":
		k.Vacant = true
	case "start-timeout":
		k.StartTimeout = duration(t, value)
	case "stop-grace":
		k.StopGrace = duration(t, value)
	case "type":
		pol.Type = map[string]life.Type{"permanent": life.Permanent, "transient": life.Transient, "temporary": life.Temporary}[value]
	case "min":
		pol.Min = duration(t, value)
	case "max":
		pol.Max = duration(t, value)
	case "window":
		pol.Window = duration(t, value)
	case "healthy":
		pol.Healthy = duration(t, value)
	case "retry":
		pol.Retry = duration(t, value)
	case "burst":
		pol.Burst = number()
	case "start-fails":
		pol.StartFails = number()
	case "jitter":
		p.jitter = nil
		for s := range strings.SplitSeq(value, ",") {
			f, err := strconv.ParseFloat(s, 64)
			if err != nil {
				t.Fatal(err)
			}
			p.jitter = append(p.jitter, f)
		}
	default:
		t.Fatalf("unknown setting %q", word)
	}
}

func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// parsePlan reads ready[:after], fail:status[:after], hang, or deaf:patience.
func parsePlan(t *testing.T, s string) plan {
	t.Helper()
	word, rest, _ := strings.Cut(s, ":")
	switch word {
	case "ready":
		return plan{after: duration(t, cmp.Or(rest, "0s"))}
	case "fail":
		status, after, _ := strings.Cut(rest, ":")
		n, err := strconv.Atoi(status)
		if err != nil {
			t.Fatal(err)
		}
		return plan{fail: n, after: duration(t, cmp.Or(after, "0s"))}
	case "hang":
		return plan{after: 1000 * time.Hour}
	case "deaf":
		return plan{deaf: duration(t, rest)}
	}
	t.Fatalf("unknown start %q", s)
	return plan{}
}
