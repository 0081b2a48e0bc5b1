package native

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestJSONBodies(t *testing.T) {
	c := JSON[json.RawMessage]()
	raw := json.RawMessage(`{ "a" : "<b>" }`)
	b, err := c.Append([]byte("head"), raw)
	if want := `head{"value":{ "a" : "<b>" }}`; string(b) != want || err != nil {
		t.Errorf("Append = %s, %v; want %s", b, err, want)
	}
	if _, err := c.Append(nil, json.RawMessage(`{"a":`)); err == nil {
		t.Error("half a value was taken for JSON")
	}
	if b, err = c.Append(nil, nil); string(b) != `{"value":null}` || err != nil {
		t.Errorf("Append of nothing = %s, %v", b, err)
	}
	if b, err = JSON[string]().Append(nil, "<&>"); string(b) != `{"value":"<&>"}` || err != nil {
		t.Errorf("Append = %s, %v; want it without escapes", b, err)
	}
	if b, err = Method[int](`a"b`).Append(nil, 7); string(b) != `{"method":"a\"b","value":7}` || err != nil {
		t.Errorf("Append with a method = %s, %v", b, err)
	}
	for body, want := range map[string]string{
		`{"value":7}`:                          `7`,
		`{"value":{ "a" : "<b>" }}`:            `{ "a" : "<b>" }`,
		`{"value":7,"later":{"value":8}}`:      `7`,
		`{"value":"}{","x":"}"}`:               `"}{"`,
		`{"method":"m","value":[1]}`:           `[1]`,
		" {\n\"value\": true }\n":              `true`,
		`{"value":null}`:                       `null`,
		`{"valu":1,"value":{"value":"inner"}}`: `{"value":"inner"}`,
	} {
		if got, err := c.Parse([]byte(body)); string(got) != want || err != nil {
			t.Errorf("Parse(%s) = %s, %v; want %s", body, got, err, want)
		}
	}
	for _, body := range []string{``, `7`, `{}`, `{"value":`, `{"value":7}}`, `{"value":7`, `[]`} {
		if got, err := c.Parse([]byte(body)); err == nil {
			t.Errorf("Parse(%s) = %s, want an error", body, got)
		}
	}
}

// TestBytesKeepsWhatIsItsOwn: a short body is the reader's, a long one the value's.
func TestBytesKeepsWhatIsItsOwn(t *testing.T) {
	short, long := []byte("short"), bytes.Repeat([]byte("x"), 64<<10+1)
	got, _ := Bytes().Parse(short)
	short[0] = 'X'
	if string(got) != "short" {
		t.Errorf("a short body was kept: %q", got)
	}
	if got, _ = Bytes().Parse(long); &got[0] != &long[0] {
		t.Error("a long body was copied")
	}
}

// FuzzJSON: a body is parsed as encoding/json parses it, whatever its form.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"value":7,"x":{"value":8}}`))
	f.Add([]byte(`{"value":"}"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var want struct {
			Value any `json:"value"`
		}
		wantErr := json.Unmarshal(body, &want)
		got, err := JSON[any]().Parse(body)
		if err != nil && (wantErr != nil || want.Value == nil) {
			return
		}
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want.Value)
		if err != nil || wantErr != nil || !bytes.Equal(a, b) {
			t.Fatalf("Parse(%q) = %s, %v; want %s, %v", body, a, err, b, wantErr)
		}
	})
}

func TestVariable(t *testing.T) {
	if in, out, err := parseVariable("3,4"); in != 3 || out != 4 || err != nil {
		t.Errorf("3,4: %d, %d, %v", in, out, err)
	}
	for _, bad := range []string{"", "3", "3,", "a,b", "3,4,5", "-1,2", "3, 4", "99999999999,1"} {
		if _, _, err := parseVariable(bad); err == nil || !strings.Contains(err.Error(), "GANGER_FD") {
			t.Errorf("%q: %v, want an error that names the variable", bad, err)
		}
	}
	t.Setenv(Variable, "")
	if _, err := Stream(); err == nil {
		t.Error("an empty variable was taken for descriptors")
	}
	t.Setenv(Variable, "1000,1001")
	if _, err := Stream(); err == nil || !strings.Contains(err.Error(), "descriptor 1000") {
		t.Errorf("descriptors that do not exist: %v", err)
	}
}
