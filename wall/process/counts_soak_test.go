//go:build soak

package process

import "time"

// What the promises are made for.
const (
	lives        = 1000
	randomKills  = 100
	dyingParents = 1000
	idleFor      = 10 * time.Second
)
