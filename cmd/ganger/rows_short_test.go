//go:build !soak

package main

// How often and how much the rows are tried in an ordinary run.
const (
	kills       = 4
	tasksOfP12  = 60_000
	tasksBehind = 30_000
)
