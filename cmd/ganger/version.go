package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// What the release script says with -ldflags "-X main.releaseVersion=1.2.3 …". In
// every other build they are empty, and the Go command's own record is told.
var releaseVersion, releaseCommit, releaseDate string

// build is what is known of this program.
type build struct {
	Version  string `json:"version"`  // without a leading v; "devel" if the source was no release
	Commit   string `json:"commit"`   // "" if it is not known
	Modified bool   `json:"modified"` // there were changes that are in no commit
	Date     string `json:"date"`     // of the commit, RFC 3339; "" if it is not known
	Go       string `json:"go"`
	Platform string `json:"platform"` // as GOOS/GOARCH
}

// thisBuild returns what is known of this program.
func thisBuild() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{GoVersion: runtime.Version()}
	}
	return buildOf(info, build{Version: releaseVersion, Commit: releaseCommit, Date: releaseDate})
}

// buildOf returns what info and the release say; the release goes first.
func buildOf(info *debug.BuildInfo, release build) build {
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	module := strings.TrimPrefix(info.Main.Version, "v")
	if module == "(devel)" {
		module = ""
	}
	return build{
		Version:  cmp.Or(release.Version, module, "devel"),
		Commit:   cmp.Or(release.Commit, settings["vcs.revision"]),
		Modified: release.Commit == "" && settings["vcs.modified"] == "true",
		Date:     cmp.Or(release.Date, settings["vcs.time"]),
		Go:       info.GoVersion,
		Platform: cmp.Or(settings["GOOS"], runtime.GOOS) + "/" + cmp.Or(settings["GOARCH"], runtime.GOARCH),
	}
}

// print writes b for people.
func (b build) print(out io.Writer) error {
	text := "ganger " + b.Version + "\n"
	if b.Commit != "" {
		text += "commit " + b.Commit
		if b.Modified {
			text += ", modified"
		}
		if b.Date != "" {
			text += ", " + b.Date
		}
		text += "\n"
	}
	text += b.Go + " " + b.Platform + "\n"
	_, err := io.WriteString(out, text)
	return err
}

// newVersion returns ganger version.
func newVersion(s streams) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version [flags]",
		Short: "Tell which build this is",
		Long: `Tell the version of this program, the commit that it was built from and that
commit's date, the version of Go, and the platform.`,
		Example:               "  ganger version\n  ganger version --json | jq -r .version",
		DisableFlagsInUseLine: true,
		Args:                  noArguments,
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return written(json.NewEncoder(s.out).Encode(thisBuild()))
			}
			return written(thisBuild().print(s.out))
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "write one JSON object")
	return c
}

// noArguments refuses every argument of a command that takes none.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &usageError{text: fmt.Sprintf("%s takes no arguments: %q", c.CommandPath(), args[0]), help: c.CommandPath()}
}
