package process

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/wall"
)

func init() { roles["adopt"] = adopt }

// daemon makes a daemon by the book, which says its number on descriptor 4.
const daemon = `(setsid sh -c '(sh -c "echo \$\$ >&4; exec sleep 86400" &)' &); `

// asLibrary lets the test run as in a program that never called Main.
func asLibrary(t *testing.T) {
	t.Helper()
	set := func(v bool) {
		house.broom <- struct{}{}
		house.sweep.reaper = v
		<-house.broom
	}
	set(false)
	t.Cleanup(func() { set(true) })
}

// TestDaemonDiesWithItsWorker and not before, however the worker ends, and
// whether orphans fall to the program or not.
func TestDaemonDiesWithItsWorker(t *testing.T) {
	for _, library := range []bool{false, true} {
		for _, end := range []string{"killed", "by itself", "stopped"} {
			t.Run(fmt.Sprintf("library %v, %s", library, end), func(t *testing.T) {
				tidy(t)
				if library {
					asLibrary(t)
				}
				other := open(t, sh(daemon+`read x <&3`), wall.Start{})
				spared := number(t, other)
				s := open(t, sh(daemon+`read x <&3`), wall.Start{})
				pid := number(t, s)
				switch end {
				case "killed":
					s.Kill(ganger.LeavingStopped)
				case "by itself":
					_, _ = io.WriteString(s, "end\n")
				case "stopped":
					s.Stop(t.Context(), ganger.LeavingStopped)
				}
				gone(t, s)
				if running(pid) {
					t.Error("the daemon outlives its worker")
				}
				if !running(spared) {
					t.Error("the daemon of a living worker was killed")
				}
			})
		}
	}
}

// TestKeepDaemons: those that left the group may outlive their worker.
func TestKeepDaemons(t *testing.T) {
	for _, library := range []bool{false, true} {
		t.Run(fmt.Sprintf("library %v", library), func(t *testing.T) {
			tidy(t)
			if library {
				asLibrary(t)
			}
			c := sh(daemon + `read x <&3`)
			c.KeepDaemons = true
			s := open(t, c, wall.Start{Env: []string{"P_DAEMON=" + t.Name()}})
			defer endDaemons(t)
			pid := number(t, s)
			s.Kill(ganger.LeavingStopped)
			gone(t, s)
			if !running(pid) {
				t.Error("the daemon was killed")
			}
		})
	}
}

// TestUnmarkedMemberOfTheGroupDies: the mark is not needed in the group.
func TestUnmarkedMemberOfTheGroupDies(t *testing.T) {
	tidy(t)
	s := open(t, sh(`env -i sh -c 'echo $$ >&4; exec sleep 86400' & read x <&3`), wall.Start{})
	pid := number(t, s)
	_ = syscall.Kill(s.child.pid, syscall.SIGKILL)
	gone(t, s)
	if running(pid) {
		t.Error("a member of the group lives on")
	}
}

// TestOrphansThatDieAreReaped while their worker lives.
func TestOrphansThatDieAreReaped(t *testing.T) {
	tidy(t)
	s := open(t, sh(`for i in 1 2 3 4 5; do (sleep 0.02 &); done; echo up >&4; read x <&3`), wall.Start{})
	expect(t, s, "up\n")
	eventually(t, "no zombie of the group", func() bool {
		for _, pid := range processes() {
			if st, ok := statusOf(pid); ok && st.group == s.child.pid && pid != s.child.pid {
				return false
			}
		}
		return true
	})
	select {
	case <-s.Gone():
		t.Error("the worker is gone")
	default:
	}
}

// TestHammerBesideOsExec: the statuses of other children of this program are
// never taken, whatever dies meanwhile.
func TestHammerBesideOsExec(t *testing.T) {
	tidy(t)
	stop := make(chan struct{})
	var deaths sync.WaitGroup
	deaths.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			s, err := sh(`(setsid sleep 86400 &); exit`).Open(context.Background(), wall.Start{})
			if err != nil {
				t.Error(err)
				return
			}
			<-s.Gone()
		}
	})
	for range 200 {
		err := exec.Command("sh", "-c", "exit 7").Run()
		if x, ok := err.(*exec.ExitError); !ok || x.ExitCode() != 7 {
			t.Errorf("os/exec: %v, want exit status 7", err)
		}
	}
	close(stop)
	deaths.Wait()
}

// adopt is a program to which all that falls to it belongs. It says what it
// inherited, then does as it is told.
func adopt(args []string) {
	inherited, _ := strconv.Atoi(args[0])
	Adopt()
	wiped := `(setsid env -i sh -c '(sh -c "echo \$\$ >&4; exec sleep 86400" &)' &); read x <&3`
	older, err := sh(`read x <&3`).Open(context.Background(), wall.Start{})
	if err != nil {
		fmt.Println(err)
		return
	}
	l, err := sh(wiped).Open(context.Background(), wall.Start{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 { // they die without a mark and without a life that ends
		_ = exec.Command("setsid", "-f", "env", "-i", "true").Run()
	}
	for zombies := true; zombies; time.Sleep(time.Millisecond) {
		zombies = slices.ContainsFunc(processes(), func(pid int) bool {
			st, ok := statusOf(pid)
			return ok && st.dead && st.parent == os.Getpid()
		})
	}
	line, _ := bufio.NewReader(l).ReadString('\n')
	pid, _ := strconv.Atoi(strings.TrimSpace(line))
	end := func(l wall.Life) {
		l.Kill(ganger.LeavingStopped)
		<-l.Gone()
	}
	fmt.Println("inherited", running(inherited), "wiped", running(pid))
	end(l)
	fmt.Println("inherited", running(inherited), "wiped", running(pid))
	end(older)
	fmt.Println("inherited", running(inherited), "wiped", running(pid))
}

// TestAdopt: a daemon that left the group and wiped its environment ends with
// the last life that can have left it; what was there before is spared.
func TestAdopt(t *testing.T) {
	tidy(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", `sleep 86400 >/dev/null 2>&1 & exec "$1" $!`, "sh", self)
	cmd.Env = append(os.Environ(), roleName+"=adopt", "GORACE=atexit_sleep_ms=0", "P_DAEMON="+t.Name())
	out, err := cmd.Output()
	want := "inherited true wiped true\ninherited true wiped true\ninherited true wiped false\n"
	if err != nil || string(out) != want {
		t.Errorf("%v\n%swant\n%s", err, out, want)
	}
	endDaemons(t)
}
