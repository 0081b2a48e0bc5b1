// Package rescue calls code that is not of this module. It holds the module's
// only recover: anywhere else a panic is a bug and ends the program.
package rescue

// Call calls f. If f panics or ends its goroutine with runtime.Goexit (a stray
// t.FailNow), it calls fell with the panic's value, nil for a Goexit, and the
// calls from there up to f. After a Goexit Call does not return; after a panic it
// returns true.
func Call(f func(), fell func(v any, at Stack)) (panicked bool) {
	v, at := call(f, fell)
	if at != nil {
		fell(v, at) // here, where the stack is shallow again: it may need less of it
	}
	return at != nil
}

// call calls f and returns what it panicked with, and where. fell is told of a
// Goexit.
func call(f func(), fell func(v any, at Stack)) (v any, at Stack) {
	returned := false
	defer func() {
		if returned {
			return
		}
		v, at = recover(), calls()
		if v == nil {
			fell(nil, at)
		}
	}()
	f()
	returned = true
	return nil, nil
}
