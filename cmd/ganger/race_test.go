//go:build race

package main

// raced says that the tool of these tests runs under the race detector, whose
// memory is many times its own.
const raced = true
