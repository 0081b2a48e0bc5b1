package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ganger-dev/ganger"
	"github.com/ganger-dev/ganger/cmd/ganger/internal/status"
)

// TestReportTellsWhatItLacks: a log that cannot be read any more, and a directory
// that has gone.
func TestReportTellsWhatItLacks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "reports")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	begin := func(skipped bool) (*job, *bytes.Buffer) {
		var told bytes.Buffer
		p := &plan{}
		p.opts.telling.junit, p.opts.log = filepath.Join(dir, "t.xml"), filepath.Join(dir, "no-log")
		j := &job{plan: p, board: &status.Board{Out: &told}}
		var err error
		if j.report, err = p.openReport(); err != nil {
			t.Fatal(err)
		}
		if skipped {
			j.report.skip(&task{}, ganger.Failed)
		}
		return j, &told
	}

	j, told := begin(false)
	if !j.closeReport(status.Counts{}) || told.Len() > 0 {
		t.Errorf("a report without skipped tasks needs no log: %s", told)
	}
	j, told = begin(true)
	if j.closeReport(status.Counts{}) || !strings.Contains(told.String(), "t.xml lacks tasks that were skipped: ") {
		t.Errorf("without its log it told: %q", told)
	}
	if _, err := os.Stat(j.plan.opts.telling.junit); err != nil {
		t.Errorf("what is known is not written: %v", err)
	}
	j, told = begin(false)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if j.closeReport(status.Counts{}) || !strings.Contains(told.String(), "t.xml was not written: ") {
		t.Errorf("without its directory it told: %q", told)
	}
}
