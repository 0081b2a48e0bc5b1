package process

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

// TestHammerDaemonWhoseParentsAreDying: what stands between a worker and its
// daemon dies at any moment of the sweep, and passes the daemon on while it does.
func TestHammerDaemonWhoseParentsAreDying(t *testing.T) {
	for _, library := range []bool{false, true} {
		t.Run(fmt.Sprintf("library %v", library), func(t *testing.T) {
			tidy(t)
			if library {
				asLibrary(t)
			}
			before := zombies()
			script := `(setsid sh -c '(sh -c "echo \$\$ >&4; exec sleep 86400" & sleep 0.00$1)' sh $1 &); read x <&3`
			for n := range dyingParents {
				s := open(t, sh(script, fmt.Sprint(n%8)), wall.Start{})
				pid := number(t, s)
				s.Kill(ganger.LeavingStopped)
				gone(t, s)
				if running(pid) {
					t.Errorf("daemon %d outlives its worker", n)
				}
			}
			if library {
				return // others reap there
			}
			eventually(t, "no new zombie", func() bool {
				return !slices.ContainsFunc(zombies(), func(pid int) bool { return !slices.Contains(before, pid) })
			})
		})
	}
}

// zombies are the dead children of this program that nobody has waited for.
func zombies() []int {
	return slices.DeleteFunc(processes(), func(pid int) bool {
		st, ok := statusOf(pid)
		return !ok || !st.dead || st.parent != os.Getpid()
	})
}
