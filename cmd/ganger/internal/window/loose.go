package window

// Write adds b to the stream at once, between places and before what is printed
// of any that ends later: lines of tasks that run. It is for windows that are
// unordered. It waits while much of that kind waits for the printer, and returns
// the stream's error once there is one. It does not keep b.
func (w *Window[T]) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.err == nil && len(w.loose) > 0 && len(w.loose)+len(b) > w.cfg.flow {
		if w.looser == nil {
			w.looser = make(chan struct{})
		}
		wait := w.looser
		w.mu.Unlock()
		<-wait
		w.mu.Lock()
	}
	if w.err != nil {
		return 0, w.err
	}
	w.loose = append(w.loose, b...)
	wake(w.turn)
	return len(b), nil
}

// takeLooseLocked returns what was written beside the places.
func (w *Window[T]) takeLooseLocked() []byte {
	b := w.loose
	w.loose = nil
	w.loosenLocked()
	return b
}

// loosenLocked wakes the writers that wait.
func (w *Window[T]) loosenLocked() {
	if w.looser != nil {
		close(w.looser)
		w.looser = nil
	}
}
