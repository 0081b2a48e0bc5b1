package pool

import "slices"

// keysRemembered is how many keys a life is taken to be warm for: what it had
// before them it may have dropped itself, and the pool's memory is bounded.
const keysRemembered = 1024

// warmth is what is known of the lives that performed tasks with keys. It is
// guarded by the pool's lock.
type warmth[T, Q, R, C any] struct {
	lives   map[string][]*holder[T, Q, R, C]
	waiting int // tasks with a key that wait
}

// ownedLocked reports whether a life that is warm for the key could still
// perform a task of it.
func (w *warmth[T, Q, R, C]) ownedLocked(key string) bool {
	for _, h := range w.lives[key] {
		if h.serving && !h.doomed && h.leaving == "" && !h.spentLocked() {
			return true
		}
	}
	return false
}

// takeLocked notes that h gets a task of the key, and reports whether it is warm for it.
func (w *warmth[T, Q, R, C]) takeLocked(h *holder[T, Q, R, C], key string) (warm bool) {
	if slices.Contains(w.lives[key], h) {
		return true
	}
	if w.lives == nil {
		w.lives = make(map[string][]*holder[T, Q, R, C])
	}
	w.lives[key] = append(w.lives[key], h)
	if h.keys = append(h.keys, key); len(h.keys) > keysRemembered {
		w.forgetLocked(h, h.keys[0])
		h.keys = slices.Delete(h.keys, 0, 1)
	}
	return false
}

func (w *warmth[T, Q, R, C]) forgetLocked(h *holder[T, Q, R, C], key string) {
	rest := slices.DeleteFunc(w.lives[key], func(x *holder[T, Q, R, C]) bool { return x == h })
	if len(rest) == 0 {
		delete(w.lives, key)
	} else {
		w.lives[key] = rest
	}
}

// leaveLocked forgets a life.
func (w *warmth[T, Q, R, C]) leaveLocked(h *holder[T, Q, R, C]) {
	for _, key := range h.keys {
		w.forgetLocked(h, key)
	}
	h.keys = nil
}

// keyLocked reports whether h may take e as far as its key is concerned: it is
// warm for it, or nobody is, or those who are have let it wait for too long since
// another would have had it.
func (h *holder[T, Q, R, C]) keyLocked(e *entry[T, Q, R, C]) bool {
	c := h.core
	if h.seat.extra || e.Key == "" || !c.warm.ownedLocked(e.Key) || slices.Contains(c.warm.lives[e.Key], h) {
		return true
	}
	if e.waits == unpassed && e.place == queued && c.cfg.KeyWait > 0 {
		e.waits, e.passed = passed, c.now()
		e.armLocked(e.passed)
	}
	return e.waits == freed
}
