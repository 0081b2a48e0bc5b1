package behind

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/ganger-dev/ganger/worker"
)

// FuzzParse: what is parsed is what its members say, if it is JSON, and comes back
// from its own bytes.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"value":1}`, `{"value":}`, `{"method":"a.B","value":{"N":"}"}}`, `{"method":"a\"","value":[]}`,
		`{"value":1,"method":"x"}`, `{"value":[1,2],"value":3}`, `{"method":"","value":null}`, `{"method":"x"}`,
		"{\"method\":\"\xb9\",\"value\":null}", `{}`, `[]`, ``, `{"value":"\",\"method\":\"x"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := framed{}.Parse(body)
		if !json.Valid(body) {
			return // if it was taken, the value does not decode
		}
		var members struct {
			Method string          `json:"method"`
			Value  json.RawMessage `json:"value"`
		}
		refused := json.Unmarshal(body, &members) != nil || members.Value == nil
		if (err != nil) != refused {
			t.Fatalf("%q: %v, %+v; its members are refused: %v", body, err, e, refused)
		}
		if refused {
			return
		}
		if e.Type != members.Method || !bytes.Equal(bytes.TrimSpace(e.Body), bytes.TrimSpace(members.Value)) {
			t.Fatalf("%q: %q and %q, its members are %q and %q", body, e.Type, e.Body, members.Method, members.Value)
		}
		again, err := framed{}.Append(nil, worker.Envelope{Type: e.Type, Body: e.Body})
		if err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		if got, err := (framed{}).Parse(again); err != nil || got.Type != e.Type || !bytes.Equal(got.Body, e.Body) {
			t.Fatalf("%q comes back from %q as %+v, %v", body, again, got, err)
		}
	})
}
