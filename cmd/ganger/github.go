package main

import (
	"os"
	"path/filepath"
	"strings"
)

// workflowCommand tells a task without success as GitHub Actions wants to be told: a
// command to the runner, which looks for commands in both streams. heading is what
// people are told.
func (x *ending) workflowCommand(heading string) string {
	title := workflowProperty.Replace(valid(x.v.String()))
	file := ""
	path := string(x.t.text)
	if !filepath.IsAbs(path) {
		path = filepath.Join(x.j.plan.opts.dir, path)
	}
	if isFile(path) {
		file = "file=" + workflowProperty.Replace(valid(path)) + ","
	}
	text := strings.TrimSuffix(strings.TrimPrefix(heading, "ganger: "), "\n")
	return "::error " + file + "title=" + title + "::" + workflowData.Replace(valid(text)) + "\n"
}

// How the data and the properties of a workflow command are escaped; GitHub documents
// it in the code of its toolkit.
var (
	workflowData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	workflowProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// valid is s as UTF-8.
func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

// isFile reports whether path is that of a file.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
