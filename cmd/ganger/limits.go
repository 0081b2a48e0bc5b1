package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/ganger-dev/ganger/cmd/ganger/internal/machine"
	"github.com/ganger-dev/ganger/wall/process"
)

// limitFlags are the flags that bound what workers use.
type limitFlags struct {
	memorySoft, memoryHard, memoryLimit size
	cpu                                 time.Duration
	core                                bool
	jitter                              share
}

func (l *limitFlags) declare(f *pflag.FlagSet) {
	f.Var(&l.jitter, "jitter", "with --max-tasks and --ttl: replace each worker up to `N%` sooner, so that not all are at once")
	f.Var(&l.memorySoft, "memory-soft", "replace a worker that holds more than `SIZE` in memory with all its children, after its task")
	f.Var(&l.memoryHard, "memory-hard", "kill a worker or task that holds more than `SIZE` in memory with all its children")
	f.Var(&l.memoryLimit, "memory-limit", "let each process map no more than `SIZE` (RLIMIT_AS): beyond it allocations fail")
	f.Var(&span{&l.cpu, 1}, "cpu-limit", "let each process use no more than `DURATION` of processor time (RLIMIT_CPU)")
	f.BoolVar(&l.core, "core", false, "let crashes dump core")
}

// checkLimits says what is wrong with the limits and the rest together.
func (o *options) checkLimits(wrong func(hint, format string, args ...any) error) error {
	l := &o.limits
	switch {
	case l.memorySoft.bytes > 0 && !o.warm():
		return wrong("--memory-hard kills the task that needs more", "--memory-soft: with --proto exec no worker lives on that could be replaced after its task")
	case l.memoryHard.bytes > 0 && l.memorySoft.bytes > l.memoryHard.bytes:
		return wrong("", "--memory-soft %s is more than --memory-hard %s", l.memorySoft.text, l.memoryHard.text)
	case l.jitter.part > 0 && o.maxTasks == 0 && o.ttl == 0:
		return wrong("", "--jitter: there is neither --max-tasks nor --ttl to be spread")
	}
	return nil
}

// process are the limits as the wall takes them.
func (l *limitFlags) process() process.Limits {
	return process.Limits{
		MemorySoft: l.memorySoft.bytes, MemoryHard: l.memoryHard.bytes, AddressSpace: l.memoryLimit.bytes,
		CPU: l.cpu, Core: l.core,
	}
}

// size is a flag with a number of bytes.
type size struct {
	text  string
	bytes int64
}

func (s *size) String() string { return s.text }
func (s *size) Type() string   { return "" }

// units are what may stand behind the number of a size, in powers of 1024, as
// memory is counted. A B or iB may follow.
const units = "KMGT"

// Set parses a size such as 512M, 6G, 1.5GiB or 40%.
func (s *size) Set(text string) error {
	wrong := fmt.Errorf("allowed: a size such as 512M, 6G or 1.5G, in powers of 1024, a number of bytes, or N%% of the memory here")
	if part, ok := strings.CutSuffix(text, "%"); ok {
		n, err := strconv.ParseUint(part, 10, 7)
		if err != nil || n == 0 || n > 100 {
			return wrong
		}
		memory, _ := machine.Memory()
		if memory == 0 {
			return fmt.Errorf("how much memory is here cannot be found out: allowed: a size such as 512M")
		}
		s.text, s.bytes = text, memory/100*int64(n)
		return nil
	}
	number := strings.ToUpper(text)
	factor := 1.0
	for _, suffix := range []string{"IB", "B"} {
		if cut, ok := strings.CutSuffix(number, suffix); ok {
			number = cut
			break
		}
	}
	if n := len(number); n > 0 {
		if i := strings.IndexByte(units, number[n-1]); i >= 0 {
			number, factor = number[:n-1], math.Pow(1024, float64(i+1))
		}
	}
	if strings.Trim(number, "0123456789.") != "" {
		return wrong // what else ParseFloat takes is no size
	}
	v, err := strconv.ParseFloat(number, 64)
	if bytes := v * factor; err == nil && bytes >= 1 && bytes < 1<<62 {
		s.text, s.bytes = text, int64(bytes)
		return nil
	}
	return wrong
}

// share is a flag with a part of something, in per cent.
type share struct {
	text string
	part float64
}

func (s *share) String() string { return s.text }
func (s *share) Type() string   { return "" }

func (s *share) Set(text string) error {
	n, err := strconv.ParseUint(strings.TrimSuffix(text, "%"), 10, 7)
	if err != nil || n > 100 || !strings.HasSuffix(text, "%") {
		return fmt.Errorf("allowed: N%%, a whole number from 0 to 100")
	}
	s.text, s.part = text, float64(n)/100
	return nil
}
