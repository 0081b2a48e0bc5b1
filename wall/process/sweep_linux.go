package process

import (
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// sweeper ends the descendants of ended lives that left their group, and reaps
// what falls to this program. Its fields belong to whoever holds the broom.
//
// If the program is a child subreaper (after Main), such a descendant falls to
// it as soon as its own parents are dead, and stands in the kernel's list of
// the main thread's children, where nothing else of ours stands. That list costs
// 8 µs. Otherwise the environments of all processes are searched for marks,
// which costs about 0.5 ms.
type sweeper struct {
	reaper  bool        // orphans fall to this program
	adopts  bool        // all that falls to it is its own
	spared  []int       // children that it had before it said so
	keeps   atomic.Bool // there was a life whose daemons are kept
	list    *os.File    // the children of the main thread; nil until needed
	orphans map[int]orphan
	killed  map[int]bool // found by search, and perhaps not dead yet
}

// orphan is a process that fell to this program. Nobody else can reap it, so
// its number stays its own.
type orphan struct {
	life    uint64 // by its mark; 0: it carries none
	before  uint64 // lives that began later cannot have left it
	session int
	reaped  bool // kept to the end of the look, for what it left behind
}

// How long a sweep waits for killed processes to be dead.
const (
	sweepPatience = 2 * time.Second
	sweepPause    = 50 * time.Microsecond // the first; it doubles
	sweepPauseMax = 5 * time.Millisecond
	chatter       = 20 * time.Millisecond // deaths of orphans are looked after together
)

// sweepAfter ends what c, whose group was killed and whose leader is reaped,
// left behind, and returns when it is dead.
func (h *household) sweepAfter(c *child) {
	begun := time.Now()
	for pause := sweepPause; ; pause = min(2*pause, sweepPauseMax) {
		// A member that is dying may still own a descendant, which shows itself
		// only after it: so the group first.
		empty := syscall.Kill(-c.pid, 0) == syscall.ESRCH || pause > 4*sweepPause && !groupLives(c.pid)
		if h.look(c) && empty {
			return
		}
		if time.Since(begun) > sweepPatience {
			return
		}
		time.Sleep(pause)
	}
}

// look ends what can be seen of dead lives, and reports whether there was
// nothing. c, which may be nil, is the life that has just ended.
func (h *household) look(c *child) (clean bool) {
	h.broom <- struct{}{}
	defer func() { <-h.broom }()
	s := &h.sweep
	if !s.reaper {
		return c == nil || c.keep || h.search()
	}
	clean = true
	seen := make(map[int]bool)
	// What one of them leaves behind falls to this program when it dies, perhaps
	// after the list was read: so until the list shows nobody new.
	for again := true; again; {
		again = false
		for _, pid := range s.children() {
			if seen[pid] {
				continue
			}
			seen[pid], again = true, true
			if !h.tend(pid, c) {
				clean = false
			}
		}
	}
	for pid, o := range s.orphans {
		if o.reaped || !seen[pid] { // or somebody else reaped it
			delete(s.orphans, pid)
		}
	}
	return clean
}

// tend looks after one child of the main thread and reports false if it should
// be dead and is not.
func (h *household) tend(pid int, c *child) bool {
	s := &h.sweep
	st, ok := statusOf(pid)
	if !ok || h.leader(pid) || pid == h.guard.number() {
		return true
	}
	if st.dead {
		if s.ours(pid, st, h, c) {
			_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
			s.orphans[pid] = orphan{session: st.session, reaped: true}
		}
		return true
	}
	o, known := s.orphans[pid]
	if !known {
		env, told := environ(pid)
		if !told {
			return false
		}
		life, marked := lifeOf(env, h.token)
		if !marked && !s.adopts {
			return true // a child of other code, or kept
		}
		o = orphan{life: life, before: h.serial.Load() + 1, session: st.session}
		s.orphans[pid] = o
	}
	o.session = st.session
	s.orphans[pid] = o
	if !h.doomed(pid, o) {
		return true
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	return false
}

// doomed reports whether an orphan has outlived every life that can have left
// it. Without a mark, for example because it wiped its environment, that is
// every life that had begun when it was first seen.
func (h *household) doomed(pid int, o orphan) bool {
	if o.life != 0 {
		return !h.alive(o.life)
	}
	s := &h.sweep
	if !s.adopts || s.keeps.Load() || os.Getpid() == 1 {
		return false
	}
	if slices.Contains(s.spared, pid) {
		return false
	}
	return h.oldest() >= o.before
}

// ours reports whether a zombie is an orphan of a life, and not a child of
// other code in this program, whose status is not ours to take.
func (s *sweeper) ours(pid int, st status, h *household, c *child) bool {
	if _, known := s.orphans[pid]; known || s.adopts {
		return true
	}
	if c != nil && (st.group == c.pid || st.session == c.pid) || h.leader(st.group) || h.leader(st.session) {
		return true
	}
	for _, o := range s.orphans { // of the session that a daemon made
		if o.session == st.session && o.session != ownSession() {
			return true
		}
	}
	return false
}

// ownSession is the session of this program, in which others are too.
var ownSession = sync.OnceValue(func() int {
	st, _ := statusOf(os.Getpid())
	return st.session
})

// children reads the list of the main thread's children.
func (s *sweeper) children() []int {
	if s.list == nil {
		self := strconv.Itoa(os.Getpid())
		f, err := os.Open("/proc/self/task/" + self + "/children")
		if err != nil {
			return nil
		}
		s.list = f
	}
	if _, err := s.list.Seek(0, io.SeekStart); err != nil {
		return nil
	}
	b, _ := io.ReadAll(s.list)
	var pids []int
	for f := range strings.FieldsSeq(string(b)) {
		if pid, err := strconv.Atoi(f); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// search kills every process that carries the mark of a dead life, and reports
// whether there was none and all that it killed before are dead. One that is
// dying shows its mark no more.
func (h *household) search() (clean bool) {
	s := &h.sweep
	clean = true
	for pid := range s.killed {
		if st, ok := statusOf(pid); ok && !st.dead {
			clean = false
			continue
		}
		delete(s.killed, pid)
	}
	for _, pid := range processes() {
		env, told := environ(pid)
		if n, ok := lifeOf(env, h.token); ok && !h.alive(n) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			s.killed[pid] = true
			clean = false
		}
		clean = clean && told
	}
	return clean
}

// reap looks after orphans that die while their life goes on, until stop is
// closed. Nothing wakes it while nobody dies. It begins with those that are dead.
func (h *household) reap(stop <-chan struct{}) {
	deaths := make(chan os.Signal, 1)
	deaths <- syscall.SIGCHLD
	signal.Notify(deaths, syscall.SIGCHLD)
	defer signal.Stop(deaths)
	for {
		select {
		case <-stop:
			return
		case <-deaths:
		}
		t := time.NewTimer(chatter)
		select {
		case <-stop:
			t.Stop()
			return
		case <-t.C:
			h.look(nil)
		}
	}
}
