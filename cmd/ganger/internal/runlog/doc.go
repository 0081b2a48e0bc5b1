// Package runlog keeps the log of a run: which tasks have an outcome, so that
// another run goes on where one ended, however that was. It knows what stands in
// the records; package journal keeps them.
//
// # Usage
//
//	l, err := runlog.Open("conv.log", runlog.Options{Header: h, Resume: true})
//	fate := l.Take(id)        // for each task of the input, in its order
//	l.End(&task, end, waiter) // told once the record is written
//	err = l.Close()
//
// # The records
//
// Each is one JSON object. A session, which is one run, begins with a [Header]. A
// task is known by [ID], which stands for its text, and by the number of its
// occurrence in the input.
//
//	header --> began --> died --> … --> end
//	   |                                 |
//	   +--------------- closed <---------+
//
// began says that a task has been running for a while, died that a worker died
// under it and that it will run again, end is its outcome, and closed ends a
// session that came to its own end. Records of other kinds are passed over.
//
// # Coordinators that died
//
// A session without closed was killed. If one task had begun and not ended, that
// death counts against it; if several had, against none, because nobody knows
// who did it. All of them are to run alone from then on: if a coordinator dies
// under one that runs alone it is known who did it. An end forgets all deaths.
package runlog
