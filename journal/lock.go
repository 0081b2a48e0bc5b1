package journal

import "fmt"

// HeldError says that another program writes the log.
type HeldError struct {
	Path    string
	PID     int    // of who holds it; 0 where that cannot be told
	Command string // of that process; "" where that cannot be told
}

// Error names the log and who holds it.
func (e *HeldError) Error() string {
	switch {
	case e.PID == 0:
		return e.Path + ": another program writes this log"
	case e.Command == "":
		return fmt.Sprintf("%s: process %d writes this log", e.Path, e.PID)
	}
	return fmt.Sprintf("%s: process %d writes this log: %s", e.Path, e.PID, e.Command)
}
