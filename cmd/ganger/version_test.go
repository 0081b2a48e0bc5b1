package main

import (
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBuild(t *testing.T) {
	info := func(version string, settings ...string) *debug.BuildInfo {
		i := &debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: version}}
		settings = append(settings, "GOOS", "plan9", "GOARCH", "386")
		for n := 0; n < len(settings); n += 2 {
			i.Settings = append(i.Settings, debug.BuildSetting{Key: settings[n], Value: settings[n+1]})
		}
		return i
	}
	git := []string{"vcs.revision", "c0ffee", "vcs.time", "2026-11-21T10:00:00Z", "vcs.modified", "true"}
	for name, c := range map[string]struct {
		info    *debug.BuildInfo
		release build
		want    build
	}{
		"neither version nor commit": {info("(devel)"), build{}, build{Version: "devel"}},
		"a test":                     {info(""), build{}, build{Version: "devel"}},
		"installed by its version":   {info("v1.2.3"), build{}, build{Version: "1.2.3"}},
		"from a work tree": {
			info("v1.2.4-0.20261121100000-c0ffee+dirty", git...),
			build{},
			build{Version: "1.2.4-0.20261121100000-c0ffee+dirty", Commit: "c0ffee", Date: "2026-11-21T10:00:00Z", Modified: true},
		},
		"a release": {
			info("(devel)", git...),
			build{Version: "2.0.0", Commit: "beef", Date: "2026-12-01T10:00:00Z"},
			build{Version: "2.0.0", Commit: "beef", Date: "2026-12-01T10:00:00Z"},
		},
	} {
		c.want.Go, c.want.Platform = "go1.26.8", "plan9/386"
		if diff := cmp.Diff(c.want, buildOf(c.info, c.release)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}
