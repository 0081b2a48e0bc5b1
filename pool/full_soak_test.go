//go:build soak && linux

package pool_test

func full(n, _ int) int { return n }
