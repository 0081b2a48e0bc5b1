package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/outfile"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/replace"
)

// result is the directory of --results that a task gets when it has ended. It is
// made under a temporary name, as a file of --out is.
type result struct {
	path           string
	stdout, stderr stream
	begun          bool // it is there under its temporary name
}

func (r *result) temporary() string { return outfile.Temporary(r.path) }

// former is where an earlier run's directory of that name goes while it is
// replaced, because a name that holds files cannot be given to others.
func (r *result) former() string { return outfile.Temporary(r.path + ".former") }

// resultName is how the directory of t is called: its number, which no other has,
// and what tells people whose it is.
func resultName(t *task) string {
	name := strconv.Itoa(t.Index)
	if t.path != "" {
		name += "." + t.path
	}
	if s := sanitised(replace.Last(t.text)); s != "" {
		name += "-" + s
	}
	return name
}

// namedBytes is how much of a task's last part stands in a name.
const namedBytes = 40

// sanitised is text as part of a name that no shell, and no person, mistakes.
func sanitised(text []byte) string {
	s := strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-+,@%", r) {
			return '_'
		}
		return r
	}, string(text))
	for cut := namedBytes; len(s) > namedBytes; cut-- {
		if utf8.RuneStart(s[cut]) {
			s = s[:cut]
		}
	}
	return s
}

// openResults makes the directory of --results, which is this run's until release
// is called: tasks of two runs have the same numbers, and so the same directories.
func (p *plan) openResults() (release func(), err error) {
	dir := p.opts.outputs.results
	err = os.MkdirAll(dir, 0o777)
	if err == nil {
		release, err = outfile.Hold(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("the results cannot be kept: %w", err)
	}
	return release, nil
}

// expect says where the results of t are to be kept.
func (p *plan) expect(t *task) {
	if dir := p.opts.outputs.results; dir != "" {
		t.result = &result{path: filepath.Join(dir, resultName(t))}
	}
}

// begin makes the directory for an attempt, without anything of an earlier one.
func (r *result) begin(captured bool, lost *loss) error {
	r.stdout.close()
	r.stderr.close()
	for _, old := range []string{r.temporary(), r.former()} {
		if err := outfile.Remove(old); err != nil {
			return err
		}
	}
	if err := os.Mkdir(r.temporary(), 0o777); err != nil {
		return err
	}
	r.begun = true
	if !captured {
		if err := r.stdout.open(filepath.Join(r.temporary(), "stdout"), lost); err != nil {
			return err
		}
	}
	return r.stderr.open(filepath.Join(r.temporary(), "stderr"), lost)
}

// finish writes what is left and gives the directory its name.
func (r *result) finish(x *ending) error {
	captured := x.j.plan.out.captures()
	if !r.begun { // no worker had the task
		if err := r.begin(captured, &x.t.lost); err != nil {
			return err
		}
	}
	if x.j.plan.opts.warm() && x.v.outcome == ganger.Done {
		_, _ = r.stdout.Write(append(x.e.output[:len(x.e.output):len(x.e.output)], '\n'))
	}
	r.stdout.close()
	r.stderr.close()
	if err := x.t.lost.err(); err != nil {
		return err
	}
	if err := r.writeRecord(x); err != nil {
		return err
	}
	err := os.Rename(r.temporary(), r.path)
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST) || errors.Is(err, syscall.ENOTDIR) {
		if err = os.Rename(r.path, r.former()); err == nil {
			err = os.Rename(r.temporary(), r.path)
		}
		if err == nil {
			err = outfile.Remove(r.former())
		}
	}
	return err
}

// writeRecord writes the record of the task, whose output has a file of its own.
func (r *result) writeRecord(x *ending) error {
	f, err := os.Create(filepath.Join(r.temporary(), "record.json"))
	if err != nil {
		return err
	}
	rec := x.record()
	rec.Output, rec.Apart = nil, true
	out := bufio.NewWriter(f)
	_ = rec.Print(out) // out remembers its error
	return errors.Join(out.Flush(), f.Close())
}

// abandon removes what was begun for a task that is to run again.
func (r *result) abandon() error {
	r.stdout.close()
	r.stderr.close()
	return outfile.Remove(r.temporary())
}
