// Package realtools holds no code, only tests of the command with programs that
// were not written for it: xargs and GNU parallel say what the output of a
// one-shot run must be, bc, sed and jq are warm workers as they come, and a
// Python program speaks the native protocol from nothing but its description.
//
// They are behind the build tag real; make test-real installs what they need.
package realtools
