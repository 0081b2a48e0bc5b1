// Package walltest is the conformance suite that every wall and every dialect
// passes, and what its tests need: a scripted worker, and a wall of streams in
// memory, whose worker a test may also play byte by byte.
//
// # Usage
//
//	func TestWall(t *testing.T) { walltest.Run(t, walltest.Subject{Name: "mine", Wall: …}) }
//
// A [Subject] says what is behind the wall, and which faults can be injected
// there. The worker performs scripts, with [Worker.Perform]; a script is also
// the request, so one worker does for all rows.
//
//	i, life := walltest.Open(t, dialect, 64<<10, func(far *walltest.Far) error { … })
//	got, err := walltest.Do(t, i, "request")
//
// [Open] is for what only one dialect promises: the function is the worker.
//
// # Ordering and concurrency
//
// Rows run one after the other, each with lives of its own; a subject with
// Bubble runs each row in virtual time.
//
// # Failure handling
//
// Whatever the fault and wherever it is injected, the same is asserted: each
// call has exactly one end, with an outcome that the fault allows; Gone closes;
// the exit says what happened; no goroutine is left.
package walltest
