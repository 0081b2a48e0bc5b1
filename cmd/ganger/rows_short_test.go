//go:build !soak

package main

import "time"

// How often and how much the rows are tried in an ordinary run, and how long a
// test waits for the tool before it says that it hangs.
const (
	resumes        = 5
	filesConverted = 300
	filesKills     = 20
	kills          = 4
	tasksOfP12     = 60_000
	tasksBehind    = 30_000
	hang           = time.Minute
)
