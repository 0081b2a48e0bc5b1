//go:build !soak

package strategy

import (
	"math/rand/v2"
	"testing"
)

// games is how many lies about the long execution are played; under the tag soak
// there are more, at other ticks each time.
const games = 2

func long(testing.TB) *rand.Rand { return rand.New(rand.NewPCG(1, 12345)) }
