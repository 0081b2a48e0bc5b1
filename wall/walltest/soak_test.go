//go:build soak && unix

package walltest_test

// loops is how often a race is run on walls whose lives are dear.
const loops = 500
