package main

import (
	"fmt"
	"os"

	"github.com/ganger-dev/ganger/bench/load"
	"github.com/ganger-dev/ganger/wall/process"
)

// window prints the rate of n small tasks of one worker that has as many of them
// in hand as it has slots.
func window(slots, n int) error {
	w, err := workers(slots, process.Private)
	if err != nil {
		return err
	}
	took, err := keep(slots, w, 1, n)
	if err != nil {
		return err
	}
	load.Figure(os.Stdout, fmt.Sprintf("ganger/window/%d", slots), float64(n)/took.Seconds())
	return nil
}
