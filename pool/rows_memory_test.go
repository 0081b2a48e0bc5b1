//go:build linux

package pool_test

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/inspect"
	"github.com/ganger-dev/ganger/pool"
	"github.com/ganger-dev/ganger/wall"
	"github.com/ganger-dev/ganger/wall/native"
	"github.com/ganger-dev/ganger/wall/process"
)

// leak takes n megabytes and never gives them back.
func leak(arg string) {
	n, _ := strconv.Atoi(arg)
	b, err := syscall.Mmap(-1, 0, n*1_000_000, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON|syscall.MAP_POPULATE)
	if err != nil {
		panic(err)
	}
	b[0] = 1
}

// limited is the process wall with limits.
func limited(l process.Limits) subject {
	return subject{name: "process", open: func(slots int) wall.Wall[wall.Instance[string, string]] {
		return wall.Speak(process.Command{
			Path:   os.Args[0],
			Env:    []string{workerVariable + "=" + strconv.Itoa(slots), "GORACE=atexit_sleep_ms=0"},
			Limits: l,
		}, native.Dialect[string, string]{Request: native.JSON[string](), Response: native.JSON[string]()})
	}}
}

// weight is what a worker of these tests holds before it leaks.
func weight(t *testing.T) int64 {
	t.Helper()
	p := start(t, limited(process.Limits{MemoryHard: 1 << 40}), setup{})
	defer p.stop()
	if _, err := p.Do(t.Context(), pool.Task[string]{Value: "life"}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		var memory int64
		p.Snapshot(func(w inspect.Worker) bool {
			memory = w.Memory
			return true
		})
		if memory > 0 {
			return memory
		}
	}
	t.Fatal("no sample of an idle worker within a minute")
	return 0
}

// TestT48LeakingWorkersAreRecycled: a worker that leaks 5 MB a task, limited to
// 100 MB more than it begins with, is replaced about every twenty tasks, and each
// task is done.
func TestT48LeakingWorkersAreRecycled(t *testing.T) {
	for _, slots := range []int{1, 4} {
		t.Run(strconv.Itoa(slots), func(t *testing.T) {
			hub := new(inspect.Hub)
			p := start(t, limited(process.Limits{MemorySoft: weight(t) + 100_000_000}), setup{slots: slots, Config: pool.Config{Hub: hub}})
			var lives []string
			var tasks []int
			const n = 200
			for range n / slots {
				var tickets []*pool.Ticket[string]
				for range slots {
					tickets = append(tickets, p.submit(t, pool.Task[string]{Value: "leak 5; life"}))
				}
				for _, ticket := range tickets {
					life, err := ticket.Wait(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if i := slices.Index(lives, life); i >= 0 {
						tasks[i]++
					} else {
						lives, tasks = append(lives, life), append(tasks, 1)
					}
				}
			}
			t.Logf("tasks of each life: %v", tasks)
			// While the successor starts the old one goes on.
			if len(lives) < 3 || tasks[0] < 15 {
				t.Errorf("%d tasks of 5 MB on %d lives: %v", n, len(lives), tasks)
			}
			p.Snapshot(func(w inspect.Worker) bool {
				if w.Last == nil || w.Last.Exit.Reason != ganger.LeavingMemorySoft {
					t.Errorf("the last life left for %+v, want memory-soft", w.Last)
				}
				return true
			})
		})
	}
}

// TestT47TaskOverItsMemory: the task that takes twice what its worker may ends
// crashed for it; its neighbours on another worker are done.
func TestT47TaskOverItsMemory(t *testing.T) {
	limit := weight(t) + 100_000_000
	p := start(t, limited(process.Limits{MemoryHard: limit}), setup{Config: pool.Config{Workers: 2}})
	killer := p.submit(t, pool.Task[string]{Value: "leak 250; sleep 1h", MaxDeaths: 1, ExecTimeout: time.Minute})
	for range 50 {
		if _, err := p.Do(t.Context(), pool.Task[string]{Value: "echo x"}); err != nil {
			t.Errorf("a neighbour: %v", err)
		}
	}
	_, err := killer.Wait(t.Context())
	e, ok := errors.AsType[*ganger.Error](err)
	if !ok || e.Outcome != ganger.Crashed || e.Cause != ganger.CauseMemory || e.Exit == nil || e.Exit.PeakMemory <= limit {
		t.Errorf("ended with %v, want crashed, memory, with the bytes", err)
	}
}
