package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// findProgram says at once and in words why a program that no task changes could
// never be executed; nil if it could be. It looks where the wall will look.
func findProgram(name, dir string) error {
	if strings.Contains(name, "/") {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		switch err := executable(path); {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%s: command not found: there is no such file", name)
		default:
			return err
		}
	}
	var found error
	for _, d := range filepath.SplitList(os.Getenv("PATH")) {
		if d == "" {
			d = "."
		}
		switch err := executable(filepath.Join(d, name)); {
		case err == nil:
			return nil
		case found == nil && !errors.Is(err, fs.ErrNotExist):
			found = err
		}
	}
	if found != nil {
		return found
	}
	return fmt.Errorf("%s: command not found in PATH; a program elsewhere needs its path, such as ./%s", name, name)
}

// executable says why path is no program.
func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fs.ErrNotExist
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s: not executable: it is a directory", path)
	case info.Mode()&0o111 == 0:
		return fmt.Errorf("%s: not executable; see chmod +x", path)
	}
	return nil
}

// findDir says at once why workers could not be started in dir; "" is here.
func findDir(dir string) error {
	if dir == "" {
		return nil
	}
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return fmt.Errorf("--dir: %w", err)
	case !info.IsDir():
		return fmt.Errorf("--dir: %s is not a directory", dir)
	}
	return nil
}
