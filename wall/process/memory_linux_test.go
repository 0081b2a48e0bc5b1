package process

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

func init() { roles["eater"] = eater }

const mb = 1_000_000

// eater is a worker that eats memory: it does what its argument says, then what
// each line of its requests says, and answers "ok" to each.
//
//	hold N   N megabytes more, at once
//	grow N   N megabytes more each second, for ever
//	child N  starts an eater that holds N megabytes
//	leave N  the same in a session of its own
//	lose N   the same, and its parent is gone
func eater(args []string) {
	_ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) // Main made it one, which most workers are not
	if len(args) > 0 {
		eat(args[0])
	}
	in, out := bufio.NewScanner(os.NewFile(3, "requests")), os.NewFile(4, "answers")
	for in.Scan() {
		eat(in.Text())
		fmt.Fprintln(out, "ok")
	}
}

func eat(order string) {
	word, number, _ := strings.Cut(order, " ")
	n, _ := strconv.Atoi(number)
	switch word {
	case "hold":
		hold(n * mb)
	case "grow":
		for begun, held := time.Now(), 0; ; time.Sleep(2 * time.Millisecond) {
			if due := int(time.Since(begun) * time.Duration(n) / time.Second); due > held {
				hold((due - held) * mb)
				held = due
			}
		}
	case "fork":
		hold(n * mb)
		select {}
	case "lost":
		breed("fork "+number, true, false)
		os.Exit(0)
	case "child":
		breed("fork "+number, false, false)
	case "leave":
		breed("fork "+number, true, false)
	case "lose":
		breed("lost "+number, true, true)
	}
}

// hold takes n bytes more and never gives them back.
func hold(n int) {
	b, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		fmt.Fprintln(os.Stderr, "out of memory:", err)
		os.Exit(9)
	}
	for i := 0; i < n; i += 4096 {
		b[i] = 1
	}
}

// breed starts another eater.
func breed(order string, session, wait bool) {
	cmd := exec.Command(os.Args[0], order)
	cmd.Env = append(os.Environ(), roleName+"=eater")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: session}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	if wait {
		_ = cmd.Wait()
	}
}

// eating is a worker that eats.
func eating(l Limits, order ...string) Command {
	return Command{Path: os.Args[0], Args: order, Env: []string{roleName + "=eater", "GORACE=atexit_sleep_ms=0"}, Limits: l}
}

// do has a request performed as a dialect with one slot does.
func do(t *testing.T, s *stream, order string) {
	t.Helper()
	s.Busy()
	if _, err := io.WriteString(s, order+"\n"); err != nil {
		t.Fatal(err)
	}
	expect(t, s, "ok\n")
	s.Idle()
}

// weight is what an eater that has eaten nothing holds.
func weight(t *testing.T) int64 {
	t.Helper()
	s := open(t, eating(Limits{MemoryHard: 1 << 40}), wall.Start{})
	do(t, s, "nothing")
	var u wall.Usage
	eventually(t, "a sample", func() bool { u = s.Usage(); return u.Memory > 0 })
	s.Stop(t.Context(), ganger.LeavingStopped)
	if u.Memory < mb || u.PID != s.child.pid {
		t.Fatalf("an eater that has eaten nothing uses %+v", u)
	}
	return u.Memory
}

