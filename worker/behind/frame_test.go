package behind

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzParse: where the plain form is taken apart by hand, what comes out is what
// encoding/json sees there, or something that is not JSON and cannot be decoded.
func FuzzParse(f *testing.F) {
	for _, body := range []string{
		`{"value":1}`,
		`{"method":"m","value":{"a":"}","b":[1,{"c":"\",\""}]}}`,
		`{"method":"m","value":1,"more":2}`,
		`{"method":"m","value":{"a":1},"more":{}}`,
		`{"value":"a","value":"b"}`,
		`{"value":[1],"method":"m"}`,
		`{"method":"a\"b","value":1}`,
		`{"value":]["}`,
		`{"value":}`,
		`{"value":1}}`,
		`{"value":"a\\"}`,
		`{"value":"a" "b"}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		word, value, ok := plain(body)
		if !ok || !json.Valid(value) || !json.Valid([]byte(`"`+word+`"`)) {
			return // of a word that is no JSON nothing is known either
		}
		var members struct {
			Method string          `json:"method"`
			Value  json.RawMessage `json:"value"`
		}
		if err := json.Unmarshal(body, &members); err != nil {
			t.Fatalf("%q is no JSON: %v; but by hand its value is %q", body, err, value)
		}
		var want bytes.Buffer
		var got bytes.Buffer
		if json.Compact(&want, members.Value) != nil || json.Compact(&got, value) != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%q has by hand the value %q, want %q", body, value, members.Value)
		}
		if word != members.Method && !bytes.ContainsRune([]byte(word), '\uFFFD') {
			t.Errorf("%q has by hand the method %q, want %q", body, word, members.Method)
		}
	})
}

// TestSingle: what is one value and what is the beginning of more.
func TestSingle(t *testing.T) {
	for value, want := range map[string]bool{
		`1`:                       true,
		`"a,b"`:                   true,
		`"a\",\"b"`:               true,
		`{"a":[1,2],"b":{"c":3}}`: true,
		`[]`:                      true,
		`1,"more":2`:              false,
		`{"a":1},"more":{"b":2}`:  false,
		`"a","more":"b"`:          false,
		`{"a":1`:                  false,
		`"a`:                      false,
	} {
		if got := single([]byte(value)); got != want {
			t.Errorf("single(%s) = %t, want %t", value, got, want)
		}
	}
}
