package goroutine

import "runtime/debug"

// guard calls f, which is not of this module. If f panics or ends its goroutine
// with runtime.Goexit (a stray t.FailNow), it calls fell with the panic's value,
// nil for a Goexit, and the stack. After a Goexit guard does not return; after a
// panic it returns true.
func guard(f func(), fell func(v any, stack string)) (panicked bool) {
	returned := false
	defer func() {
		if returned {
			return
		}
		v := recover()
		panicked = true
		fell(v, string(debug.Stack()))
	}()
	f()
	returned = true
	return false
}