// TestT47MemoryCap: a life, and the process of a call, that takes twice what it
// may is killed for it, with what it held on record, and its sibling goes on.
func TestT47MemoryCap(t *testing.T) {
	tidy(t)
	limit := weight(t) + 60*mb
	twice := fmt.Sprintf("hold %d", 2*limit/mb)
	check := func(t *testing.T, x ganger.Exit) {
		t.Helper()
		if x.Reason != ganger.LeavingMemoryHard || x.Reason.Cause() != ganger.CauseMemory || !x.Asked || x.PeakMemory <= limit {
			t.Errorf("exit %+v, want memory-hard, asked, with more than %d bytes", x, limit)
		}
	}
	t.Run("life", func(t *testing.T) {
		sibling := open(t, eating(Limits{MemoryHard: limit}), wall.Start{})
		s := open(t, eating(Limits{MemoryHard: limit}), wall.Start{})
		s.Busy()
		_, _ = io.WriteString(s, twice+"\n")
		_, _ = io.WriteString(s, "grow 0\n") // so that it does not become idle
		check(t, gone(t, s))
		do(t, sibling, "hold 1")
	})
	t.Run("between tasks", func(t *testing.T) {
		s := open(t, eating(Limits{MemoryHard: limit}), wall.Start{})
		do(t, s, "nothing")
		eventually(t, "it rests", func() bool { return s.child.meter.work.Load() == resting })
		_, _ = io.WriteString(s, twice+"\n")
		expect(t, s, "ok\n")
		s.Busy()
		s.Idle()
		check(t, gone(t, s))
	})
	t.Run("before it is ready", func(t *testing.T) {
		check(t, gone(t, open(t, eating(Limits{MemoryHard: limit}, twice), wall.Start{})))
	})
	for _, how := range []string{"child", "leave", "lose"} {
		t.Run("descendant, "+how, func(t *testing.T) {
			s := open(t, eating(Limits{MemoryHard: limit}), wall.Start{})
			_, _ = io.WriteString(s, how+twice[len("hold"):]+"\n")
			check(t, gone(t, s))
		})
	}
	t.Run("exec", func(t *testing.T) {
		i := openExec(t, Exec{Path: os.Args[0], Env: eating(Limits{}).Env, Slots: 2, Limits: Limits{MemoryHard: limit}}, wall.Start{})
		q := shell(`while [ ! -e go ]; do sleep 0.01; done; echo went`)
		q.Dir = t.TempDir()
		sibling := begin(i, q)
		p := begin(i, Request{Args: []string{strings.Replace(twice, "hold", "fork", 1)}})
		r, e := p.wait(t)
		if e == nil || e.Outcome != ganger.Crashed || e.Cause != ganger.CauseMemory {
			t.Errorf("ended with %v, want crashed, memory", e)
		}
		check(t, r.Exit)
		if err := os.WriteFile(q.Dir+"/go", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if r, e := sibling.wait(t); e != nil || string(r.Stdout) != "went\n" {
			t.Errorf("the sibling ended with %v and %q", e, r.Stdout)
		}
	})
}

// TestT48Recycling: a worker that leaks 5 MB a task, to be replaced at 100 MB
// more than it began with, is replaced after about twenty, however quick the
// tasks are, and each of them is answered.
func TestT48Recycling(t *testing.T) {
	tidy(t)
	limits := Limits{MemorySoft: weight(t) + 100*mb}
	for range 3 {
		s := open(t, eating(limits), wall.Start{})
		tasks := 0
	life:
		for {
			select {
			case <-s.Heavy():
				break life
			default:
			}
			do(t, s, "hold 5")
			if tasks++; tasks > 40 {
				t.Fatal("40 tasks, and not heavy")
			}
		}
		if tasks < 17 || tasks > 23 {
			t.Errorf("replaced after %d tasks, want about 20", tasks)
		}
		do(t, s, "nothing") // it goes on until it is stopped
		s.Stop(t.Context(), ganger.LeavingMemorySoft)
		if x := s.Exit(); x.Reason != ganger.LeavingMemorySoft || x.Code != 0 {
			t.Errorf("exit %+v", x)
		}
	}
}

// TestP9SteadyGrowth: of 50 MB a second both limits are noticed within one, so
// before it has grown by 50 MB more.
func TestP9SteadyGrowth(t *testing.T) {
	tidy(t)
	base := weight(t)
	soft, hard := base+50*mb, base+120*mb
	s := open(t, eating(Limits{MemorySoft: soft, MemoryHard: hard}), wall.Start{})
	s.Busy()
	_, _ = io.WriteString(s, "grow 50\n")
	select {
	case <-s.Heavy():
	case <-time.After(hang):
		t.Fatalf("%v, and not heavy", hang)
	}
	s.child.meter.mu.Lock()
	heavy := s.child.meter.peak
	s.child.meter.mu.Unlock()
	x := gone(t, s)
	if x.Reason != ganger.LeavingMemoryHard {
		t.Errorf("exit %+v", x)
	}
	for _, v := range []struct {
		name      string
		limit, at int64
	}{{"soft", soft, heavy}, {"hard", hard, x.PeakMemory}} {
		over := v.at - v.limit
		t.Logf("%s limit: noticed %d kB above it", v.name, over/1000)
		if over <= 0 || over > 50*mb {
			t.Errorf("the %s limit of %d bytes was noticed at %d", v.name, v.limit, v.at)
		}
	}
}

// TestSharedMemoryCountsOnce: what a worker shares with its children does not
// pass a limit by being counted for each of them.
func TestSharedMemoryCountsOnce(t *testing.T) {
	tidy(t)
	c := sh(`x=$(head -c 40000000 /dev/zero | tr '\0' x); for i in 1 2 3 4 5; do (read y <&3) & done; echo up >&4; wait`)
	c.Limits = Limits{MemorySoft: 150 * mb, MemoryHard: 160 * mb}
	s := open(t, c, wall.Start{})
	expect(t, s, "up\n")
	(&look{}).at([]*meter{s.child.meter}) // the sampler may have looked before all was up
	select {
	case <-s.Heavy():
		t.Error("heavy")
	case <-s.Gone():
		t.Errorf("ended: %+v", s.Exit())
	default:
	}
	if u := s.Usage(); u.Memory < 35*mb || u.Memory > 150*mb {
		t.Errorf("usage %+v, want about 40 MB", u)
	}
}

// TestDeathWhileSampled: a life that dies under a look ended as it did, and is
// looked at no more.
func TestDeathWhileSampled(t *testing.T) {
	tidy(t)
	for range lives / 10 {
		c := sh("sleep 1000 & read x <&3")
		c.Limits = Limits{MemorySoft: 1 << 40, MemoryHard: 1 << 40}
		s := open(t, c, wall.Start{})
		m := s.child.meter
		looked := make(chan int)
		go func() {
			n := 0
			for l := (look{}); ; n++ {
				l.at([]*meter{m})
				m.busy()
				m.idle()
				select {
				case <-s.Gone():
					looked <- n
					return
				default:
				}
			}
		}()
		eventually(t, "a sample", func() bool { return s.Usage().Memory > 0 })
		_ = syscall.Kill(s.child.pid, syscall.SIGKILL)
		x := gone(t, s)
		if n := <-looked; n == 0 || x.Reason != "signal 9" || x.Asked {
			t.Errorf("exit %+v after %d looks", x, n)
		}
		house.sampler.take()
		m.work.Store(resting)
		m.busy()
		house.sampler.mu.Lock()
		if slices.Contains(house.sampler.due, m) {
			t.Error("a dead life is due")
		}
		house.sampler.mu.Unlock()
	}
}

// TestPeakIsItsOwn: a small process has not the peak of the program that started
// it.
func TestPeakIsItsOwn(t *testing.T) {
	tidy(t)
	b, err := syscall.Mmap(-1, 0, 100*mb, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_POPULATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Munmap(b) }()
	i := openExec(t, Exec{}, wall.Start{})
	r, err := wall.Do(t.Context(), i, Request{Path: "true"}, nil)
	if err != nil || r.Exit.PeakMemory > 50*mb {
		t.Errorf("peak %d, %v, want its own or none", r.Exit.PeakMemory, err)
	}
}

// TestIdleLifeIsNotSampled: once more after it became idle, and then only when it
// is busy again.
func TestIdleLifeIsNotSampled(t *testing.T) {
	tidy(t)
	s := open(t, eating(Limits{MemoryHard: 1 << 40}), wall.Start{})
	do(t, s, "hold 30")
	m := s.child.meter
	eventually(t, "it rests", func() bool { return m.work.Load() == resting })
	if u := s.Usage(); u.Memory < 30*mb {
		t.Errorf("the last sample is %+v, from before its task ended", u)
	}
	house.sampler.mu.Lock()
	due := len(house.sampler.due)
	house.sampler.mu.Unlock()
	if due != 0 {
		t.Errorf("%d lives are still due", due)
	}
	do(t, s, "hold 30")
	eventually(t, "it is sampled again", func() bool { return s.Usage().Memory > 60*mb })
}
