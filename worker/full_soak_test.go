//go:build soak

package worker_test

func full(n, _ int) int { return n }
