package process

import (
	"os"
	"strings"
)

// environment is a list of "KEY=VALUE" in which each key stands once.
type environment []string

// inherited is the environment that workers begin with: that of this program
// without what another coordinator told it about its own channel and guard.
func inherited() environment {
	drop := []string{fdName + "=", guardName + "="}
	var e environment
	return e.with(os.Environ()).without(drop)
}

const (
	fdName    = "GANGER_FD"
	guardName = "GANGER_GUARD"
)

// with returns e with the variables of more in place of its own of the same
// key; of several in more the last one counts. e is not changed.
func (e environment) with(more []string) environment {
	out := make(environment, 0, len(e)+len(more))
	for i, v := range e {
		if !overridden(v, more) {
			out = append(out, e[i])
		}
	}
	for i, v := range more {
		if !overridden(v, more[i+1:]) {
			out = append(out, v)
		}
	}
	return out
}

// without returns e without the variables that begin with one of heads.
func (e environment) without(heads []string) environment {
	out := make(environment, 0, len(e))
next:
	for _, v := range e {
		for _, h := range heads {
			if strings.HasPrefix(v, h) {
				continue next
			}
		}
		out = append(out, v)
	}
	return out
}

// overridden reports whether a variable of later has the key of v.
func overridden(v string, later []string) bool {
	key := v[:strings.IndexByte(v, '=')+1]
	if key == "" {
		key = v
	}
	for _, l := range later {
		if strings.HasPrefix(l, key) {
			return true
		}
	}
	return false
}
