// Package call makes workers of bare functions in Python and JavaScript: nothing
// of the protocol has to be in the user's file. docs/call.md is for those who
// write such functions.
//
// # Usage
//
//	f, err := call.Parse("caption.py:caption")
//	…
//	cmd, err := f.Command()
//	…
//	d := native.Dialect[string, Caption]{Request: native.JSON[string](), Response: native.JSON[Caption]()}
//	w := wall.Speak(cmd, d)
//
// The value of a request is the argument of the function, and what it returns is
// the response, both as JSON. An exception is a failure with its traceback, a
// result that JSON cannot carry one with the cause encode. A cancel interrupts
// the function. Async functions have as many requests in hand as native.Dialect
// allows by its Slots; a plain function of Python has one.
//
// # How it works
//
// The interpreter is started with the worker's side of the native protocol as
// its program, which loads the user's file. That program is a part of this
// package; it reaches the interpreter in the environment of the process, and no
// file is made for it.
//
// In Python the main thread reads requests and performs them: to hand each to
// another thread would cost more than all the rest. A second thread looks on, and
// reads in its stead while a function runs for longer than a moment, so that a
// cancel becomes KeyboardInterrupt in the main thread. Async functions run on one
// event loop, which also reads. In JavaScript the event loop reads, so a plain
// function that does not return cannot be interrupted: the grace ends its worker.
//
// # Failure handling
//
// A file that cannot be loaded is a failed start, told in the interpreter's own
// words (wall.StartError); the exit status is [ExitUnusable] where another start
// would end no better. What the function prints goes to the worker's log, by
// whatever way it reaches descriptor 1. A process that the function forks holds
// no channel of the worker, so it cannot speak in its name or outlive it unseen.
package call
