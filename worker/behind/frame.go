package behind

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/ganger-dev/ganger/worker"
)

// framed is how an envelope lies in a body of the native protocol:
// {"method":type,"value":body}, without the method where there is no type.
type framed struct{}

func (framed) Format() string { return "json" }

func (framed) Append(dst []byte, e worker.Envelope) ([]byte, error) {
	dst = append(dst, '{')
	if e.Type != "" {
		word, err := json.Marshal(e.Type)
		if err != nil {
			return nil, err
		}
		dst = append(append(append(dst, `"method":`...), word...), ',')
	}
	return append(append(append(dst, `"value":`...), e.Body...), '}'), nil
}

// Parse takes the plain form apart where it can. What lies between the head and
// the last brace is checked when it is decoded.
func (framed) Parse(body []byte) (worker.Envelope, error) {
	word, value, ok := plain(body)
	if ok {
		return worker.Envelope{Type: word, Body: bytes.Clone(value)}, nil
	}
	var members struct {
		Method string          `json:"method"`
		Value  json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(body, &members); err != nil {
		return worker.Envelope{}, err
	}
	if members.Value == nil {
		return worker.Envelope{}, errNoValue
	}
	return worker.Envelope{Type: members.Method, Body: members.Value}, nil
}

var errNoValue = errors.New(`the body has no member "value"`)

func plain(body []byte) (word string, value []byte, ok bool) {
	if rest, ok := bytes.CutPrefix(body, []byte(`{"method":"`)); ok {
		n := bytes.IndexByte(rest, '"')
		if n < 0 || bytes.IndexByte(rest[:n], '\\') >= 0 || !utf8.Valid(rest[:n]) {
			return "", nil, false
		}
		word, body = string(rest[:n]), rest[n+1:]
		value, ok = bytes.CutPrefix(body, []byte(`,"value":`))
		if !ok {
			return "", nil, false
		}
	} else if value, ok = bytes.CutPrefix(body, []byte(`{"value":`)); !ok {
		return "", nil, false
	}
	value, ok = bytes.CutSuffix(value, []byte("}"))
	return word, value, ok && single(value)
}

// single reports whether value, if it is JSON at all, is one value and not the
// beginning of more members. Whether it is JSON its decoding says.
func single(value []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{', c == '[':
			depth++
		case c == '}', c == ']':
			depth--
		case c == ',' && depth <= 0:
			return false
		}
	}
	return depth == 0 && !quoted
}
