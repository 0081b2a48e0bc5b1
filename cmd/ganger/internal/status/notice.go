package status

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Notice is one thing that happened in a run: what people and programs are told
// of it is the same, each in their own way.
type Notice struct {
	Level   slog.Level
	Message string      // which thing it is, always in the same words; for programs
	Attrs   []slog.Attr // what is to be known of it; for programs
	Text    string      // whole lines for people; "" when they are told nothing
}

// Format says how notices are written.
type Format uint8

// The formats.
const (
	Text Format = iota // lines for people
	JSON               // a JSON object a line, as log/slog writes it
)

// formats are what the formats are called.
var formats = []string{"text", "json"}

// Formats returns what [Format.Set] takes.
func Formats() []string { return slices.Clone(formats) }

// String returns what the format is called.
func (f Format) String() string { return formats[f] }

// Set makes the format the one that is called s.
func (f *Format) Set(s string) error {
	i := slices.Index(formats, s)
	if i < 0 {
		return fmt.Errorf("allowed: %s", strings.Join(formats, ", "))
	}
	*f = Format(i)
	return nil
}

// In returns the notice as it is written in a format: whole lines, "" if there is
// nothing to write. In JSON it carries the time of the call.
func (n Notice) In(f Format) string {
	if f == Text {
		return n.Text
	}
	var line strings.Builder
	h := slog.NewJSONHandler(&line, &slog.HandlerOptions{Level: n.Level})
	r := slog.NewRecord(time.Now().UTC(), n.Level, n.Message, 0)
	r.AddAttrs(n.Attrs...)
	_ = h.Handle(context.Background(), r) // a strings.Builder takes everything
	return line.String()
}
