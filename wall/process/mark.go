package process

import (
	"bytes"
	"strconv"
	"strings"
)

// The mark of a life is an entry of the environment, GANGER_LIFE=TOKEN.NUMBER,
// that all its descendants inherit. A coordinator that is itself a worker puts
// its marks behind the one that it carries, with a colon between, so that its
// own coordinator finds its workers too.
const (
	markName = "GANGER_LIFE"
	markKey  = markName + "="
	kept     = "k" // ends the mark of a life whose daemons are kept
)

// markOf returns the entry for life n of the coordinator with this token; outer
// is what the coordinator carries itself.
func markOf(outer, token string, n uint64, keep bool) string {
	m := token + "." + strconv.FormatUint(n, 10)
	if keep {
		m += kept
	}
	if outer != "" {
		m = outer + ":" + m
	}
	return markKey + m
}

// lifeOf finds in an environment, as the kernel shows it, the life of the
// coordinator with this token. ok is false if there is none, or one whose
// daemons are kept.
func lifeOf(environ []byte, token string) (n uint64, ok bool) {
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		value, found := bytes.CutPrefix(entry, []byte(markKey))
		if !found {
			continue
		}
		for m := range strings.SplitSeq(string(value), ":") {
			if number, ours := strings.CutPrefix(m, token+"."); ours {
				n, err := strconv.ParseUint(number, 10, 64)
				return n, err == nil
			}
		}
	}
	return 0, false
}
