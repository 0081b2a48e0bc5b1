//go:build !soak

package call_test

// loops is how often a race is run; lives are dear here.
const (
	soak  = false
	loops = 5
)
