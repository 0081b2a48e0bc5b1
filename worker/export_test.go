package worker

// SetJitter has the delays of restarts drawn from f. It is called before the
// first launch.
func (t *Table[N, P, F]) SetJitter(f func() float64) { t.ward.jitter = f }
