package window

// movableLocked is the first place in memory that could go to the disk, nil if
// there is none.
func (w *Window[T]) movableLocked() *Place[T] {
	p := w.first
	for p != nil && !p.movableLocked() {
		p = p.next
	}
	return p
}

// movableLocked reports whether p can go to the disk: it has ended, and it is
// not its turn.
func (p *Place[T]) movableLocked() bool { return p.ending != nil && p.number != p.w.prints }

// batchBytes bounds what is copied at once, so that an end by force finds Admit
// listening soon.
const batchBytes = 64 << 20

// makeRoom puts places that have ended on the disk, the oldest first, until half
// of what may be in memory is free, or so much was copied that it is time to look
// what else has happened. It is called by the goroutine that admits.
func (w *Window[T]) makeRoom() error {
	w.mu.Lock()
	if !w.idle { // meanwhile the printer has something to do, and perhaps with the store
		w.mu.Unlock()
		return nil
	}
	w.moving = true
	var batch []*Place[T]
	var size, filed int64
	// Nothing before the next that is printed will ever be stored: a place that is
	// older than those of this batch may still end and follow them.
	empty, first := w.stored == 0, w.prints
	for p := w.movableLocked(); p != nil; p = p.next {
		if len(batch) > 0 && (filed > batchBytes || w.held-size <= w.cfg.Bytes/2 && w.taken-len(batch) <= w.cfg.Tasks/2) {
			break
		}
		if p.movableLocked() {
			batch = append(batch, p)
			size += p.own + int64(len(p.buf))
			for _, x := range p.pieces {
				filed += x.size
			}
			p.moves = true // the printer waits for it, should it come that far
		}
	}
	w.mu.Unlock()
	var err error
	if len(batch) > 0 {
		err = w.move(batch, empty, first)
	}
	w.mu.Lock()
	w.moving = false
	var pieces []piece
	for _, p := range batch {
		p.moves = false
		if err == nil {
			pieces = append(pieces, p.pieces...)
			w.leaveLocked(p)
			w.stored++
		}
	}
	w.mu.Unlock()
	wake(w.turn)
	if err != nil {
		w.full(err)
		return err
	}
	w.free(pieces)
	return nil
}

// move writes a batch to the store. Whoever reads its places waits meanwhile.
func (w *Window[T]) move(batch []*Place[T], empty bool, first uint64) error {
	if err := w.store.begin(empty, first); err != nil {
		return err
	}
	for _, p := range batch {
		if err := w.store.add(p.number, p.ending); err != nil {
			return err
		}
	}
	return w.store.commit()
}
