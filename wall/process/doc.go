// Package process is the wall of operating-system processes: [Command] opens
// lives with bytes both ways, and [Exec] performs each task by a process of its
// own.
//
// # Usage
//
//	func main() {
//		process.Main() // once, first: no orphans, whatever ends this program
//		w := wall.Speak(process.Command{Path: "./worker"}, native.Dialect[Q, R]{…})
//		…
//	}
//
// A worker finds its channel through the variable GANGER_FD: "3,4" are the
// descriptors of requests and answers, "3,3" is one socket for both. Without
// it, requests come on standard input and answers go to standard output.
//
// # State model
//
// A process and all its descendants are one life. Its end has one order:
//
//	leader dies --> KILL to its group --> group retired at the guard -->
//	leader reaped --> descendants that left the group killed --> Gone
//
// Stop goes down the rungs, one grace apart: end of input, TERM to the group,
// KILL to the group.
//
// # Ordering and concurrency
//
// All forks are made by one thread that is not the program's main one and that
// lives as long as any child, because the parent-death signal follows the
// thread, and so that the children of the main thread are orphans only. What a
// life wrote before its death is read, and its log lines are handed on, before
// Gone closes. The package never waits for a process that it did not start or
// inherit, so it lives beside os/exec in one program.
//
// # Failure handling
//
// Whatever ends a leader, its group dies with it, and what left the group is
// found by its mark, the environment variable GANGER_LIFE. When the coordinator
// itself is killed, the guard, a second process of the same binary, kills the
// groups that it knew to be alive and then everything that carries the mark of
// this coordinator. The guard needs [Main]; without it the parent-death signal
// still ends the leaders. Out of reach is, after a kill of the coordinator, a
// descendant that wiped its environment and either left its group or did so in
// the instant in which its worker runs and its group is not yet noted.
//
// Memory, processor time and cores can be limited ([Limits]). Resident memory is
// looked at by one goroutine for all lives, which sleeps while none of those that
// have a limit has anything to do; a life that passes the hard limit is killed for
// the reason memory-hard, and so ends one that the kernel killed for want of
// memory, where that can be told from another signal 9.
//
// Linux only: elsewhere Open returns [errors.ErrUnsupported].
package process
