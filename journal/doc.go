// Package journal is an append-only log of records in one file, for one machine.
//
// # Usage
//
//	l, err := journal.Open("run.log", journal.Config{}, func(record []byte) error { … })
//	err = l.Append(record)      // survives the death of this process
//	err = l.Commit(ctx, record) // survives a power cut
//
// # The file
//
// It begins with a line that names the format, and then has frames: a length and
// a CRC-32C of four bytes each, little endian, and the record. The sum covers the
// length too, so that a region of zeros, which a power cut may leave, is no record.
// A frame whose length has its highest bit set is a mark: it says up to where the
// file was synced before it.
//
// # State model
//
//	open --Append, Commit--> dirty --sync of the group--> open
//	  |                        |
//	  |                        +--a write or sync that fails--> broken: every call errs
//	  +--Close: what is dirty is synced--> closed
//
// # Guarantees
//
// A record is whole in the file when Append returns, and whatever then happens to
// this process it is read by the next Open, in the order of the calls. It survives
// a power cut when Commit returns, or once [Config].Sync is over. Syncs are shared:
// all that wait when one begins are served by it.
//
// # Failure handling
//
// The torn end that a death in the midst of a write, or a power cut, leaves is cut
// off by the next Open. What is damaged before the last mark was synced once, so
// that no crash can have torn it: then Open returns a [*DamagedError] and changes
// nothing. A write that fails, such as on a full disk, is undone, and the log takes
// nothing more: what a failed sync leaves in the file nobody knows, so it is never
// tried again. Two programs never write one log: the second gets a [*HeldError].
package journal
