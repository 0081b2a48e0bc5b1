//go:build soak

package call_test

// loops is how often a race is run.
const (
	soak  = true
	loops = 25
)
