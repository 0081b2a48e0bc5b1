package main

import (
	"encoding/json"
	"os/exec"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// jsonLines is a command of the scripts: "jsonlines FILE" (which may be stdout or
// stderr) wants nothing but JSON objects there, one a line, and at least one.
func jsonLines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: jsonlines FILE")
	}
	text := ts.ReadFile(args[0])
	if !strings.HasSuffix(text, "\n") {
		ts.Fatalf("%s does not end with a newline: %q", args[0], text)
	}
	for line := range strings.Lines(text) {
		var members map[string]any
		if err := json.Unmarshal([]byte(line), &members); err != nil {
			ts.Fatalf("%s: no JSON object: %v: %q", args[0], err, line)
		}
	}
}

// namespaces reports whether this process may make namespaces, as a container has
// them, and enter them: it takes root and some tools.
var namespaces = sync.OnceValue(func() bool {
	err := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", `
		mount -o remount,bind,ro / && nsenter -t 1 -p -m ps -o stat= && pgrep -V`).Run()
	return err == nil
})
