package turns

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/ganger-dev/ganger/bench/load"
)

// Idle has n workers launched that then have nothing to do, and prints what they
// take: NAME/idle/B resident bytes each, NAME/idle/GB of the whole process then,
// and NAME/idle/goroutines that the first tenth of them added. launch is given
// numbers from 0 to n-1; what it refers to lives until Idle has returned.
func Idle(w io.Writer, name string, n int, launch func(i int) error) error {
	before, err := resident()
	if err != nil {
		return err
	}
	goroutines, added := rested(), 0
	for i := range n {
		if err := launch(i); err != nil {
			return fmt.Errorf("worker %d of %d: %w", i, n, err)
		}
		if i == n/10-1 {
			added = rested() - goroutines
		}
	}
	rested()
	after, err := resident()
	runtime.KeepAlive(launch) // and with it the table, which nobody else may need any more
	if err != nil {
		return err
	}
	load.Figure(w, name+"/idle/B", float64(after-before)/float64(n))
	load.Figure(w, name+"/idle/GB", float64(after)/1e9)
	load.Figure(w, name+"/idle/goroutines", float64(added))
	return nil
}

// rested waits until no goroutine has ended for a tenth of a second, and returns
// how many there are.
func rested() int {
	least, since := runtime.NumGoroutine(), time.Now()
	for time.Since(since) < 100*time.Millisecond {
		time.Sleep(time.Millisecond)
		if now := runtime.NumGoroutine(); now < least {
			least, since = now, time.Now()
		}
	}
	return least
}

// resident returns the bytes of this process that are in memory, when all that
// can be given back has been.
func resident() (int, error) {
	debug.FreeOSMemory()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kb), "kB")))
			return n * 1024, err
		}
	}
	return 0, errors.New("/proc/self/status has no line VmRSS")
}
