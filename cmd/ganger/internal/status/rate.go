package status

import "time"

// span is how far back a rate looks: long enough to be calm, short enough to
// follow a change.
const span = 20 * time.Second

// Rate is the number of ends in a second, over the last few seconds. The zero
// Rate knows nothing yet.
type Rate struct {
	samples []sample // oldest first
}

type sample struct {
	at    time.Time
	ended int
}

// Add takes a sample of how many tasks have ended and returns the rate, 0 while
// it is not known.
func (r *Rate) Add(now time.Time, ended int) float64 {
	r.samples = append(r.samples, sample{now, ended})
	for len(r.samples) > 2 && now.Sub(r.samples[1].at) >= span {
		r.samples = r.samples[1:]
	}
	first := r.samples[0]
	if d := now.Sub(first.at); d >= time.Second {
		return float64(ended-first.ended) / d.Seconds()
	}
	return 0
}
