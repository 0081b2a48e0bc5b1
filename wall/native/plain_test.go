package native

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzHello: a hello is read as encoding/json reads it, and what is written is
// read as it was.
func FuzzHello(f *testing.F) {
	for _, seed := range []string{
		`{"version":1}`, `{"version":1,"name":"w0","incarnation":7,"formats":["json","cbor"],"slots":16,"limit":67108864}`,
		`{}`, `{"version":1,}`, `{"version":01}`, `{"version":1}x`, `{"formats":[]}`, `{"formats":["a",]}`, `{"name":"\u0041"}`,
		`{"version":1,"version":2}`, `{ "version" : 1 }`, `{"version":-1}`, `{"limit":999999999999999999999}`, `{"Version":3}`,
		`{"version":1.0}`, `{"name":"é"}`, `{"new":[1]}`, `{"slots":}`, `{"version":1`, `{,}`, `{"incarnation":18446744073709551615}`,
		`{"limit":123456789012345678}`, `{"limit":12345678901234567}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := parseHello(body)
		var want hello
		wantErr := json.Unmarshal(body, &want)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: err = %v, encoding/json says %v", body, err, wantErr)
		}
		if err != nil {
			return
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%q differs from encoding/json (-want +got):\n%s", body, d)
		}
		written, err := appendHello(nil, got)
		if err != nil {
			t.Fatal(err)
		}
		var again hello
		if err := json.Unmarshal(written, &again); err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		if len(got.Formats) == 0 {
			got.Formats = nil
		}
		if d := cmp.Diff(got, again); d != "" {
			t.Errorf("%q is written %s (-want +got):\n%s", body, written, d)
		}
	})
}
