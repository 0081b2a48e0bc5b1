package main

import (
	"strings"
	"testing"
)

func TestRoomForWorkers(t *testing.T) {
	for name, c := range map[string]struct {
		warm                   bool
		descriptors, processes uint64
		want                   int
		why                    string
	}{
		"nothing is known":              {false, 0, 0, 0, ""},
		"nothing is known, warm":        {true, 0, 0, mostWarm, "thread"},
		"descriptors":                   {false, 1024, 0, 160, "1,024 open files"},
		"hardly any descriptors":        {false, 20, 0, 1, "20 open files"},
		"warm, descriptors without end": {true, 1 << 40, 1 << 40, mostWarm, "thread"},
		"processes":                     {false, 1024, 100, 100, "ulimit -u"},
		"more processes than files":     {true, 1024, 5000, 160, "ulimit -n"},
	} {
		r := roomFor(c.warm, c.descriptors, c.processes)
		if r.processes != c.want || !strings.Contains(r.why, c.why) {
			t.Errorf("%s: %d processes, because %q; want %d, because of %q", name, r.processes, r.why, c.want, c.why)
		}
	}
}
