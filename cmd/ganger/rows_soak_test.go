//go:build soak

package main

const (
	kills       = 100
	tasksOfP12  = 1_000_000
	tasksBehind = 200_000
)
