//go:build !soak

package worker_test

// full returns the count for an ordinary run; with the tag soak, the full one.
func full(_, ordinary int) int { return ordinary }
