package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// Named workers are measured beside actor libraries. What one operation costs is
// told as its ratio to a round trip over an unbuffered channel, which each
// program measures in turn with its own operations (package turns).

// many is the number of idle workers whose memory is measured.
const many = "1000000"

// named adds the contestants of the table of named workers.
func (b *field) named(ctx context.Context, dir string) error {
	ours := filepath.Join(dir, "worker")
	if err := command(ctx, "go", "build", "-trimpath", "-o", ours, "github.com/ganger-dev/ganger/bench/worker"); err != nil {
		return err
	}
	b.contestants = append(
		b.contestants,
		contestant{name: "worker", args: []string{ours}},
		contestant{name: "worker, idle", args: []string{ours, "-idle", many}, once: true},
	)
	for _, lib := range []struct {
		name string
		idle [][]string // the arguments of each measurement of memory
	}{
		{"hollywood", [][]string{{"-idle", many}, {"-idle", "100000", "-inbox", "1024"}}},
		{"protoactor", [][]string{{"-idle", many}}},
	} {
		bin, err := module(ctx, dir, lib.name)
		if err != nil {
			b.skip(lib.name, err)
			continue
		}
		b.contestants = append(b.contestants, contestant{name: lib.name, args: []string{bin}})
		for _, args := range lib.idle {
			b.contestants = append(b.contestants, contestant{name: lib.name + ", idle", args: append([]string{bin}, args...), once: true})
		}
	}
	return nil
}

// operation is one row of the table of named workers.
type operation struct {
	what, figure string
	target       float64 // of the ratio to the channel, at most; 0 for none
	allocates    bool    // it may; otherwise, where there is a target, it is missed by what does
}

var operations = []operation{
	{what: "call, background context", figure: "worker/call", target: 1.7},
	{what: "call, cancellable context", figure: "worker/call cancellable", target: 2.2, allocates: true},
	{what: "call, `Config.Limit`", figure: "worker/call limit", target: 2.8, allocates: true},
	{what: "call, `context.WithTimeout` for each", figure: "worker/call timeout"},
	{what: "Hollywood: request and result, which have a limit", figure: "hollywood/call"},
	{what: "Proto.Actor: request and result, which have a limit", figure: "protoactor/call"},
	{what: "push, one producer", figure: "worker/push", target: 0.5, allocates: true},
	{what: "Hollywood: send, one producer", figure: "hollywood/push"},
	{what: "Proto.Actor: send, one producer", figure: "protoactor/push"},
	{what: "push, 8 producers", figure: "worker/push8"},
	{what: "Hollywood: send, 8 producers", figure: "hollywood/push8"},
	{what: "Proto.Actor: send, 8 producers", figure: "protoactor/push8"},
	{what: "put to a worker that is busy, merged", figure: "worker/put", target: 0.3, allocates: true},
	{what: "put to a worker that takes what it can", figure: "worker/put taken"},
	{what: "a panic told to its caller, and the next life's answer to a call", figure: "worker/restart", target: 20, allocates: true},
	{what: "launch", figure: "worker/launch"},
}

// others are what else is asked of named workers.
var others = []comparison{
	{row: "W42", what: "ns from a panic to the error of the last of 100 callers, beside closing a channel that 100 wait for", ours: "worker/crash/ns", beside: "worker/close/ns", target: 50_000, most: true},
	{row: "W42", what: "ns a call to a worker behind a process ÷ a task of a pool on the same wall", ours: "worker/behind/ns", other: "worker/pool/ns", target: 1.2, most: true},
	{row: "W42", what: "resident bytes for each of 10⁶ idle workers", ours: "worker/idle/B", target: 600, most: true},
	{row: "", what: "the same, Hollywood's actors with inboxes of 1", ours: "hollywood/1/idle/B"},
	{row: "", what: "the same, 10⁵ with the default inbox, 1,024", ours: "hollywood/1024/idle/B"},
	{row: "", what: "the same, Proto.Actor's", ours: "protoactor/idle/B"},
	{row: "W42", what: "GB of a program with 10⁶ idle workers", ours: "worker/idle/GB", target: 0.7, most: true},
	{row: "", what: "the same, Hollywood's actors with inboxes of 1", ours: "hollywood/1/idle/GB"},
	{row: "", what: "the same, Proto.Actor's", ours: "protoactor/idle/GB"},
	{row: "W42", what: "goroutines that 10⁵ idle workers add", ours: "worker/idle/goroutines", target: 9, most: true},
}

// operations writes the table of named workers in Markdown.
func (f *figures) operations(b *strings.Builder) {
	b.WriteString("| named workers | ns | ÷ channel | target | | B | allocations |\n|---|---:|---:|---|---|---:|---:|\n")
	for _, o := range operations {
		ns, ok := f.median(o.figure + "/ns")
		if !ok {
			continue // its contestant was skipped, which is said below the tables
		}
		ratio, _ := f.median(o.figure + "/ratio")
		bytes, _ := f.median(o.figure + "/B")
		allocs, _ := f.median(o.figure + "/allocs")
		target, met := "", ""
		if o.target > 0 {
			target, met = fmt.Sprintf("≤ %g", o.target), verdict(ratio, o.target, true)
			if !o.allocates {
				target += ", none"
				// Not zero: what the runtime does meanwhile counts too.
				if allocs > 0.005 {
					met = verdict(allocs, 0, true)
				}
			}
		}
		fmt.Fprintf(b, "| %s | %s | %.2f | %s | %s | %.0f | %.2f |\n", o.what, number(ns), ratio, target, met, bytes, allocs)
	}
}
