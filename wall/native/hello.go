package native

import (
	"fmt"
	"io"
	"slices"

	"github.com/ganger-dev/ganger/internal/frame"
	"github.com/ganger-dev/ganger/wall"
)

// Version is the version of the protocol that this package speaks.
const Version = 1

const (
	defaultLimit = 64 << 20
	helloLimit   = 64 << 10
	maxSlots     = 1 << 12
)

// VersionError says that the two sides of a stream speak different versions of
// the protocol.
type VersionError struct {
	Worker, Coordinator int
}

// Error tells both versions.
func (e *VersionError) Error() string {
	return fmt.Sprintf("the worker speaks version %d of the native protocol, the coordinator version %d", e.Worker, e.Coordinator)
}

// hello is the body of both hellos. Members that are unknown are passed over.
type hello struct {
	Version     int      `json:"version"`
	Name        string   `json:"name,omitempty"`
	Incarnation uint64   `json:"incarnation,omitempty"` // of the worker; the coordinator's only
	Formats     []string `json:"formats,omitempty"`     // of bodies, on offer; the coordinator's only
	Format      string   `json:"format,omitempty"`      // of bodies, chosen; the worker's only
	Slots       int      `json:"slots,omitempty"`       // wanted at most, or offered; 0: any, or 1
	Limit       int64    `json:"limit,omitempty"`       // of the bodies that this side takes; 0: the default
}

// offered returns the name of the format of c for a hello, "" for none.
func offered(c any) string {
	if f, ok := c.(Formatter); ok {
		return f.Format()
	}
	return ""
}

func send(w io.Writer, h hello) error {
	b, err := appendHello(frame.Append(make([]byte, 0, 256), frame.Header{}), h)
	if err != nil {
		return err
	}
	frame.Put(b, frame.Header{Kind: frame.Hello, Length: uint32(len(b) - frame.Size)})
	_, err = w.Write(b)
	return err
}

// receive reads the hello of the other side.
func receive(r *frame.Reader) (hello, error) {
	h, body, err := r.Next()
	switch {
	case err != nil:
		return hello{}, ended(err)
	case h.Kind == frame.Error:
		f, err := parseFailure(body)
		if err != nil {
			return hello{}, fmt.Errorf("%w: %w", wall.ErrBroken, err)
		}
		return hello{}, f
	case h.Kind != frame.Hello:
		return hello{}, broken("a %s came before the hello", h.Kind)
	}
	its, err := parseHello(body)
	if err != nil {
		return hello{}, broken("the hello is not understood: %v: %q", err, body[:min(len(body), 64)])
	}
	return its, nil
}

// settle checks the hello of a worker against what was offered and returns the
// terms: how many slots, and the longest body that the worker takes.
func settle(its hello, formats []string, slots int) (int, int64, error) {
	switch {
	case its.Version != Version:
		return 0, 0, &VersionError{Worker: its.Version, Coordinator: Version}
	case its.Format != "" && len(formats) > 0 && !slices.Contains(formats, its.Format):
		return 0, 0, fmt.Errorf("the worker speaks the format %q, the coordinator %q", its.Format, formats)
	case its.Slots < 0 || its.Limit < 0:
		return 0, 0, broken("the hello offers %d slots and a limit of %d", its.Slots, its.Limit)
	}
	n := min(max(its.Slots, 1), maxSlots)
	if slots > 0 {
		n = min(n, slots)
	}
	limit := its.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	return n, limit, nil
}
