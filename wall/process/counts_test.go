//go:build !soak

package process

import "time"

// The ordinary run is short; see counts_soak_test.go.
const (
	lives        = 200
	randomKills  = 3
	dyingParents = 100
	idleFor      = 1500 * time.Millisecond
)
