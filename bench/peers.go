package main

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// peers are the programs in other languages that take part.
//
//go:embed peers
var peers embed.FS

// jestWorker is the package of npm that is measured, and its version.
const jestWorker = "jest-worker@30.5.1"

// unpack puts the peers' programs into dir.
func unpack(dir string) error {
	names, err := peers.ReadDir("peers")
	if err != nil {
		return err
	}
	for _, n := range names {
		text, err := peers.ReadFile(path.Join("peers", n.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, n.Name()), text, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// N5 is measured as a user would run each: a command that reads n lines, has two
// worker processes perform the same tiny function on each, and prints the answers
// in order; its start, and that of its workers, counts.

// maps adds the contestants of N5.
func (b *field) maps(ctx context.Context, dir string, n int) {
	in := func(name string) string { return filepath.Join(dir, name) }
	ganger := func(args ...string) []string {
		return append([]string{in("run"), "run", "--quiet", "-j2"}, args...)
	}
	add := func(name string, args ...string) {
		b.contestants = append(b.contestants, contestant{name: name, args: args, tasks: n, answers: true})
	}
	add("map/go", ganger("--proto", "native", "--", in("increment"))...)
	if b.has("Python's pools", "python3", "python3") {
		b.contestants = append(b.contestants, contestant{name: "python", args: []string{"python3", in("pools.py")}})
		add("map/call python", ganger("--call", in("task.py")+":inc")...)
		add("map/executor", "python3", in("map.py"), "executor")
		add("map/pool", "python3", in("map.py"), "pool")
	}
	if b.has("functions of Node", "node", "nodejs") {
		add("map/call node", ganger("--call", in("task.cjs")+":inc")...)
		if b.has("jest-worker", "npm", "npm") {
			if err := command(ctx, "npm", "install", "--prefix", dir, "--no-audit", "--no-fund", "--no-save", jestWorker); err != nil {
				b.skip("jest-worker", fmt.Errorf("it could not be fetched: %w", err))
			} else {
				add("map/jest-worker", "node", in("jest.cjs"))
			}
		}
	}
}

// has skips what unless its program is there, which a package of Debian has.
// It reports whether it is.
func (b *field) has(what, program, debian string) bool {
	if _, err := exec.LookPath(program); err != nil {
		b.skip(what, fmt.Errorf("%s is not installed; on Debian: apt-get install %s", program, debian))
		return false
	}
	return true
}

// plugin adds the contestant of N4, go-plugin.
func (b *field) plugin(ctx context.Context, dir string, n int) {
	bin, err := module(ctx, dir, "plugin")
	if err != nil {
		b.skip("go-plugin", err)
		return
	}
	b.contestants = append(b.contestants, contestant{name: "go-plugin", args: []string{bin, "-n", strconv.Itoa(n)}})
}

// module builds a program that is a module of its own, below this one's, so that
// nothing else compiles what it needs. It returns the program's path.
func module(ctx context.Context, dir, name string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/ganger-dev/ganger/bench").Output()
	if err != nil {
		return "", fmt.Errorf("it could not be found: %w", err)
	}
	bin := filepath.Join(dir, name)
	build := exec.CommandContext(ctx, "go", "build", "-C", filepath.Join(strings.TrimSpace(string(out)), name), "-trimpath", "-o", bin, ".")
	build.Env = append(os.Environ(), "GOWORK=off")
	if said, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("it could not be built: %s", strings.TrimSpace(string(said)))
	}
	return bin, nil
}
