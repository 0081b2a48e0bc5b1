package process

import (
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// meter knows how much memory a life uses, and what is to be done about it. The
// sampler looks at it while it is due:
//
//	         busy              idle
//	resting ------> occupied ------> waning
//	   ^               ^---------------' | busy
//	   '---------------------------------' after one more look
//
// All but resting are due.
type meter struct {
	limits Limits
	child  *child
	heavy  chan struct{} // closed when the soft limit is passed
	work   atomic.Uint32 // resting, occupied or waning
	over   bool          // the life has ended; guarded by the sampler's lock

	mu     sync.Mutex // guards what follows; held across reading statm, so that it is still open
	newest wall.Usage
	peak   int64
	soft   bool      // heavy is closed
	looked time.Time // last look at the leader alone
	statm  *os.File  // of the leader; nil before the first look and after the end
}

// The work of a meter.
const (
	resting uint32 = iota
	occupied
	waning // idle, and due for a last look
)

// briefly is how often a life that goes idle again and again is looked at in
// between: one system call of 2 µs. So a life that performs thousands of tasks
// a second passes its limits by no more than it can take in that time.
const briefly = time.Millisecond

// newMeter returns a meter of c, which counts as busy until its life says that
// it is idle.
func newMeter(l Limits, c *child) *meter {
	m := &meter{limits: l, child: c, heavy: make(chan struct{}), newest: wall.Usage{PID: c.pid}}
	m.busy()
	return m
}

// busy says that the life has something to do.
func (m *meter) busy() {
	if m.work.Load() != occupied && m.work.Swap(occupied) == resting {
		house.sampler.add(m)
	}
}

// idle says that the life has nothing to do.
func (m *meter) idle() {
	if m.work.CompareAndSwap(occupied, waning) {
		m.glance()
	}
}

// glance looks at the leader alone, unless that was done a moment ago. It needs
// no look at all processes, so it is made at the end of a task.
func (m *meter) glance() {
	now := time.Now()
	m.mu.Lock()
	if now.Sub(m.looked) < briefly {
		m.mu.Unlock()
		return
	}
	first := m.looked.IsZero()
	m.looked = now
	if first {
		m.statm, _ = os.Open("/proc/" + strconv.Itoa(m.child.pid) + "/statm")
	}
	memory, ok := m.leaderLocked()
	m.mu.Unlock()
	if ok {
		m.judge(memory)
	}
}

// leaderLocked reads the resident memory of the leader.
func (m *meter) leaderLocked() (int64, bool) {
	if m.statm == nil {
		return 0, false
	}
	var buf [128]byte
	n, err := unix.Pread(int(m.statm.Fd()), buf[:], 0)
	if err != nil {
		return 0, false
	}
	var fields [2]int64
	at := 0
	for _, c := range buf[:n] {
		switch {
		case c >= '0' && c <= '9':
			fields[at] = fields[at]*10 + int64(c-'0')
		case at == 1:
			return fields[1] * pageSize, true
		default:
			at++
		}
	}
	return 0, false
}

// note takes a sample of the whole life.
func (m *meter) note(u wall.Usage) {
	u.PID = m.child.pid
	m.mu.Lock()
	defer m.mu.Unlock()
	m.newest = u
	m.peak = max(m.peak, u.Memory)
}

// passes reports whether so much memory has a consequence that it did not have yet.
func (m *meter) passes(memory int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.limits
	return l.MemoryHard > 0 && memory > l.MemoryHard || l.MemorySoft > 0 && memory > l.MemorySoft && !m.soft
}

// judge does what is to be done about so much memory.
func (m *meter) judge(memory int64) {
	l := m.limits
	m.mu.Lock()
	m.peak = max(m.peak, memory)
	heavy := l.MemorySoft > 0 && memory > l.MemorySoft && !m.soft
	m.soft = m.soft || heavy
	m.mu.Unlock()
	if heavy {
		close(m.heavy)
	}
	if l.MemoryHard > 0 && memory > l.MemoryHard {
		m.child.kill(ganger.LeavingMemoryHard)
	}
}

// usage is the newest sample.
func (m *meter) usage() wall.Usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.newest
}

// end says that the leader is dead, and returns the most memory that was seen.
func (m *meter) end() (peak int64) {
	house.sampler.drop(m)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.statm != nil {
		_ = m.statm.Close()
		m.statm = nil
	}
	return m.peak
}
