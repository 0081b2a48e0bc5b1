//go:build soak

package main

import "time"

const (
	resumes        = 100
	filesConverted = 2000
	filesKills     = 100
	kills          = 100
	tasksOfP12     = 10_000_000
	tasksBehind    = 200_000
	hang           = 8 * time.Minute
)
