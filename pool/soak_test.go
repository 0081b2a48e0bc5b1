//go:build linux

package pool_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/pool"
)

// TestT58ExactlyOneOutcome drives tasks of every sort, in groups, with keys and
// priorities and what follows from them, into every fault at once, while workers
// are killed, stopped and cancelled from outside. Every task has one end that what
// was done to it explains, every promise about groups, followers and order holds,
// and nothing is left. GANGER_SEED repeats a run's choices.
func TestT58ExactlyOneOutcome(t *testing.T) {
	seed := rand.Uint64()
	if s := os.Getenv("GANGER_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("GANGER_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("GANGER_SEED=%d repeats this run's choices", seed)
	for _, w := range subjects() {
		for _, slots := range []int{1, 4, 16} {
			t.Run(fmt.Sprint(w.name, " ", slots), func(t *testing.T) {
				batter(t, w, slots, full(17_000, 1000), seed)
			})
		}
	}
}

func batter(t *testing.T, w subject, slots, n int, seed uint64) {
	// What a wall starts once and keeps, such as the guard, is there from here on.
	once := start(t, w, setup{slots: slots})
	once.do(t, "echo x")
	once.stop()
	before := holdings()
	m := &mix{rng: rand.New(rand.NewPCG(seed, uint64(slots)))}
	p := start(t, w, setup{
		slots: slots, kind: m.kind,
		Config: pool.Config{
			Workers: 3, Restart: prompt, CancelGrace: 10 * time.Millisecond, QueueLimit: 64,
			KeyWait: 2 * time.Millisecond, Aging: time.Millisecond,
		},
	})
	early := 0
	for i := range n {
		m.submit(t, p, m.draw(2), m.union())
		m.disturb(p)
		if m.rng.IntN(300) == 0 {
			m.hostage(t, p)
		}
		if i == n/4 {
			early = heap()
		}
	}
	if err := p.Join(guard(t)); err != nil {
		t.Fatal(err)
	}
	m.late(t, p)
	if err := p.Drain(guard(t)); err != nil {
		t.Fatal(err)
	}
	late := heap()
	p.stop()
	m.check(t)
	m.checkGroups(t)
	m.checkCommits(t)
	m.checkKeys(t, p)
	// Memory: what is kept of a task that ended, beside what this test keeps of
	// it, must not grow with their number.
	if limit := early + len(m.trials)*600 + 4<<20; late > limit {
		t.Errorf("the heap grew from %d to %d bytes with %d tasks", early, late, len(m.trials))
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		now := holdings()
		if now.goroutines <= before.goroutines && now.descriptors <= before.descriptors && len(now.processes) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("something is left: %+v, before it was %+v", now, before)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// disturb does, now and then, something to a task or a worker from outside.
func (m *mix) disturb(p *running) {
	const held = 40
	recent := m.submitted[max(0, len(m.submitted)-held):]
	if n := len(m.submitted); n > held {
		m.submitted[n-held-1].ticket = nil // it would keep all that the pool knew of the task
	}
	what, which, seat := m.rng.IntN(400), m.rng.IntN(held), m.rng.IntN(3)
	switch what {
	case 0, 1: // a task that waits, runs, or has ended while what follows from it has not
		x := recent[which%len(recent)]
		m.mu.Lock()
		x.unwanted = true
		m.mu.Unlock()
		x.ticket.Cancel(errUnwanted)
	case 2:
		_ = p.CancelWorker(fmt.Sprintf("w%d", seat))
	case 3, 4:
		if pid := p.workers()[seat].PID; pid > 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// hostage submits a group of two, of which one ends only because the other fails,
// and waits for it.
func (m *mix) hostage(t *testing.T, p *running) {
	g := &union{Group: pool.Group{FirstFailure: true}}
	m.unions = append(m.unions, g)
	held := m.submit(t, p, plan{fault: fault{script: "sleep 1h"}}, g)
	bad := m.submit(t, p, plan{fault: fault{script: "sleep 1ms; fail no", wants: []ganger.Outcome{ganger.Failed}}}, g)
	if _, err := wait(t, bad.ticket); ganger.CauseOf(err) == ganger.CauseTask { // with its worker: that is no failure
		m.mu.Lock()
		held.unwanted = true
		m.mu.Unlock()
		held.ticket.Cancel(errUnwanted)
	}
	hangs := guard(t)
	if err := g.Wait(hangs); hangs.Err() != nil {
		t.Fatalf("one of a group failed, and another sleeps on: %v", err)
	} else if err == nil {
		t.Error("a group was told success though one of it failed")
	}
}

// late submits one task more to every group, when all else has ended.
func (m *mix) late(t *testing.T, p *running) {
	for _, g := range m.unions {
		x := m.submit(t, p, plan{fault: fault{script: "echo x", wants: good}}, g)
		_, _ = wait(t, x.ticket)
		if m.mu.Lock(); g.failed() && g.FirstFailure && (x.ends[0].Attempts > 0 || ganger.CauseOf(x.ends[0].Err) != ganger.CauseGroup) {
			t.Errorf("a task that joined a group which had failed ended as %+v", x.ends[0])
		}
		m.mu.Unlock()
	}
}

// checkKeys compares what the workers counted with what they were given.
func (m *mix) checkKeys(t *testing.T, p *running) {
	attempts := 0
	for _, x := range m.trials {
		if x.task.Key != "" {
			attempts += x.ends[0].Attempts
		}
	}
	counted := uint64(0)
	p.Snapshot(func(w inspect.Worker) bool {
		if w.Extra != nil {
			counted += w.Extra["key-hits"].(uint64) + w.Extra["key-misses"].(uint64)
		}
		return true
	})
	if counted != uint64(attempts) {
		t.Errorf("%d hits and misses were counted in %d attempts at tasks with a key", counted, attempts)
	}
}

// held is what a program holds of the system.
type held struct {
	goroutines, descriptors int
	processes               []string
}

// holdings counts what this program holds: its workers and their descendants
// are found by the variable that they inherit.
func holdings() held {
	var h held
	h.goroutines = runtime.NumGoroutine()
	fds, _ := os.ReadDir("/proc/self/fd")
	h.descriptors = len(fds)
	environs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range environs {
		env, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(env), workerVariable+"=") {
			h.processes = append(h.processes, file)
		}
	}
	return h
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
