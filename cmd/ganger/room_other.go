//go:build !linux && !darwin

package main

// descriptorLimit is how many descriptors this process may have; it is not known here.
func descriptorLimit() uint64 { return 0 }

// processLimit is how many processes this user may have; it is not known here.
func processLimit() uint64 { return 0 }
