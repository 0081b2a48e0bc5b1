package worker_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestW33AgreesWithOTP plays what the documentation of OTP's module supervisor
// says of its children, and compares. What differs here differs on purpose: each
// difference has a name, under which docs/rationale.md justifies it.
//
// A play is told as the ends of lives, the starts after the first command to
// launch, how much time has passed between them, and what the owner is told. An OTP intensity of n
// is a Burst of n+1 here: the restart that would be one too many is not made.
func TestW33AgreesWithOTP(t *testing.T) {
	rationale, err := os.ReadFile("../docs/rationale.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(rationale)), " ")
	for _, c := range []struct {
		name    string
		says    string // OTP
		script  string // commands, one a line
		otp     string
		differs string // the name of the difference, "" when there is none
		here    string // if it differs
	}{
		{
			name:   "one for one",
			says:   "only the child that terminated is affected",
			script: "table strategy=one\nlaunch a b c\ndie b",
			otp:    "end b, start b",
		},
		{
			name:   "one for all",
			says:   "all other children are terminated, in the reverse of their start order, and then all are restarted in their start order",
			script: "table strategy=all\nlaunch a b c\ndie b",
			otp:    "end b, end c, end a, start a, start b, start c",
		},
		{
			name:   "one for all, slowly",
			says:   "each child has terminated before the next is told to",
			script: "table strategy=all\nlaunch a b c\ncloses a after:1s\ncloses c after:2s\ndie b\ntick 5s",
			otp:    "end b, +2s, end c, +1s, end a, start a, start b, start c",
		},
		{
			name:   "rest for one",
			says:   "the children after the terminated one in the start order are terminated, and it and they are restarted",
			script: "table strategy=rest\nlaunch a b c d\ndie b",
			otp:    "end b, end d, end c, start b, start c, start d",
		},
		{
			name:   "rest for one, the last",
			says:   "there is no rest",
			script: "table strategy=rest\nlaunch a b\ndie b",
			otp:    "end b, start b",
		},
		{
			name:   "transient, abnormal end",
			says:   "is restarted",
			script: "table strategy=all type=transient\nlaunch a b\ndie b",
			otp:    "end b, end a, start a, start b",
		},
		{
			name:   "transient, normal end",
			says:   "is not restarted, and nobody is affected",
			script: "table strategy=all type=transient\nlaunch a b\ncall b stop",
			otp:    "end b",
		},
		{
			name:   "temporary, abnormal end",
			says:   "is never restarted, and nobody is affected",
			script: "table strategy=all type=temporary\nlaunch a b\ndie b",
			otp:    "end b",
		},
		{
			name:    "permanent, told to stop by its own definition",
			says:    "is always restarted, also after a normal end",
			script:  "table strategy=one\nlaunch a\ncall a stop",
			otp:     "end a, start a",
			differs: "A verdict is final",
			here:    "end a",
		},
		{
			name:    "transient, ended, a sibling crashes later",
			says:    "the specification stays, and all children are restarted, it too",
			script:  "table strategy=all type=transient\nlaunch a b\ncall b stop\ndie a",
			otp:     "end b, end a, start a, start b",
			differs: "Who has ended has no place",
			here:    "end b, end a, start a",
		},
		{
			name:   "stopped and launched again",
			says:   "a child that was deleted and started anew is the last in the start order",
			script: "table strategy=rest\nlaunch a b c\ntrigger a\nlaunch a\ndie b",
			otp:    "end a, start a, end b, end a, end c, start b, start c, start a",
		},
		{
			name:   "intensity, all",
			says:   "with more restarts than that within the period the supervisor terminates all children and itself, and its own supervisor acts",
			script: "table strategy=all burst=3 window=10s min=-1ns\nlaunch a b\ndie a\ndie b\ndie a",
			otp:    "end a, end b, start a, start b, end b, end a, start a, start b, end a, end b, owner told",
		},
		{
			name:    "intensity, rest",
			says:    "all children, also those before",
			script:  "table strategy=rest burst=2 window=10s min=-1ns\nlaunch a b c\ndie b\ndie b",
			otp:     "end b, end c, start b, start c, end b, end c, end a, owner told",
			differs: "A circuit is not a supervisor",
			here:    "end b, end c, start b, start c, end b, end c, owner told",
		},
		{
			name:    "intensity, one",
			says:    "all children, also those that are well",
			script:  "table strategy=one burst=2 window=10s min=-1ns\nlaunch a b\ndie a\ndie a",
			otp:     "end a, start a, end a, end b, owner told",
			differs: "A circuit is not a supervisor",
			here:    "end a, start a, end a, owner told",
		},
		{
			name:    "intensity, one, of several",
			says:    "restarts of all children count together",
			script:  "table strategy=one burst=2 window=10s min=-1ns\nlaunch a b\ndie a\ndie b",
			otp:     "end a, start a, end b, end a, owner told",
			differs: "Independent workers have a past each",
			here:    "end a, start a, end b, start b",
		},
		{
			name:   "intensity, in the period only",
			says:   "restarts before the period are forgotten",
			script: "table strategy=all burst=2 window=10s min=-1ns\nlaunch a\ndie a\ntick 10s\ndie a",
			otp:    "end a, start a, +10s, end a, start a",
		},
		{
			name:    "one after the other",
			says:    "a restart is made at once",
			script:  "table strategy=one min=1s\nlaunch a\ndie a\ndie a\ntick 1s",
			otp:     "end a, start a, end a, start a",
			differs: "Restarts back off",
			here:    "end a, start a, end a, +500ms, start a",
		},
		{
			name:   "a restart that fails",
			says:   "those that were restarted before it are terminated, and all is tried again, which counts",
			script: "table strategy=all min=-1ns\nlaunch a b c\nstarts b fail\ndie c",
			otp:    "end c, end b, end a, start a, start b, end b, end a, start a, start b, start c",
		},
		{
			name:   "a sibling that has died before it was terminated",
			says:   "is not one more restart",
			script: "table strategy=all burst=2 window=10s min=-1ns\nlaunch a b\ncloses b after:1s\ndie b\ndie a\ntick 1s",
			otp:    "end a, +1s, end b, start a, start b",
		},
		{
			name:   "a first start that fails",
			says:   "the specification is discarded, and the other children go on",
			script: "table strategy=all\nlaunch a\nstarts b fail\nlaunch b",
			otp:    "start b, end b",
		},
		{
			name:    "a first start while a sibling is being restarted",
			says:    "waits until the supervisor has time",
			script:  "table strategy=all min=-1ns\nlaunch a\ncloses a after:1s\ndie a\nlaunch b\ntick 1s",
			otp:     "+1s, end a, start a, start b",
			differs: "A launch does not wait for a restart",
			here:    "start b, +1s, end a, start a",
		},
		{
			name:   "the end of it all",
			says:   "children are terminated in the reverse of their start order, each after the one before",
			script: "table strategy=rest\nlaunch a b c\ncloses a after:1s\ncloses b after:2s\ncloses c after:3s\nclose\ntick 6s",
			otp:    "+3s, end c, +2s, end b, +1s, end a",
		},
		{
			name:    "the end of it all, one for one",
			says:    "the same",
			script:  "table strategy=one\nlaunch a b c\ncloses a after:1s\ncloses b after:2s\ncloses c after:3s\nclose\ntick 6s",
			otp:     "+3s, end c, +2s, end b, +1s, end a",
			differs: "Independent workers end together",
			here:    "+1s, end a, +1s, end b, +1s, end c",
		},
		{
			name:   "a child that does not terminate",
			says:   "is killed when its shutdown time is over",
			script: "table strategy=all min=-1ns grace=5s\nlaunch a b\ncall b deaf\ndie a\ntick 5s",
			otp:    "end a, +5s, end b, start a, start b",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := c.otp
			if c.differs != "" {
				want = c.here
				if want == c.otp {
					t.Errorf("%q is no difference", c.differs)
				}
				if !strings.Contains(text, "**"+c.differs+"**") {
					t.Errorf("docs/rationale.md does not justify %q", c.differs)
				}
			}
			if got := play(t, c.script); got != want {
				t.Errorf("OTP: %s\n got %s\nwant %s", c.says, got, want)
			}
		})
	}
}

// play plays a script and tells it in one line.
func play(t *testing.T, script string) string {
	var told []string
	synctest.Test(t, func(t *testing.T) {
		p := newPlayer(t)
		var seen []sight
		begun := false
		for line := range strings.Lines(script) {
			if p.do(line); !begun && strings.HasPrefix(line, "launch") {
				begun = true
				p.take() // the first launches
			}
			seen = append(seen, p.take()...)
		}
		now := time.Duration(0)
		for _, s := range seen {
			verb, rest, _ := strings.Cut(s.text, " ")
			name, _, _ := strings.Cut(rest, "#")
			tell := map[string]string{"dead": "end " + name, "starting": "start " + name, "escalated:": "owner told"}[verb]
			if tell == "" {
				continue
			}
			if s.at > now {
				told = append(told, fmt.Sprintf("+%v", s.at-now))
				now = s.at
			}
			told = append(told, tell)
		}
		p.finish()
	})
	return strings.Join(told, ", ")
}
