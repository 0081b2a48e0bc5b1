//go:build soak

package strategy

import (
	"math/rand/v2"
	"testing"
)

const games = 20

func long(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(1, seed))
}
