// Package layering holds no code of the library, only two tests about all of
// it. One keeps the architecture of docs/architecture.md: who may import whom,
// who may start processes, keep timers or recover from panics. The other keeps
// docs/rows.md honest: every test that it names exists, and every required row
// stands there.
//
// Both read the source with go/parser, so files of every platform are seen.
package layering
