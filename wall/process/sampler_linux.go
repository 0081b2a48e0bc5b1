package process

import (
	"sync"
	"time"

	"github.com/ganger-dev/ganger/wall"
)

// sampler looks at the memory of all lives that are due, together. Its
// goroutine begins with the first of them and is ended by the last life that
// leaves the household; while none is due nothing wakes it.
type sampler struct {
	mu   sync.Mutex // guards what follows
	due  []*meter
	wake chan struct{} // a signal that there are some; has room for one
	stop chan struct{}
	done chan struct{} // closed when the goroutine has ended; nil: it does not run
}

// How long the sampler waits from look to look: the period, or as long as keeps
// it below a twentieth of one processor, but so that a limit that is passed is
// noticed within a second.
const (
	period  = 100 * time.Millisecond
	slowest = 500 * time.Millisecond
	thrift  = 20
)

// add makes m due. A life that has ended never is.
func (s *sampler) add(m *meter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.over {
		return
	}
	s.due = append(s.due, m)
	if s.done == nil {
		s.wake, s.stop, s.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
		go s.run(s.wake, s.stop, s.done) // end waits for it
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// drop says that the life of m has ended.
func (s *sampler) drop(m *meter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.over = true
}

// end ends the goroutine and waits for it. No life is left.
func (s *sampler) end() {
	s.mu.Lock()
	stop, done := s.stop, s.done
	s.due, s.done = nil, nil
	s.mu.Unlock()
	if done != nil {
		close(stop)
		<-done
	}
}

func (s *sampler) run(wake, stop <-chan struct{}, done chan<- struct{}) {
	defer close(done)
	l := look{strays: make(map[stray]uint64)}
	for {
		select {
		case <-stop:
			return
		case <-wake:
		}
		for pause := period; ; {
			t := time.NewTimer(pause)
			select {
			case <-stop:
				t.Stop()
				return
			case <-t.C:
			}
			begun := time.Now()
			meters := s.take()
			if len(meters) == 0 {
				break
			}
			l.at(meters)
			s.put(meters)
			pause = min(max(period, thrift*time.Since(begun)), slowest)
		}
	}
}

// take returns the meters that are due, which are then the caller's.
func (s *sampler) take() []*meter {
	s.mu.Lock()
	defer s.mu.Unlock()
	live := s.due[:0]
	for _, m := range s.due {
		if !m.over {
			live = append(live, m)
		}
	}
	s.due = nil
	return live
}

// put gives meters back that were looked at and are still due.
func (s *sampler) put(meters []*meter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range meters {
		// Whoever is busy again from here on adds it himself.
		if !m.work.CompareAndSwap(waning, resting) && !m.over {
			s.due = append(s.due, m)
		}
	}
}

// stray is a process whose parents are gone, told apart from a later one of its
// number.
type stray struct {
	pid     int
	started int64
}

// look is what one look at all processes needs, kept for the next.
type look struct {
	people []person
	strays map[stray]uint64 // the lives that strays belong to, by their marks; 0: none
}

// at samples some lives and does what is to be done.
func (l *look) at(meters []*meter) {
	l.people = census(l.people)
	k := kinship{
		people: l.people, index: make(map[int]int, len(l.people)), leaders: make(map[int]*meter, len(meters)),
		owner: make([]*meter, len(l.people)), known: make([]bool, len(l.people)),
	}
	numbers := make(map[uint64]*meter, len(meters))
	for _, m := range meters {
		k.leaders[m.child.pid], numbers[m.child.number] = m, m
	}
	for i, p := range l.people {
		k.index[p.pid] = i
	}
	seen := make(map[stray]uint64, len(l.strays))
	k.adopted = func(p person) *meter {
		n := l.life(p)
		seen[stray{p.pid, p.started}] = n
		return numbers[n]
	}
	type total struct {
		usage wall.Usage
		pids  []int
	}
	totals := make(map[*meter]*total, len(meters))
	for i, p := range l.people {
		m := k.of(i)
		if m == nil {
			continue
		}
		t := totals[m]
		if t == nil {
			t = new(total)
			totals[m] = t
		}
		t.usage.Memory += p.memory
		t.usage.CPU += p.cpu
		t.pids = append(t.pids, p.pid)
	}
	l.strays = seen
	for m, t := range totals {
		if m.passes(t.usage.Memory) && len(t.pids) > 1 {
			if sum, ok := proportional(t.pids); ok {
				t.usage.Memory = sum
			}
		}
		m.note(t.usage)
		m.judge(t.usage.Memory)
	}
}

// life returns the number of the life that a child of this program belongs to by
// its mark.
func (l *look) life(p person) uint64 {
	if n, known := l.strays[stray{p.pid, p.started}]; known {
		return n
	}
	if house.leader(p.pid) || p.pid == house.guard.number() {
		return 0
	}
	env, _ := environ(p.pid)
	n, _ := lifeOf(env, house.token)
	return n
}
