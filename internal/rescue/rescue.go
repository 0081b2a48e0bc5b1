// Package rescue calls code that is not of this module. It holds the module's
// only recover: anywhere else a panic is a bug and ends the program.
package rescue

// Call calls f. If f panics or ends its goroutine with runtime.Goexit (a stray
// t.FailNow), it calls fell with the panic's value, nil for a Goexit, and the
// calls from there up to f. After a Goexit Call does not return; after a panic it
// returns true.
func Call(f func(), fell func(v any, at Stack)) (panicked bool) {
	returned := false
	defer func() {
		if returned {
			return
		}
		v := recover()
		panicked = true
		fell(v, calls())
	}()
	f()
	returned = true
	return false
}
