package worker

// SetJitter has the delays of restarts drawn from f. It is called before the
// first launch.
func (t *Table[N, P, F]) SetJitter(f func() float64) { t.ward.jitter = f }

// Rouse gives the turn to a goroutine that has not begun: the result is what it
// does. The worker must be idle.
func (f Ref) Rouse() (begin func()) {
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	if !f.c.rouseLocked(f.c.table.now()) {
		panic("the worker is not idle")
	}
	return f.c.work
}
