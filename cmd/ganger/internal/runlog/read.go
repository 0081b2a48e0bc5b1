package runlog

import (
	"errors"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/journal"
)

// errEnough ends a reading that has seen what it wanted.
var errEnough = errors.New("enough was read")

// Read calls f for the newest end of each task of the log at path whose outcome is
// wanted, in the order of the records; record is the end as it stands there, and is
// valid until f returns. The log may be in use. If it is damaged, f is told what is
// before that, and then the error is a [*journal.DamagedError]. It reads twice, and
// keeps less than fifty bytes of each task.
func Read(path string, wanted func(ganger.Outcome) bool, f func(e *End, record []byte) error) error {
	newest := make(map[occurrence]int)
	first, n := ErrForeign, 0
	_, damage := journal.Read(path, func(b []byte) error {
		n++
		if o, _, ok := glance(b); ok && first == nil {
			newest[o] = n
			return nil
		}
		r, err := parse(b)
		switch {
		case err != nil:
			return name(path, unreadable(n, err))
		case r.Version > 0:
			first = nil
		case r.ID != nil:
			newest[occurrence{*r.ID, uint32(r.Nth)}] = n
		}
		return name(path, first)
	})
	switch _, damaged := errors.AsType[*journal.DamagedError](damage); {
	case errors.Is(damage, journal.ErrFormat):
		return name(path, ErrForeign)
	case damage != nil && !damaged:
		return damage
	}
	all, format := n, ""
	n = 0
	_, err := journal.Read(path, func(b []byte) error {
		if n++; n > all {
			return errEnough // it came meanwhile, and may be newer than what was told
		}
		if o, outcome, ok := glance(b); ok && (newest[o] != n || !wanted(outcome)) {
			return nil
		}
		r, err := parse(b)
		switch {
		case err != nil:
			return name(path, unreadable(n, err))
		case r.Version > 0:
			format = r.Format
		case r.ID != nil && wanted(r.Outcome) && newest[occurrence{*r.ID, uint32(r.Nth)}] == n:
			return f(r.end(format), b)
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	if _, damaged := errors.AsType[*journal.DamagedError](err); damaged || err == nil {
		return damage
	}
	return err
}
